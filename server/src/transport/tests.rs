//! Real sockets on this machine: TLS and its renewal, slow and greedy clients, the end.

use std::{path::PathBuf, sync::Arc};

use axum::{
    extract::ws::{Message, WebSocketUpgrade},
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::{Signal, getpid, kill_process};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    signal::unix::{SignalKind, signal},
    sync::{Notify, oneshot},
    task::{JoinHandle, yield_now},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite};

use super::*;

const WAIT: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(transport: Transport, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(async { transport.serve(listener, app, stopped).await });
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn transport(tls: Option<Tls>, limits: &Limits) -> Transport {
    Transport::new(tls, limits, Exceeded::default())
}

/// Says who asks, and echoes over a WebSocket.
fn app() -> Router {
    let echo = async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                let _ = socket.send(Message::Text(text)).await;
            }
        })
    };
    let who = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
    Router::new().route("/who", get(who)).route("/echo", get(echo))
}

/// Asks over a connection that stays open; the status line and all that came with it.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8(answer[..read].to_vec()).unwrap()
}

async fn who(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    ask(stream, "GET /who HTTP/1.1\r\nhost: localhost\r\n\r\n").await
}

/// Two files, and the certificate that is in them.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.renew();
        files
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["cert.pem", "key.pem"].map(|name| self.folder.path().join(name))
    }

    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let [certificate, key] = self.paths();
        std::fs::write(certificate, cert.pem()).unwrap();
        std::fs::write(key, signing_key.serialize_pem()).unwrap();
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        let [certificate, key] = self.paths();
        Tls::from_files(&certificate, &key)
    }

    /// A client that trusts what is in the files now, and nothing else.
    fn client(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let [certificate, _] = self.paths();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config).into()
    }
}

async fn shake_hands(
    server: &Server,
    client: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    client.connect(name, server.connect().await).await
}

/// Waits until new connections get what is in the files now.
async fn until_renewed(server: &Server, files: &Files) -> TlsStream<TcpStream> {
    let client = files.client();
    let trying = async {
        loop {
            if let Ok(stream) = shake_hands(server, &client).await {
                return stream;
            }
            yield_now().await;
        }
    };
    timeout(WAIT, trying).await.unwrap()
}

#[tokio::test]
async fn https_serves_requests_and_websockets_and_tells_the_peer() {
    let files = Files::new();
    let tls = files.tls().unwrap();
    let server = Server::start(transport(Some(tls), &Limits::default()), app()).await;
    // Somebody who says nothing keeps nobody waiting.
    let _silent = server.connect().await;
    let mut stream = shake_hands(&server, &files.client()).await.unwrap();
    let local = stream.get_ref().0.local_addr().unwrap().to_string();
    let answer = who(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&local), "{answer}");
    let stream = shake_hands(&server, &files.client()).await.unwrap();
    let (mut socket, _) = client_async("wss://localhost/echo", stream).await.unwrap();
    socket.send(tungstenite::Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(), "hello");
    // Plain HTTP is no handshake.
    assert!(!who(&mut server.connect().await).await.starts_with("HTTP"));
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_connections_stay() {
    let files = Files::new();
    let tls = files.tls().unwrap().looking_every(Duration::from_millis(5));
    let keeping = tokio::spawn(tls.clone().keep());
    let server = Server::start(transport(Some(tls.clone()), &Limits::default()), app()).await;
    let mut old = shake_hands(&server, &files.client()).await.unwrap();
    assert!(who(&mut old).await.contains("200 OK"));
    files.renew();
    let mut new = until_renewed(&server, &files).await;
    assert!(who(&mut new).await.contains("200 OK"));
    assert!(who(&mut old).await.contains("200 OK"));
    keeping.abort();

    let client = files.client();
    let [certificate, key] = files.paths();
    std::fs::write(&certificate, "no certificate").unwrap();
    tls.look(true);
    std::fs::remove_file(&certificate).unwrap();
    tls.look(true);
    assert!(shake_hands(&server, &client).await.is_ok(), "the one before stays");
    // Half of the two is written: the key of another certificate.
    files.renew();
    let (other, matching) = (Files::new(), std::fs::read(&key).unwrap());
    std::fs::copy(&other.paths()[1], &key).unwrap();
    tls.look(true);
    assert!(shake_hands(&server, &client).await.is_ok());
    std::fs::write(&key, matching).unwrap();
    tls.look(true);
    assert!(shake_hands(&server, &files.client()).await.is_ok());
}

