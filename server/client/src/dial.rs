//! Opening a socket to a server's `/sync` and saying who is there.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        error::ProtocolError,
        http::{HeaderValue, Uri, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};

use chartroom_engine::limits::WIRE_BYTES_MAX;

use crate::backoff::Trouble;

/// A WebSocket to a server.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long opening a socket may take.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Read buffer of a socket: it is zeroed for every read.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Where a server answers, and what opens its door.
#[derive(Clone)]
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
    token: Option<Token>,
}

/// Where a token comes from.
#[derive(Clone)]
enum Token {
    Fixed(HeaderValue),
    Source(Arc<dyn Fn() -> BoxFuture<'static, Result<String, TokenError>> + Send + Sync>),
}

/// Why a source gives no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is none for now (environment): the source is asked again with the next attempt.
    #[error("no token is to be had for now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is none until a person signs in (caller): no attempt follows.
    #[error("nobody is signed in")]
    SignedOut,
}

/// Why a text is no server's address, or no token (caller).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL, or of a scheme other than ws, wss, http and https.
    #[error("a server's address begins with ws://, wss://, http:// or https://")]
    Url,
    /// A token has a character that no HTTP header can carry.
    #[error("the token holds characters that no HTTP header can carry")]
    Token,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody answers there (environment).
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::Error),
    /// It did not answer in time (environment).
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// What answers takes no WebSocket there (peer).
    #[error("it answered the upgrade with {0}")]
    Refused(u16),
    /// What answers speaks no WebSocket (peer).
    #[error("it does not speak WebSocket: {0}")]
    NoWebSocket(Box<tungstenite::Error>),
    /// There is no token for it (caller, environment).
    #[error(transparent)]
    Token(#[from] TokenError),
    /// What the source of tokens gave is none (caller).
    #[error(transparent)]
    NoToken(TargetError),
}

impl DialError {
    /// Whether trying again soon may help.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Unreachable(_)
            | Self::TimedOut
            | Self::Refused(429 | 500..)
            | Self::Token(TokenError::Unavailable(_)) => Trouble::Passing,
            Self::Refused(_) | Self::NoWebSocket(_) | Self::Token(_) | Self::NoToken(_) => {
                Trouble::Lasting
            }
        }
    }
}

impl Target {
    /// By a server's address, such as `wss://hospital.example` or `http://127.0.0.1:8080`; without a
    /// path `/sync` is meant.
    pub fn new(url: &str) -> Result<Self, TargetError> {
        let uri: Uri = url.trim().parse().map_err(|_| TargetError::Url)?;
        let (scheme, port) = match uri.scheme_str() {
            Some("ws" | "http") => ("ws", 80),
            Some("wss" | "https") => ("wss", 443),
            Some(_) | None => return Err(TargetError::Url),
        };
        let authority = uri.authority().ok_or(TargetError::Url)?.clone();
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(port);
        let path = match uri.path_and_query().map(|path| path.as_str()) {
            None | Some("" | "/") => "/sync",
            Some(path) => path,
        };
        let uri = format!("{scheme}://{authority}{path}").parse().map_err(|_| TargetError::Url)?;
        Ok(Self { uri, host, port, token: None })
    }

    /// With a token, sent as `Authorization: Bearer`.
    pub fn with_token(self, token: &str) -> Result<Self, TargetError> {
        Ok(Self { token: Some(Token::Fixed(bearer(token)?)), ..self })
    }

