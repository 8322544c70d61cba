//! The server's process: how it ends, and what it serves at `/`.

use std::{fs, process::Command};

use crate::{Served, bundle, run};

#[test]
fn sigterm_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Served::start(folder.path(), &[]);
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_web_app_is_served_with_its_types_and_caching() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("dist");
    fs::create_dir_all(web.join("assets")).unwrap();
    fs::write(web.join("index.html"), "<!doctype html><title>app</title>").unwrap();
    fs::write(web.join("assets/engine-1a2b.wasm"), "\0asm").unwrap();
    let server = Served::start(&folder.path().join("store"), &["--web", web.to_str().unwrap()]);
    let (status, kind, body) = server.get("/");
    assert_eq!((status, kind.as_str()), (200, "text/html"));
    assert!(body.contains("app"));
    let (status, kind, _) = server.get("/assets/engine-1a2b.wasm");
    assert_eq!((status, kind.as_str()), (200, "application/wasm"));
    // An address of the app gives its page; an asset of an older build gives none.
    assert_eq!(server.get("/chart/p1").1, "text/html");
    assert_eq!(server.get("/assets/engine-old.wasm").0, 404);
}

#[test]
fn a_file_goes_as_the_build_compressed_it() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("dist");
    fs::create_dir_all(web.join("assets")).unwrap();
    fs::write(web.join("index.html"), "<!doctype html>").unwrap();
    fs::write(web.join("assets/app.js"), "let plain;").unwrap();
    fs::write(web.join("assets/app.js.br"), "as brotli has it").unwrap();
    let server = Served::start(&folder.path().join("store"), &["--web", web.to_str().unwrap()]);
    let sent = |accepted: &str| {
        let request = ureq::get(format!("{}/assets/app.js", server.url));
        let mut response = request.header("accept-encoding", accepted).call().unwrap();
        let header = |name| response.headers().get(name).map(|value| value.as_bytes().to_vec());
        let (kind, encoding) = (header("content-type"), header("content-encoding"));
        assert_eq!(kind.unwrap(), b"text/javascript");
        (encoding, response.body_mut().read_to_vec().unwrap())
    };
    assert_eq!(sent("gzip, br"), (Some(b"br".to_vec()), b"as brotli has it".to_vec()));
    assert_eq!(sent("identity"), (None, b"let plain;".to_vec()));
}

#[test]
fn without_the_web_app_a_page_says_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::start(&folder.path().join("store"), &["--web", "nowhere"]);
    let (status, _, body) = server.get("/");
    assert_eq!(status, 200);
    assert!(body.contains("make run"));
    assert_eq!(server.get("/nothing").0, 404);
}

#[test]
fn no_log_line_names_a_patient() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json"));
    let text = bundle().to_string().replace("p1", "canary-7f3a");
    fs::write(&file, text).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let output = crate::chartroom()
        .env("RUST_LOG", "chartroom_server=trace,chartroom_engine=trace")
        .arg("--data")
        .arg(&store)
        .args(["import", file.to_str().unwrap()])
        .stderr(log)
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!said.contains("canary"), "{said}");
    assert!(run(&store, &["export", "patient:canary-7f3a"]).status.success());
}

#[test]
fn a_bad_table_of_critical_values_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("critical.json"));
    std::fs::write(&file, r#"{"rows": [{"codes": ["2823-3"], "what": "potassium"}]}"#).unwrap();
    let path = file.to_str().unwrap();
    let ended = run(&store, &["serve", "--listen", "127.0.0.1:0", "--critical-values", path]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("critical.json") && said.contains("row 1"), "{said}");
    assert!(!store.exists(), "nothing is left behind");
}
