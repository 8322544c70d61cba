//! How the server is reached: pages of other sites, https, and the address that clients know.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use crate::{Served, run};

/// Status line and body of a request with these headers, over a connection of its own.
fn ask(server: &Served, path: &str, headers: &str) -> (String, String) {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![0; 16 * 1024];
    let read = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

const UPGRADE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn a_page_of_another_site_is_refused_at_every_door() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::start(folder.path(), &["--allow-origin", "http://localhost:5173"]);
    let sockets = ["/sync", "/api/ws", "/ws"];
    let requests = ["/", "/rooms", "/fhir/R4/Patient", "/metrics", "/healthz", "/nowhere"];
    let (own, listed) = (format!("origin: {}", server.url), "origin: http://localhost:5173");
    for path in sockets.into_iter().chain(requests) {
        let upgrade = if sockets.contains(&path) { UPGRADE } else { "" };
        for foreign in ["https://evil.example", "http://localhost:5174", "null"] {
            let headers = format!("{upgrade}origin: {foreign}");
            let (status, body) = ask(&server, path, &headers);
            assert_eq!(status, "HTTP/1.1 403 Forbidden", "{path} {foreign}");
            assert!(body.contains("pages of other sites"), "{body}");
        }
        for known in [&own, listed] {
            let (status, _) = ask(&server, path, &format!("{upgrade}{known}"));
            assert!(!status.contains("403"), "{path} {known}: {status}");
            assert!(upgrade.is_empty() || status.contains("101"), "{path} {known}: {status}");
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("cert.pem"));
    fs::write(&file, "no certificate").unwrap();
    let path = file.to_str().unwrap();
    let ended = run(&store, &["serve", "--tls-cert", path, "--tls-key", path]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("cert.pem: "), "{said}");
    assert!(!store.exists(), "nothing is left behind");
    let ended = run(&store, &["serve", "--tls-cert", path]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("--tls-key"), "one needs the other: {said}");
}

#[test]
fn links_name_the_address_that_clients_know() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::start(folder.path(), &["--public-url", "https://chart.example/room/"]);
    let (status, _, body) = server.get("/fhir/R4/Patient");
    assert_eq!(status, 200);
    let bundle: Value = serde_json::from_str(&body).unwrap();
    let link = bundle["link"][0]["url"].as_str().unwrap();
    assert!(link.starts_with("https://chart.example/room/fhir/R4/Patient"), "{link}");
}

#[test]
fn with_a_certificate_it_answers_https() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [&certificate, &key].map(|path| path.to_str().unwrap());
    let server = Served::start(
        &folder.path().join("store"),
        &["--tls-cert", files[0], "--tls-key", files[1]],
    );
    let address = server.url.strip_prefix("https://").unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    let mut stream = rustls::StreamOwned::new(session, socket);
    let head = format!("GET /fhir/R4/Patient HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    assert!(answer.contains(&format!("https://{address}/fhir/R4/Patient")), "{answer}");
}
