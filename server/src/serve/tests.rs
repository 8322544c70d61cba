//! A whole server over https, with a socket at each door when it ends.

use futures_util::StreamExt;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{client_async, tungstenite::Message};

use super::*;
use crate::{storage::Memory, transport::Tls};

const WAIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn sockets_over_https_are_closed_in_order_at_the_end() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut config = ServerConfig::new("unused");
    config.tls = Some(Tls::from_files(&certificate, &key).unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let server =
        tokio::spawn(run_with_storage(config, Arc::new(Memory::default()), listener, stopped));

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = TlsConnector::from(Arc::new(client));
    let mut sockets = Vec::new();
    for path in ["sync", "api/ws", "ws"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = client.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let (socket, _) = client_async(format!("wss://localhost/{path}"), stream).await.unwrap();
        sockets.push(socket);
    }
    stop.send(()).unwrap();
    for socket in sockets {
        let last = socket.filter_map(async |message| match message {
            Ok(Message::Close(Some(frame))) => Some(u16::from(frame.code)),
            _ => None,
        });
        let codes = timeout(WAIT, last.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(codes, [1001]);
    }
    timeout(WAIT, server).await.unwrap().unwrap().unwrap();
}
