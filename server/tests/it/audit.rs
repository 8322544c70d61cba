//! The audit trail as an operator sees it.

use std::{fs, path::Path};

use chartroom_engine::{RoomId, RoomName};
use chartroom_server::storage::{Fact, RoomBatch, Sled, Storage};
use serde_json::{Value, json};

use crate::{Served, bundle, run};

/// What a command prints, and its exit code.
fn said(store: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(store, arguments);
    assert!(output.stderr.is_empty() || output.status.code() == Some(2), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_was_done_is_listed_and_verified_and_what_is_taken_away_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json"));
    fs::write(&file, bundle().to_string()).unwrap();
    assert_eq!(run(&store, &["import", file.to_str().unwrap()]).status.code(), Some(0));
    let (whole, code) = said(&store, &["audit", "verify"]);
    assert_eq!(code, Some(0), "{whole}");
    assert!(whole.contains(" entries, 1 checkpoints, whole; 0 since the last"), "{whole}");

    let listed = lines(&said(&store, &["audit", "list", "--person", "import"]).0);
    assert!(!listed.is_empty());
    assert!(listed.iter().all(|entry| entry["act"] == "write" && entry["import"] == true));
    let in_room = ["audit", "list", "--room", "patient:p1", "--limit", "1"];
    assert_eq!(lines(&said(&store, &in_room).0)[0], listed[0]);
    let after = listed[0]["n"].to_string();
    let behind = lines(&said(&store, &["audit", "list", "--after", &after]).0);
    assert_eq!(behind.last().unwrap()["act"], "checkpoint");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("1970-01-02") && !format!("{listed:?}").contains("1970-01-02"));

    // A server goes on in the same chain; its start and what it acknowledged are in it though it is killed.
    let served = Served::start(&store, &[]);
    let resource = json!({ "resourceType": "Patient", "id": "p1", "active": true });
    let put = json!({ "kind": "put", "resource": resource });
    assert_eq!(served.post("/rooms/patient:p1/commands", &put), 200);
    drop(served);
    let (whole, code) = said(&store, &["audit", "verify"]);
    assert_eq!(code, Some(0), "{whole}");
    // The request's own entry comes behind its answer, and may or may not be there.
    let since = |entries: u64| format!(" 1 checkpoints, whole; {entries} since the last");
    assert!([2, 3].iter().any(|entries| whole.contains(&since(*entries))), "{whole}");

    let kept = folder.path().join("checkpoints.jsonl");
    fs::write(&kept, said(&store, &["audit", "checkpoint"]).0).unwrap();
    let with_kept = ["audit", "verify", "--checkpoint", kept.to_str().unwrap()];
    assert_eq!(said(&store, &with_kept).1, Some(0));
    let sled = Sled::at(&store).unwrap();
    let room = RoomId::first(RoomName::directory());
    let first = Fact { table: "audit-log".to_owned(), key: format!("{:020}", 1), value: None };
    sled.commit(&[RoomBatch::of_facts(room, vec![first])]).unwrap();
    drop(sled);
    let (found, code) = said(&store, &["audit", "verify"]);
    assert_eq!(code, Some(1), "{found}");
    assert!(found.starts_with("entry 1 is missing: "), "{found}");
}

#[test]
fn a_key_elsewhere_signs_and_another_verifies_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("store"), folder.path().join("b.json"));
    let key = folder.path().join("keys").join("ward.key");
    fs::write(&file, bundle().to_string()).unwrap();
    let import = ["import", file.to_str().unwrap(), "--audit-key", key.to_str().unwrap()];
    assert_eq!(run(&store, &import).status.code(), Some(0));
    assert!(!store.join("audit.key").exists());
    let public = key.with_extension("pub");
    let verify = |key: &Path| said(&store, &["audit", "verify", "--key", key.to_str().unwrap()]);
    assert_eq!(verify(&public).1, Some(0));
    let other = folder.path().join("other");
    assert_eq!(run(&other, &["import", file.to_str().unwrap()]).status.code(), Some(0));
    let (found, code) = verify(&other.join("audit.pub"));
    assert_eq!(code, Some(1), "{found}");
    assert!(found.contains("it is a checkpoint, and not what the key signed"), "{found}");
    assert_eq!(verify(&folder.path().join("none")).1, Some(2));
}
