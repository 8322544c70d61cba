//! `/`: the built web app, or a page that says how to build it.

use std::path::Path;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
};
use tower_http::{
    compression::CompressionLayer,
    services::{ServeDir, ServeFile},
};

use crate::{error::ApiError, hygiene::Cacheable, sign_in::App};

/// The build gives assets names with a hash of their content, so they never change.
const CACHE_ASSETS: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The page that names the assets is asked for each time.
const CACHE_PAGES: HeaderValue = HeaderValue::from_static("no-cache");
/// Where the build puts them.
const ASSETS: &str = "/assets/";

/// What the page may load: itself. The component library sets its colours in a style element.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'; connect-src 'self'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<title>Chartroom</title><body style=\"font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto\">\
<h1>Chartroom is running</h1><p>The workspace is not built yet. \
<code>make run</code> builds and serves it; or build it with \
<code>cd web &amp;&amp; npm install &amp;&amp; npm run build</code> \
and start the server with <code>--web web/dist</code>.</p>\
<p>Rooms: <a href=\"/rooms\">/rooms</a></p>";

/// Serves the files of a folder; addresses of the app itself give its page, which may talk to this
/// server and to where people sign in.
pub(crate) fn service(folder: &Path, app: Option<&App>) -> Router {
    let page = folder.join("index.html");
    if !page.is_file() {
        return Router::new().fallback(not_built);
    }
    // The build leaves each file compressed beside it; what it did not is compressed on the way.
    let page = ServeFile::new(page).precompressed_br().precompressed_gzip();
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip().fallback(page);
    Router::new()
        .fallback_service(files)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(policy(app), with_headers))
}

fn policy(app: Option<&App>) -> HeaderValue {
    let origins = app.map(App::origins).unwrap_or_default();
    let text = origins.iter().fold(POLICY.to_owned(), |text, origin| format!("{text} {origin}"));
    HeaderValue::try_from(text).expect("an origin is of ASCII letters, digits and marks")
}

async fn not_built(request: Request) -> Response {
    if request.uri().path() == "/" {
        Html(NOT_BUILT).into_response()
    } else {
        ApiError::NotFound.into_response()
    }
}

async fn with_headers(
    State(policy): State<HeaderValue>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let asset = request.uri().path().starts_with(ASSETS);
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if asset && is_page {
        // An asset of an older build: the page in its place would be taken for the script.
        return ApiError::NotFound.into_response();
    }
    if [StatusCode::OK, StatusCode::NOT_MODIFIED].contains(&response.status()) {
        let cache = if asset { CACHE_ASSETS } else { CACHE_PAGES };
        response.headers_mut().insert(CACHE_CONTROL, cache);
        response.extensions_mut().insert(Cacheable);
    }
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}
