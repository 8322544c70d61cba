//! Import and export.

use std::{fs, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{Served, bundle, run};

#[test]
fn a_gzipped_bundle_goes_in_and_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json.gz"));
    let mut encoder = GzEncoder::new(fs::File::create(&file).unwrap(), Compression::fast());
    serde_json::to_writer(&mut encoder, &bundle()).unwrap();
    encoder.finish().unwrap();
    let imported = run(&store, &["import", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    assert!(imported.stdout.is_empty());

    let exported = run(&store, &["export", "patient:p1"]);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let bundle: Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&"Bundle".into(), &"collection".into())
    );
    let observation = &bundle["entry"][0]["resource"];
    assert_eq!(observation["id"], "1f3f9b6c-2d1b-4ad0-8b7e-0f0e5f6c1a02");
    assert_eq!(observation["subject"]["reference"], "Patient/p1");
    assert_eq!(bundle["entry"][1]["resource"]["birthDate"], "1970-01-02");
}

#[test]
fn a_bad_entry_is_named_and_the_exit_code_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json"));
    let mut bundle = bundle();
    bundle["entry"][1]["resource"]["resourceType"] = "Nonsense".into();
    fs::write(&file, bundle.to_string()).unwrap();
    let imported = run(&store, &["import", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(1));
    let said = String::from_utf8(imported.stderr).unwrap();
    assert!(said.contains("b.json: entry 1: resourceType is missing"), "{said}");
    assert_eq!(run(&store, &["export", "patient:p1"]).status.code(), Some(0));
}

#[test]
fn through_a_running_server_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json"));
    fs::write(&file, bundle().to_string()).unwrap();
    let server = Served::start(&store, &[]);
    let nowhere = PathBuf::from("unused");
    let arguments = ["import", file.to_str().unwrap(), "--server", &server.url];
    let imported = run(&nowhere, &arguments);
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    let through = run(&nowhere, &["export", "patient:p1", "--server", &server.url]);

    // The store itself is taken, and the error says what to do.
    let taken = run(&store, &["export", "patient:p1"]);
    assert_eq!(taken.status.code(), Some(2));
    assert!(String::from_utf8(taken.stderr).unwrap().contains("--server"));
    drop(server);
    let direct = run(&store, &["export", "patient:p1"]);
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    assert_eq!(parse(&through.stdout), parse(&direct.stdout));
    assert!(!nowhere.exists());
}

#[test]
fn what_cannot_be_done_is_said_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let said = |arguments: &[&str]| {
        let output = run(&store, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["export", "patient:p1"]).contains("there is no store"));
    assert!(!store.exists(), "asking for a room founded a store");
    fs::create_dir(&store).unwrap();
    assert!(said(&["export", "patient:p1"]).contains("there is no room patient:p1"));
    assert!(said(&["export", "p1"]).contains("no room name"));
    assert!(said(&["import", "x.json", "--server", "ftp://x"]).contains("http://"));
    assert!(said(&["serve", "--listen", "0.0.0.0:0"]).contains("no sign-in is configured"));
}
