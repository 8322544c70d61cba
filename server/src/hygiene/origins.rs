//! Which sites' pages may ask: the server's own, and those that the operator lists.
//!
//! A browser sends `Origin` with every WebSocket, every request that a page makes to another site,
//! and every one that writes; other clients send none. CORS alone would not do: it leaves WebSockets
//! open, and lets a foreign page send what it only may not read.

use std::{str::FromStr, time::Duration};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HOST, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, ORIGIN, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
};
use tower_http::cors::CorsLayer;
use url::Url;

/// How long a browser may remember what it was told it may ask.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A site, as browsers name it: scheme, host, and port where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// The text is no site's address (caller).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is https://host or http://host, with a port where needed, and nothing behind it"
)]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url: Url = text.parse().map_err(|_| OriginError)?;
        let origin = Self::of(&url);
        let bare = text.strip_suffix('/').unwrap_or(text);
        // Anything else behind the host would be dropped in silence.
        let is_bare = bare.matches('/').count() == 2 && !bare.contains(['?', '#', '@', '*']);
        if is_bare && ["http", "https"].contains(&url.scheme()) {
            Ok(origin)
        } else {
            Err(OriginError)
        }
    }
}

impl Origin {
    /// The site of an address.
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }
}

/// The sites beside the server's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// May ask across sites, and read the answers.
    listed: Vec<Origin>,
    /// The server's own, where its clients know it by another name than `Host` says.
    own: Option<Origin>,
}

impl Origins {
    /// Those that the operator lists, and the server's own by its public address.
    pub fn new(listed: Vec<Origin>, public: Option<&Url>) -> Self {
        Self { listed, own: public.map(Origin::of) }
    }

    /// Whether a request may be answered: it comes from no page, or from one of these sites.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(ORIGIN).iter();
        let Some(origin) = named.next() else { return true };
        let Some(origin) = origin.to_str().ok().filter(|_| named.next().is_none()) else {
            return false;
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| is_of_host(origin, host))
            || self.listed.iter().chain(&self.own).any(|Origin(site)| site == origin)
    }

    /// What tells browsers so; nothing where no other site is listed.
    pub fn layer(&self) -> Option<CorsLayer> {
        if self.listed.is_empty() {
            return None;
        }
        // They were parsed as URLs, which have no bytes that a header could not hold.
        let listed = self.listed.iter().filter_map(|Origin(site)| HeaderValue::from_str(site).ok());
        let layer = CorsLayer::new()
            .allow_origin(listed.collect::<Vec<_>>())
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_MATCH,
                IF_MODIFIED_SINCE,
                IF_NONE_MATCH,
                HeaderName::from_static("if-none-exist"),
                HeaderName::from_static("last-event-id"),
                HeaderName::from_static("prefer"),
                HeaderName::from_static("x-chartroom-person"),
                HeaderName::from_static("x-provenance"),
            ])
            .expose_headers([
                CONTENT_LOCATION,
                ETAG,
                LAST_MODIFIED,
                LOCATION,
                RETRY_AFTER,
                WWW_AUTHENTICATE,
            ])
            .max_age(REMEMBERED);
        Some(layer)
    }
}

/// Whether a page of `origin` was served under `host`, whose scheme a proxy may have taken off.
fn is_of_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return false,
    };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_lowercase();
    !authority.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(origins: &Origins, origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(HOST, host.parse().unwrap());
        origins.admit(&headers)
    }

    #[test]
    fn a_page_is_of_the_host_it_came_from() {
        let origins = Origins::default();
        for (origin, host) in [
            ("https://chart.example", "chart.example"),
            ("https://chart.example", "Chart.Example:443"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(admits(&origins, origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://evil.example", "chart.example"),
            ("https://chart.example.evil.example", "chart.example"),
            ("https://chart.example:8443", "chart.example"),
            ("http://127.0.0.1:5173", "127.0.0.1:8080"),
            ("file://chart.example", "chart.example"),
            ("null", "chart.example"),
            ("null", "null"),
            ("", ""),
            ("https://", ""),
        ] {
            assert!(!admits(&origins, origin, host), "{origin} {host}");
        }
        assert!(origins.admit(&HeaderMap::new()), "no page asks");
    }

    #[test]
    fn listed_sites_and_the_public_address_may_ask() {
        let listed = vec!["https://App.example:443/".parse().unwrap()];
        let public: Url = "https://chart.example/room".parse().unwrap();
        let origins = Origins::new(listed, Some(&public));
        assert!(admits(&origins, "https://app.example", "internal:8080"));
        assert!(admits(&origins, "https://chart.example", "internal:8080"));
        assert!(!admits(&origins, "http://app.example", "internal:8080"));
        let mut twice = HeaderMap::new();
        twice.append(ORIGIN, "https://app.example".parse().unwrap());
        twice.append(ORIGIN, "https://evil.example".parse().unwrap());
        assert!(!origins.admit(&twice));
    }

    #[test]
    fn only_sites_are_listed() {
        for wrong in [
            "*",
            "https://*.example",
            "app.example",
            "https://app.example/path",
            "ftp://a.example",
            "https://a@app.example",
            "https://app.example?x",
            "null",
            "https://",
        ] {
            assert_eq!(wrong.parse::<Origin>(), Err(OriginError), "{wrong}");
        }
    }
}
