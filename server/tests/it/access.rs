//! Tasks that go through a server with sign-in, and those of who may come in.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{Served, bundle, run};

const SECRET: &str = "a secret of the tests, of forty-one bytes";

/// A file with a token of somebody.
fn token_file(folder: &Path, person: &str, role: &str) -> String {
    #[allow(clippy::disallowed_methods, reason = "tokens tell the time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let claims = json!({
        "sub": person, "jti": format!("token of {person}"), "roles": [role],
        "scope": "user/*.cruds", "iat": now, "exp": now + 60.0,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": "HS256" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let file = folder.join(format!("{role}.token"));
    fs::write(&file, format!("{signed}.{signature}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A server with sign-in, and whatever else.
fn start(folder: &Path, arguments: &[&str]) -> Served {
    start_with(folder, arguments, json!({}))
}

/// The same, with more in the sign-in file.
fn start_with(folder: &Path, arguments: &[&str], mut settings: Value) -> Served {
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    file("secret", SECRET.to_owned());
    settings["keys"] = json!([{ "algorithm": "HS256", "secretFile": "secret" }]);
    let sign_in = file("sign-in.json", settings.to_string());
    let roles = json!({ "roles": {
        "physician": { "writes": ["patient:*"] },
        "operator": { "may": ["admit", "operate"] },
        "importer": { "writes": ["patient:*"], "may": ["operate"] },
    }});
    let roles = file("roles.json", roles.to_string());
    let signs_in = ["--sign-in", &sign_in, "--roles", &roles];
    Served::start(&folder.join("store"), &[&signs_in, arguments].concat())
}

/// Exit code, and what was said on either side.
fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(Path::new("unused"), arguments);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), out + &err)
}

#[test]
fn a_token_opens_what_its_person_may_and_each_refusal_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let [alice, olga, ivan] = [("alice", "physician"), ("olga", "operator"), ("ivan", "importer")]
        .map(|(person, role)| token_file(folder.path(), person, role));
    let file = folder.path().join("b.json");
    fs::write(&file, bundle().to_string()).unwrap();
    let import = ["import", file.to_str().unwrap(), "--server", &server.url];
    let export = ["export", "patient:p1", "--server", &server.url];
    let rebuild = ["pharmacy", "rebuild", "--server", &server.url];
    let with = |task: &[&str], token: &str| said(&[task, &["--token-file", token]].concat());

    let (code, text) = said(&import);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("wants a sign-in: name a file with a token, with --token-file"),
        "{text}"
    );
    let (code, text) = with(&import, &alice);
    assert_eq!(code, Some(2));
    assert!(text.contains("does not allow this: this takes a role that may run"), "{text}");
    let (code, text) = with(&import, &ivan);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = with(&export, &alice);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1970-01-02"), "{text}");
    let (code, text) = with(&export, &olga);
    assert_eq!(code, Some(2));
    assert!(text.contains("there is no room patient:p1 on this server"), "{text}");
    assert_eq!(with(&rebuild, &alice).0, Some(2));
    let (code, text) = with(&rebuild, &olga);
    assert_eq!(code, Some(0), "{text}");

    let bad = folder.path().join("bad.token");
    fs::write(&bad, "not a token").unwrap();
    let (code, text) = with(&export, bad.to_str().unwrap());
    assert_eq!(code, Some(2));
    assert!(text.contains("does not take the token: the token cannot be read"), "{text}");
    fs::write(&bad, "secret\u{7}").unwrap();
    let (code, text) = with(&export, bad.to_str().unwrap());
    assert_eq!(code, Some(2));
    assert!(text.contains("bad.token holds no token") && !text.contains("secret\u{7}"), "{text}");
}

