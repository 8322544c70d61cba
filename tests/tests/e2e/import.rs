//! The project's own and the shared patients go in and come out equal.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chartroom_server::{
    cli,
    config::{Options, ServerOptions, Task},
};
use chartroom_tests::server::Server;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use crate::start;

#[tokio::test(flavor = "multi_thread")]
async fn imported_bundles_come_back_equal() {
    let files = shared_bundles();
    if files.is_empty() {
        println!("skipped: ../shared/data is absent");
        return;
    }
    let (_folder, server) = start().await;
    assert_eq!(import(&files, None, Some(server.http())).await, ExitCode::SUCCESS);
    let heads = all_heads(&server).await;

    let mut expected: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut rewritten = Vec::new();
    for file in &files {
        for resource in resources(file, &mut rewritten) {
            expected.insert(identity(&resource), resource);
        }
    }
    let mut exported = BTreeMap::new();
    for room in room_names(&server).await {
        let bundle = server.get(&format!("/rooms/{room}/document?format=bundle")).await.unwrap();
        for entry in bundle.body["entry"].as_array().unwrap() {
            let resource = entry["resource"].clone();
            assert!(exported.insert(identity(&resource), resource).is_none(), "twice in {room}");
        }
    }
    assert_eq!(exported.len(), expected.len());
    for (identity, resource) in &expected {
        // A decimal of another number of digits is another value here.
        assert_eq!(exported.get(identity), Some(resource), "{identity:?}");
    }
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/rewritten-references.txt");
    std::fs::create_dir_all(Path::new(list).parent().unwrap()).unwrap();
    std::fs::write(list, rewritten.join("\n")).unwrap();
    println!(
        "{} resources equal, {} references rewritten, listed in tests/artifacts",
        expected.len(),
        rewritten.len()
    );

    // The bundles disagree about some organizations, so only patients' rooms stay as they were.
    let of_patients = |heads: Vec<Value>| -> Vec<Value> {
        heads.into_iter().filter(|room| room[0] != "facility:directory").collect()
    };
    let again: Vec<PathBuf> = files.iter().step_by(4).cloned().collect();
    assert_eq!(import(&again, None, Some(server.http())).await, ExitCode::SUCCESS);
    assert_eq!(of_patients(all_heads(&server).await), of_patients(heads), "imported twice");
    let heads = all_heads(&server).await;
    let last = files.last().unwrap().clone();
    assert_eq!(import(&[last], None, Some(server.http())).await, ExitCode::SUCCESS);
    assert_eq!(all_heads(&server).await, heads, "imported twice");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_entry_is_left_out_and_the_rest_imported() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": "urn:uuid:p1", "resource": { "resourceType": "Patient", "id": "p1" } },
        { "resource": { "resourceType": "Nonsense", "id": "n" } },
        { "resource": { "resourceType": "Condition", "id": "c1",
            "subject": { "reference": "urn:uuid:p1" } } },
        {},
    ] });
    let file = folder.path().join("bundle.json");
    std::fs::write(&file, bundle.to_string()).unwrap();
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{").unwrap();
    let store = folder.path().join("store");
    let code = import(&[file, broken], Some(store.clone()), None).await;
    assert_eq!(code, ExitCode::from(1));

    let server = Server::start(&store).await.unwrap();
    let document = server.get("/rooms/patient:p1/document").await.unwrap().body;
    let condition = &document["resources"]["Condition"]["c1"];
    assert_eq!(condition["subject"]["reference"], "Patient/p1");
    assert_eq!(document["resources"]["Patient"]["p1"]["id"], "p1");
    server.stop().await.unwrap();
}

async fn import(files: &[PathBuf], data: Option<PathBuf>, server: Option<String>) -> ExitCode {
    let command = Task::Import {
        files: files.to_vec(),
        server: ServerOptions { url: server, ..Default::default() },
    };
    let options = Options { data, audit_key: None, log_json: false, command };
    tokio::task::spawn_blocking(move || cli::execute(options)).await.unwrap().unwrap()
}

fn shared_bundles() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folders = ["synthea", "wintehr"].map(|name| data.join(name));
    let mut files: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| folder.read_dir().ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    files.sort();
    files
}

/// The bundle's resources, with its own references as `Type/id`; each rewriting is noted.
fn resources(file: &Path, rewritten: &mut Vec<String>) -> Vec<Value> {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let names: BTreeMap<&str, String> = entries
        .iter()
        .filter_map(|entry| {
            let (kind, id) = identity(&entry["resource"]);
            Some((entry["fullUrl"].as_str()?, format!("{kind}/{id}")))
        })
        .filter(|(url, _)| url.starts_with("urn:uuid:"))
        .collect();
    let mut renamed = |resource: &Value| {
        let (kind, id) = identity(resource);
        // On the text, unlike the import itself: inside of a string a quote has a backslash before it.
        let text = resource.to_string();
        let mut pieces = text.split(r#""reference":""#);
        let mut renamed = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (url, rest) = piece.split_once('"').unwrap();
            let name = names.get(url);
            rewritten.extend(name.map(|name| format!("{kind}/{id}: {url} is {name}")));
            let reference = name.map_or(url, String::as_str);
            renamed.push_str(&format!(r#""reference":"{reference}"{rest}"#));
        }
        serde_json::from_str(&renamed).unwrap()
    };
    entries.iter().map(|entry| renamed(&entry["resource"])).collect()
}

fn identity(resource: &Value) -> (String, String) {
    let text = |name: &str| resource[name].as_str().unwrap().to_owned();
    (text("resourceType"), text("id"))
}

/// The rooms that take resources; `pharmacy:queue` shows what stands in them.
async fn room_names(server: &Server) -> Vec<String> {
    let rooms = server.get("/rooms").await.unwrap().body;
    let rooms = rooms["rooms"].as_array().unwrap();
    let names = rooms.iter().map(|room| room["room"].as_str().unwrap().to_owned());
    names.filter(|name| name != "pharmacy:queue").collect()
}

async fn all_heads(server: &Server) -> Vec<Value> {
    let mut heads = Vec::new();
    for room in room_names(server).await {
        let shown = server.get(&format!("/rooms/{room}")).await.unwrap().body;
        heads.push(json!([room, shown["heads"]]));
    }
    heads
}