    /// With a token that `source` gives, asked anew for every connection: one that has expired is of
    /// no use again. It counts towards the time that opening a socket may take.
    pub fn with_token_source<F>(self, source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        let source = Arc::new(move || -> BoxFuture<'static, _> { Box::pin(source()) });
        Self { token: Some(Token::Source(source)), ..self }
    }

    /// Whether the next connection may bring another token than the last.
    pub(crate) fn renews_token(&self) -> bool {
        matches!(self.token, Some(Token::Source(_)))
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, DialError> {
        Ok(match &self.token {
            None => None,
            Some(Token::Fixed(value)) => Some(value.clone()),
            Some(Token::Source(source)) => {
                Some(bearer(&source().await?).map_err(DialError::NoToken)?)
            }
        })
    }

    /// The address as a person reads it, without anything secret.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether what is sent is encrypted on the way.
    pub fn is_encrypted(&self) -> bool {
        self.uri.scheme_str() == Some("wss")
    }
}

fn bearer(token: &str) -> Result<HeaderValue, TargetError> {
    let value = format!("Bearer {}", token.trim());
    let mut value = HeaderValue::from_str(&value).map_err(|_| TargetError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where it leads, without the token.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address())
    }
}

/// Opens a WebSocket; whom `wss` trusts is for the system's certificate store to say.
pub async fn dial(target: &Target) -> Result<Socket, DialError> {
    match timeout(PATIENCE, open(target)).await {
        Ok(opened) => opened,
        Err(_) => Err(DialError::TimedOut),
    }
}

async fn open(target: &Target) -> Result<Socket, DialError> {
    let authorization = target.authorization().await?;
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await;
    let stream = stream.map_err(DialError::Unreachable)?;
    stream.set_nodelay(true).map_err(DialError::Unreachable)?;
    let no_web_socket = |error| DialError::NoWebSocket(Box::new(error));
    let mut request = target.uri.clone().into_client_request().map_err(no_web_socket)?;
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    // Somebody in this process may have chosen one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(WIRE_BYTES_MAX))
        .max_frame_size(Some(WIRE_BYTES_MAX));
    let opened = client_async_tls_with_config(request, stream, Some(config), None).await;
    match opened {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(DialError::Refused(answer.status().as_u16())),
        Err(tungstenite::Error::Io(error)) => Err(DialError::Unreachable(error)),
        // It went while it was spoken to, as a server does that is being started again.
        Err(tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete)) => {
            Err(DialError::Unreachable(std::io::ErrorKind::UnexpectedEof.into()))
        }
        Err(error) => Err(no_web_socket(error)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn an_address_is_a_url_with_or_without_its_path() {
        for (url, uri) in [
            ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/sync"),
            ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/sync"),
            ("wss://hospital.example", "wss://hospital.example/sync"),
            ("https://hospital.example/ward/sync?a=1", "wss://hospital.example/ward/sync?a=1"),
        ] {
            assert_eq!(Target::new(url).unwrap().uri.to_string(), uri);
        }
        assert_eq!(Target::new("ws://[::1]:80").unwrap().host, "::1");
        assert_eq!(Target::new("wss://hospital.example").unwrap().port, 443);
        for bad in ["", "hospital.example", "ftp://x", "/sync", "ws:///sync"] {
            assert!(Target::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_shows_nowhere() {
        let target = Target::new("ws://x").unwrap().with_token("secret").unwrap();
        assert!(!format!("{target:?}").contains("secret"));
        assert!(Target::new("ws://x").unwrap().with_token("a\nb").is_err());
    }

    #[tokio::test]
    async fn a_source_is_asked_for_every_connection() {
        let asked = std::sync::atomic::AtomicU32::new(0);
        let target = Target::new("ws://x").unwrap().with_token_source(move || {
            let n = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            std::future::ready(match n {
                2 => Ok("a\nb".to_owned()),
                3 => Err(TokenError::SignedOut),
                4 => Err(TokenError::Unavailable("secret".into())),
                n => Ok(format!("t{n}")),
            })
        });
        for expected in ["Bearer t0", "Bearer t1"] {
            assert_eq!(target.authorization().await.unwrap().unwrap(), expected);
        }
        for (text, trouble) in [
            ("the token holds characters that no HTTP header can carry", Trouble::Lasting),
            ("nobody is signed in", Trouble::Lasting),
            ("no token is to be had for now", Trouble::Passing),
        ] {
            let error = target.authorization().await.unwrap_err();
            assert_eq!((error.to_string().as_str(), error.trouble()), (text, trouble));
        }
    }

    #[tokio::test]
    async fn a_server_that_goes_while_it_is_spoken_to_is_dialled_again_soon() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::new(&format!("ws://{}", listener.local_addr().unwrap())).unwrap();
        let goes = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            // All of the request is read, so that closing resets nothing.
            let mut request = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut request).await.unwrap();
                request.rotate_left(read);
            }
        };
        let (opened, ()) = tokio::join!(dial(&target), goes);
        assert_eq!(opened.unwrap_err().trouble(), Trouble::Passing);
    }
}