#[test]
fn people_are_let_in_listed_and_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let olga = token_file(folder.path(), "olga", "operator");
    let bob = token_file(folder.path(), "org|bob/1 ü", "nurse");
    let by = |token: &str, task: &[&str]| {
        said(&[task, &["--server", &server.url, "--token-file", token]].concat())
    };
    let members = || {
        let (code, text) = by(&olga, &["members", "patient:p1"]);
        assert_eq!(code, Some(0), "{text}");
        let listed: Value = serde_json::from_str(&text).unwrap();
        listed["members"].as_array().unwrap().clone()
    };
    let done = (Some(0), String::new());
    let (code, text) = by(&bob, &["admit", "patient:p1", "org|bob/1 ü"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("a role that may say who is a member"), "{text}");
    let admit = ["admit", "patient:p1", "org|bob/1 ü", "--read", "--name", "Bob"];
    assert_eq!(by(&olga, &admit), done);
    let listed = members();
    assert_eq!(listed[0]["person"], json!({ "id": "org|bob/1 ü", "name": "Bob" }));
    assert_eq!((&listed[0]["level"], &listed[0]["by"]), (&json!("read"), &json!("olga")));
    assert_eq!(by(&olga, &["admit", "patient:p1", "org|bob/1 ü"]), done);
    assert_eq!(members()[0]["level"], "write");
    assert_eq!(by(&bob, &["members", "patient:p1"]).0, Some(0));
    assert_eq!(by(&olga, &["dismiss", "patient:p1", "org|bob/1 ü"]), done);
    assert!(members().is_empty());
    assert!(by(&bob, &["members", "patient:p1"]).1.contains("there is no such room"));

    assert_eq!(by(&olga, &["revoke", "--token", "token of org|bob/1 ü"]), done);
    let (code, text) = by(&bob, &["members", "patient:p1"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("the sign-in was taken back"), "{text}");
    assert_eq!(by(&olga, &["revoke", "--person", "olga"]), done);
    assert_eq!(by(&olga, &["members", "patient:p1"]).0, Some(2));
    assert_eq!(by(&olga, &["revoke"]).0, Some(2), "whose it is has to be said");
}

#[test]
fn devices_are_listed_and_wiped() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let [olga, bob] = [("olga", "operator"), ("bob", "nurse")]
        .map(|(p, role)| token_file(folder.path(), p, role));
    let by = |token: &str, task: &[&str]| {
        said(&[task, &["--server", &server.url, "--token-file", token]].concat())
    };
    let json = |(code, text): (Option<i32>, String)| -> Value {
        assert_eq!(code, Some(0), "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let own = json(by(&bob, &["devices"]));
    assert_eq!(own, json!({ "person": "bob", "devices": [] }));
    assert_eq!(json(by(&olga, &["devices", "--person", "org|bob ü"]))["person"], "org|bob ü");
    assert!(by(&bob, &["devices", "--person", "olga"]).1.contains("does not allow this"));
    let wipe = ["wipe", "0123456789abcdef"];
    let (code, text) = by(&bob, &wipe);
    assert_eq!(code, Some(2));
    assert!(text.contains("there is no such device"), "{text}");
    let wiped = json(by(&olga, &wipe));
    assert_eq!((&wiped["handle"], &wiped["known"]), (&json!("0123456789abcdef"), &json!(false)));
    assert!(wiped["wiped"].is_string());
}

#[test]
fn a_server_is_reached_by_https() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [certificate, key] =
        ["cert.pem", "key.pem"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = start(folder.path(), &["--tls-cert", &certificate, "--tls-key", &key]);
    let olga = token_file(folder.path(), "olga", "operator");
    let mut members = crate::chartroom();
    members.args(["members", "patient:p1", "--server", &server.url]);
    members.env("CHARTROOM_TOKEN_FILE", &olga);
    let unknown = members.output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "nobody vouches for the certificate");
    let known = members.env("SSL_CERT_FILE", &certificate).output().unwrap();
    assert_eq!(known.status.code(), Some(0), "{known:?}");
}

/// What the page may connect to.
fn connects(server: &Served) -> String {
    let response = ureq::get(format!("{}/", server.url)).call().unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    let (_, connects) = policy.split_once("connect-src ").unwrap();
    connects.to_owned()
}

#[test]
fn the_workspace_is_told_where_people_sign_in_and_may_talk_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("dist");
    fs::create_dir(&web).unwrap();
    fs::write(web.join("index.html"), "<!doctype html><title>app</title>").unwrap();
    let web = ["--web", web.to_str().unwrap()];
    let smart = "/fhir/R4/.well-known/smart-configuration";
    let told =
        |server: &Served| serde_json::from_str::<Value>(&server.get("/sign-in/app").2).unwrap();

    let open = Served::start(&folder.path().join("open"), &web);
    assert_eq!(told(&open), json!({ "required": false, "app": null }));
    assert_eq!((open.get(smart).0, connects(&open)), (404, "'self'".to_owned()));

    let no_app = start(folder.path(), &web);
    assert_eq!(told(&no_app), json!({ "required": true, "app": null }));
    assert_eq!((no_app.get(smart).0, connects(&no_app)), (404, "'self'".to_owned()));
    drop(no_app);

    let app = json!({
        "clientId": "workspace", "scope": "openid", "name": "St. Elsewhere",
        "authorizationEndpoint": "https://idp.example/auth",
        "tokenEndpoint": "https://tokens.example/token",
    });
    let with_app =
        start_with(folder.path(), &web, json!({ "issuer": "https://idp.example", "app": app }));
    let expected = json!({
        "issuer": "https://idp.example", "clientId": "workspace", "scope": "openid",
        "name": "St. Elsewhere", "resource": null,
    });
    assert_eq!(told(&with_app), json!({ "required": true, "app": expected }));
    assert_eq!(connects(&with_app), "'self' https://idp.example https://tokens.example");
    for base in ["", "/api"] {
        let (status, kind, body) = with_app.get(&format!("{base}{smart}"));
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        assert!(body.contains(r#""token_endpoint":"https://tokens.example/token""#), "{body}");
    }
}