#[tokio::test]
async fn sighup_reads_the_certificate_again() {
    // Caught from here on, so that it ends nobody.
    let _caught = signal(SignalKind::hangup()).unwrap();
    let files = Files::new();
    let tls = files.tls().unwrap();
    let keeping = tokio::spawn(tls.clone().keep());
    let server = Server::start(transport(Some(tls), &Limits::default()), app()).await;
    files.renew();
    let client = files.client();
    let trying = async {
        while shake_hands(&server, &client).await.is_err() {
            kill_process(getpid(), Signal::HUP).unwrap();
            yield_now().await;
        }
    };
    timeout(WAIT, trying).await.unwrap();
    keeping.abort();
}

#[test]
fn what_is_wrong_with_the_files_is_named() {
    let files = Files::new();
    let [certificate, key] = files.paths();
    let error = |tls: Result<Tls, TlsError>| {
        let error = tls.unwrap_err().to_string();
        error.replace(&format!("{}/", files.folder.path().display()), "")
    };
    let gone = files.folder.path().join("gone.pem");
    let error_of = |certificate, key| error(Tls::from_files(certificate, key));
    assert!(error_of(&gone, &key).starts_with("gone.pem: "));
    assert!(error_of(&certificate, &gone).starts_with("gone.pem: "));
    assert!(error_of(&key, &key).starts_with("key.pem: "), "a key is no certificate");
    assert!(error_of(&certificate, &certificate).starts_with("cert.pem: "));
    let other = Files::new();
    let [_, foreign] = other.paths();
    let both = error_of(&certificate, &foreign);
    assert!(both.starts_with("the certificate in cert.pem and the key in "), "{both}");
}

#[tokio::test]
async fn a_head_has_a_time_and_a_size() {
    let slow = transport(None, &Limits::default()).with_head_wait(Duration::from_millis(20));
    let server = Server::start(slow, app()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: local").await.unwrap();
    let mut rest = Vec::new();
    timeout(WAIT, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.is_empty());

    let server = Server::start(transport(None, &Limits::default()), app()).await;
    let mut stream = server.connect().await;
    let filler = "x".repeat(HEAD_BYTES_MAX);
    let head = format!("GET /who HTTP/1.1\r\nhost: localhost\r\nfiller: {filler}\r\n\r\n");
    assert!(ask(&mut stream, &head).await.starts_with("HTTP/1.1 431 "));
    let many = "a: b\r\n".repeat(101);
    let head = format!("GET /who HTTP/1.1\r\n{many}\r\n");
    assert!(ask(&mut server.connect().await, &head).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn an_address_has_so_many_connections_but_any_number_of_sockets() {
    let limits = Limits { address_connections_max: Some(2), ..Limits::default() };
    let server = Server::start(transport(None, &limits), app()).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let stream = server.connect().await;
        sockets.push(client_async("ws://localhost/echo", stream).await.unwrap());
    }
    let open = |mut stream: TcpStream| async move {
        let answer = who(&mut stream).await;
        answer.contains("200 OK").then_some(stream)
    };
    // A socket's place is free a moment after its upgrade.
    let trying = async {
        loop {
            let held = [open(server.connect().await).await, open(server.connect().await).await];
            if held.iter().all(Option::is_some) {
                return held;
            }
        }
    };
    let held = timeout(WAIT, trying).await.unwrap();
    assert!(open(server.connect().await).await.is_none());
    drop(held);
    let trying = async { while open(server.connect().await).await.is_none() {} };
    timeout(WAIT, trying).await.unwrap();
    drop(sockets);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (Arc::clone(&entered), Arc::clone(&go));
    let slow = async move || {
        enter.notify_one();
        wait.notified().await;
        "done"
    };
    let server =
        Server::start(transport(None, &Limits::default()), app().route("/slow", get(slow))).await;
    let mut idle = server.connect().await;
    assert!(who(&mut idle).await.contains("200 OK"));
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    entered.notified().await;
    server.stop.send(()).unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "an idle connection ends at once");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody is let in");
    assert!(!server.task.is_finished());
    go.notify_one();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    server.task.await.unwrap();
}

#[test]
fn a_subscriber_counts_as_one_address() {
    let of = |address: &str| source(address.parse().unwrap()).to_string();
    assert_eq!(of("192.0.2.7"), "192.0.2.7");
    assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(of("::1"), "::1");
}
