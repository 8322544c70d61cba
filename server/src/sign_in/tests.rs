//! Tokens as providers issue them and as strangers make them, and a provider on this machine.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::StatusCode, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// A key of these tests alone; ring makes none for RSA.
const RSA_PRIVATE: &[u8] = include_bytes!("fixtures/rsa.der");
const RSA_PUBLIC: &[u8] = include_bytes!("fixtures/rsa.pem");

/// What signs a test's tokens.
enum Signer {
    Hs256(&'static [u8]),
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rs256(RsaKeyPair::from_der(RSA_PRIVATE).unwrap())
    }

    fn ec() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hs256(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
        }
    }

    /// The public key as a PEM file (RFC 5480 for P-256).
    fn pem(&self) -> Vec<u8> {
        let Self::Es256(key) = self else { return RSA_PUBLIC.to_vec() };
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let mut der: Vec<u8> = (0..head.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap())
            .collect();
        der.extend_from_slice(key.public_key().as_ref());
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes()
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Hs256(secret) => json!({ "kty": "oct", "kid": kid, "k": BASE64.encode(secret) }),
            Self::Rs256(key) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                let (n, e) = (BASE64.encode(public.n), BASE64.encode(public.e));
                json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n, "e": e })
            }
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (BASE64.encode(x), BASE64.encode(y));
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y })
            }
        }
    }

    /// A token for Alice, with further or other claims; null takes one away.
    fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    fn named(&self, kid: &str) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "kid": kid }), &json!({}))
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        let mut all = json!({ "sub": "alice", "name": "Alice", "exp": in_seconds(60) });
        for (name, claim) in claims.as_object().unwrap() {
            all[name] = claim.clone();
        }
        all.as_object_mut().unwrap().retain(|_, claim| !claim.is_null());
        let part = |json: &Value| BASE64.encode(json.to_string());
        let message = format!("{}.{}", part(header), part(&all));
        format!("{message}.{}", BASE64.encode(self.sign(message.as_bytes())))
    }
}

fn in_seconds(seconds: i64) -> i64 {
    i64::try_from(clock::now_ms() / 1000).unwrap() + seconds
}

/// A sign-in file beside these files.
fn read(settings: &Value, files: &[(&str, &[u8])]) -> Result<SignInConfig, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let file = folder.path().join("sign-in.json");
    let text = settings.as_str().map_or_else(|| settings.to_string(), str::to_owned);
    std::fs::write(&file, text).unwrap();
    let shown = |path: &Path| format!("{}/", path.display());
    read_sign_in(&file).map_err(|error| error.to_string().replace(&shown(folder.path()), ""))
}

/// Sign-in by the secret, with further settings.
fn by_secret(settings: Value) -> SignIn {
    let mut all = json!({ "keys": [{ "algorithm": "HS256", "secretFile": "secret" }] });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    SignIn::start(read(&all, &[("secret", SECRET)]).unwrap()).unwrap()
}

async fn error_of(sign_in: &SignIn, token: &str) -> SignInError {
    sign_in.identify(token).await.unwrap_err()
}

#[tokio::test]
async fn each_algorithm_signs_in() {
    let (secret, rsa, ec) = (Signer::Hs256(SECRET), Signer::rsa(), Signer::ec());
    let settings = json!({ "keys": [
        { "algorithm": "HS256", "secretFile": "secret" },
        { "algorithm": "RS256", "keyFile": "rsa.pem", "kid": "first" },
        { "algorithm": "ES256", "keyFile": "ec.pem" }
    ] });
    let secret_line = [SECRET, b"\n"].concat();
    let files: [(&str, &[u8]); 3] =
        [("secret", &secret_line), ("rsa.pem", &rsa.pem()), ("ec.pem", &ec.pem())];
    let sign_in = SignIn::start(read(&settings, &files).unwrap()).unwrap();
    for signer in [&secret, &rsa, &ec] {
        let identity = sign_in.identify(&signer.token(&json!({}))).await.unwrap();
        assert_eq!(identity.author, Author::new("alice", "Alice"), "{}", signer.algorithm());
        assert_eq!((identity.scope.as_str(), identity.roles.len()), ("", 0));
    }
    assert!(sign_in.identify(&rsa.named("first")).await.is_ok());
    assert_eq!(error_of(&sign_in, &rsa.named("second")).await, SignInError::UnknownKey);
    assert!(sign_in.identify(&ec.named("any")).await.is_ok());
    let other = Signer::ec().token(&json!({}));
    assert_eq!(error_of(&sign_in, &other).await, SignInError::BadSignature);
}

#[tokio::test]
async fn an_algorithm_belongs_to_its_key() {
    let settings = json!({ "keys": [{ "algorithm": "RS256", "keyFile": "rsa.pem" }] });
    let sign_in = SignIn::start(read(&settings, &[("rsa.pem", RSA_PUBLIC)]).unwrap()).unwrap();
    let public_as_secret = Signer::Hs256(RSA_PUBLIC).token(&json!({}));
    assert_eq!(error_of(&sign_in, &public_as_secret).await, SignInError::UnknownKey);
    // The header says one algorithm, the signature is of another.
    let lying = Signer::Hs256(RSA_PUBLIC).token_with(&json!({ "alg": "RS256" }), &json!({}));
    assert_eq!(error_of(&sign_in, &lying).await, SignInError::BadSignature);
    for algorithm in ["none", "None", "", "HS512", "RS512", "PS256", "ES384", "EdDSA"] {
        let token = Signer::rsa().token_with(&json!({ "alg": algorithm }), &json!({}));
        let (message, _) = token.rsplit_once('.').unwrap();
        for token in [&token, &format!("{message}."), message] {
            let error = error_of(&sign_in, token).await;
            assert!(
                matches!(error, SignInError::Malformed | SignInError::UnknownKey),
                "{algorithm}"
            );
        }
    }
}

#[tokio::test]
async fn what_was_changed_or_cannot_be_read_is_refused() {
    let sign_in = by_secret(json!({}));
    let token = Signer::Hs256(SECRET).token(&json!({}));
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        unreachable!("a token has three parts")
    };
    let mallory = json!({ "sub": "mallory", "exp": in_seconds(60) });
    let forged = format!("{header}.{}.{signature}", BASE64.encode(mallory.to_string()));
    assert_eq!(error_of(&sign_in, &forged).await, SignInError::BadSignature);
    let critical = json!({ "alg": "HS256", "crit": ["b64"], "b64": true });
    let long = json!({ "filler": "x".repeat(TOKEN_BYTES_MAX) });
    for wrong in [
        String::new(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!(" {token}"),
        Signer::Hs256(SECRET).token_with(&critical, &json!({})),
        Signer::Hs256(SECRET).token(&long),
    ] {
        assert_eq!(error_of(&sign_in, &wrong).await, SignInError::Malformed);
    }
}

#[tokio::test]
async fn the_registered_claims_are_checked() {
    let sign_in = by_secret(json!({ "issuer": "idp", "audience": "here" }));
    let usual = json!({ "iss": "idp", "aud": "here" });
    for (changed, expected) in [
        (json!({}), Ok(())),
        (json!({ "exp": in_seconds(-20) }), Ok(())),
        (json!({ "exp": in_seconds(-31) }), Err(SignInError::Expired)),
        (json!({ "exp": -1 }), Err(SignInError::Expired)),
        (json!({ "exp": null }), Err(SignInError::Malformed)),
        (json!({ "exp": "soon" }), Err(SignInError::Malformed)),
        (json!({ "exp": in_seconds(9) as f64 + 0.5 }), Ok(())),
        (json!({ "exp": 1e300 }), Ok(())),
        (json!({ "nbf": in_seconds(20) }), Ok(())),
        (json!({ "nbf": in_seconds(40) }), Err(SignInError::NotYet)),
        (json!({ "nbf": "later" }), Err(SignInError::Malformed)),
        (json!({ "iss": "other" }), Err(SignInError::WrongIssuer)),
        (json!({ "iss": ["idp"] }), Err(SignInError::WrongIssuer)),
        (json!({ "iss": null }), Err(SignInError::WrongIssuer)),
        (json!({ "aud": ["there", "here"] }), Ok(())),
        (json!({ "aud": ["there"] }), Err(SignInError::WrongAudience)),
        (json!({ "aud": "hereabouts" }), Err(SignInError::WrongAudience)),
        (json!({ "aud": null }), Err(SignInError::WrongAudience)),
    ] {
        let mut claims = usual.clone();
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let found = sign_in.identify(&Signer::Hs256(SECRET).token(&claims)).await;
        assert_eq!(found.map(|_| ()), expected, "{changed}");
    }
}

#[tokio::test]
async fn claims_are_read_where_the_operator_says() {
    let sign_in = by_secret(json!({
        "claims": {
            "user": "/person/id", "name": "person.name", "roles": "realm_access.roles",
            "scope": "https://idp.example/scope"
        },
        "defaultScope": "user/*.rs"
    }));
    let claims = json!({
        "person": { "id": "bob", "name": "Bob" },
        "realm_access": { "roles": ["nurse", "charge nurse"] },
        "https://idp.example/scope": ["user/*.cruds", "openid"],
        "patient": "p.1", "iat": 1_700_000_000, "jti": "t-1", "exp": 4_000_000_000_u64
    });
    let identity = sign_in.identify(&Signer::Hs256(SECRET).token(&claims)).await.unwrap();
    let expected = Identity {
        author: Author::new("bob", "Bob"),
        roles: vec!["nurse".to_owned(), "charge nurse".to_owned()],
        scope: "user/*.cruds openid".to_owned(),
        patient: Some("p.1".to_owned()),
        expires_ms: 4_000_000_030_000,
        issued_ms: Some(1_700_000_000_000),
        token_id: Some("t-1".to_owned()),
    };
    assert_eq!(identity, expected);
    let claims =
        json!({ "person": { "id": "bob" }, "realm_access": { "roles": "nurse  pharmacist" } });
    let identity = sign_in.identify(&Signer::Hs256(SECRET).token(&claims)).await.unwrap();
    assert_eq!(identity.author.name, "bob");
    assert_eq!(identity.roles, ["nurse", "pharmacist"]);
    assert_eq!(identity.scope, "user/*.rs");
    let claims = json!({ "person": { "id": "bob" }, "https://idp.example/scope": "" });
    let identity = sign_in.identify(&Signer::Hs256(SECRET).token(&claims)).await.unwrap();
    assert_eq!(identity.scope, "", "no scope is not the default one");
}

#[tokio::test]
async fn nobody_signs_in_as_somebody_who_cannot_be() {
    let sign_in = by_secret(json!({}));
    let long = "x".repeat(600);
    for claims in [
        json!({ "sub": null }),
        json!({ "sub": 7 }),
        json!({ "sub": "" }),
        json!({ "sub": " alice" }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": long }),
        json!({ "name": long }),
        json!({ "name": "A\u{7}" }),
        json!({ "sub": chartroom_engine::document::People::SERVER }),
        json!({ "sub": format!("{}x", chartroom_engine::document::People::SOMEBODY_AT) }),
    ] {
        let token = Signer::Hs256(SECRET).token(&claims);
        assert_eq!(error_of(&sign_in, &token).await, SignInError::NoUser, "{claims}");
    }
    for claims in
        [json!({ "roles": [1] }), json!({ "scope": {} }), json!({ "patient": "Patient/1" })]
    {
        let token = Signer::Hs256(SECRET).token(&claims);
        assert_eq!(error_of(&sign_in, &token).await, SignInError::Malformed, "{claims}");
    }
}

/// A sign-in file with an app, of which something is otherwise.
fn app_file(changed: &Value, issuer: &Value) -> Value {
    let mut app = json!({
        "clientId": "workspace", "scope": "openid user/*.cruds",
        "authorizationEndpoint": "https://idp.example/ward/auth",
        "tokenEndpoint": "https://tokens.idp.example/token",
    });
    app.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    json!({ "issuer": issuer, "app": app, "keys": [{ "jwks": "https://idp.example/keys" }] })
}

#[tokio::test]
async fn an_app_is_told_where_people_sign_in_and_nothing_else() {
    let settings =
        app_file(&json!({ "name": "St. Elsewhere" }), &json!("https://idp.example/ward"));
    let sign_in = SignIn::start(read(&settings, &[]).unwrap()).unwrap();
    let app = sign_in.app().unwrap();
    let told = json!({
        "issuer": "https://idp.example/ward", "clientId": "workspace",
        "scope": "openid user/*.cruds", "name": "St. Elsewhere", "resource": null,
    });
    assert_eq!(app.for_workspace(), told);
    assert_eq!(app.origins(), ["https://idp.example", "https://tokens.idp.example"]);
    // What SMART App Launch 2.2 requires, and what it requires of `sso-openid-connect`.
    let smart = sign_in.smart_configuration().unwrap();
    assert_eq!(smart["authorization_endpoint"], "https://idp.example/ward/auth");
    assert_eq!(smart["token_endpoint"], "https://tokens.idp.example/token");
    assert_eq!(smart["grant_types_supported"], json!(["authorization_code"]));
    assert_eq!(smart["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(smart["issuer"], "https://idp.example/ward");
    assert_eq!(smart["jwks_uri"], "https://idp.example/keys");
    assert!(smart["capabilities"].as_array().unwrap().contains(&json!("sso-openid-connect")));
}

#[test]
fn without_an_app_there_is_no_smart_configuration() {
    let sign_in = by_secret(json!({}));
    assert!(sign_in.app().is_none() && sign_in.smart_configuration().is_none());
}

#[test]
fn what_is_wrong_with_the_file_is_named() {
    let issuer = json!("https://idp.example");
    let key = |entry: &str| format!(r#"{{"keys": [{entry}]}}"#);
    for (settings, expected) in [
        ("{".to_owned(), "sign-in.json: ?: EOF while parsing an object at line 1 column 1"),
        (r#"{"keys": []}"#.to_owned(), "sign-in.json: keys: names none"),
        (
            r#"{"keys": [{"algorithm": "HS256", "secret": "inline"}]}"#.to_owned(),
            "sign-in.json: keys[0].secret: unknown field `secret`, expected one of `algorithm`, \
             `secretFile`, `keyFile`, `kid`, `jwks` at line 1 column 41",
        ),
        (
            key(r#"{"algorithm": "none"}"#),
            "sign-in.json: keys[0].algorithm: unknown variant `none`, expected one of `HS256`, \
             `RS256`, `ES256` at line 1 column 30",
        ),
        (
            key(r#"{"algorithm": "HS256", "keyFile": "short"}"#),
            "sign-in.json: keys[0]: is HS256 with secretFile, RS256 or ES256 with keyFile, or jwks \
             alone",
        ),
        (
            key(r#"{"algorithm": "HS256", "secretFile": "short"}"#),
            "sign-in.json: keys[0].secretFile: short: holds at least 32 bytes of secret",
        ),
        (
            key(r#"{"algorithm": "HS256", "secretFile": "gone"}"#),
            "sign-in.json: keys[0].secretFile: gone: No such file or directory (os error 2)",
        ),
        (
            key(r#"{"algorithm": "RS256", "keyFile": "ec.pem"}"#),
            "sign-in.json: keys[0].keyFile: ec.pem: holds an RSA public key of 2048 bits or more, \
             as PEM",
        ),
        (
            key(r#"{"algorithm": "RS256", "keyFile": "private.pem"}"#),
            "sign-in.json: keys[0].keyFile: private.pem: holds an RSA public key of 2048 bits or \
             more, as PEM",
        ),
        (
            key(r#"{"algorithm": "ES256", "keyFile": "rsa.pem"}"#),
            "sign-in.json: keys[0].keyFile: rsa.pem: holds a public key on the curve P-256, as PEM",
        ),
        (
            key(r#"{"jwks": "http://idp.example/keys"}"#),
            "sign-in.json: keys[0].jwks: is https, but for a provider on this machine",
        ),
        (
            key(r#"{"jwks": "https://a:b@idp.example/keys"}"#),
            "sign-in.json: keys[0].jwks: holds no name or password",
        ),
        (
            key(r#"{"jwks": "https://idp.example/keys", "algorithm": "RS256"}"#),
            "sign-in.json: keys[0].jwks: stands alone: a key set names its keys",
        ),
        (app_file(&json!({}), &json!(null)).to_string(), "sign-in.json: app: goes with an issuer"),
        (
            app_file(&json!({}), &json!("http://idp.example")).to_string(),
            "sign-in.json: issuer: is https, but for a provider on this machine",
        ),
        (
            app_file(&json!({"clientId": ""}), &issuer).to_string(),
            "sign-in.json: app.clientId: is the id that the provider knows the app by",
        ),
        (
            app_file(&json!({"scope": "profile"}), &issuer).to_string(),
            "sign-in.json: app.scope: has openid among its words",
        ),
        (
            app_file(&json!({"tokenEndpoint": "https://a:b@idp.example/token"}), &issuer)
                .to_string(),
            "sign-in.json: app.tokenEndpoint: holds no name or password",
        ),
        (
            r#"{"keys": [{"jwks": "https://idp.example"}], "leewaySeconds": 301}"#.to_owned(),
            "sign-in.json: leewaySeconds: is 300 at most",
        ),
    ] {
        let ec = Signer::ec().pem();
        let private = base64::engine::general_purpose::STANDARD.encode(RSA_PRIVATE);
        let private =
            format!("-----BEGIN RSA PRIVATE KEY-----\n{private}\n-----END RSA PRIVATE KEY-----\n");
        let files: [(&str, &[u8]); 4] = [
            ("short", &SECRET[1..]),
            ("rsa.pem", RSA_PUBLIC),
            ("private.pem", private.as_bytes()),
            ("ec.pem", &ec),
        ];
        assert_eq!(read(&json!(settings), &files).unwrap_err(), expected);
    }
}

/// A provider on this machine: what it lists, and how often it was asked.
#[derive(Clone, Default)]
struct Provider {
    answer: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicU32>,
}

impl Provider {
    async fn start(keys: Value) -> (Self, Value) {
        let provider = Self::default();
        provider.lists(keys);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let shared = provider.clone();
        let answer = move || {
            shared.asked.fetch_add(1, Ordering::SeqCst);
            let answer = shared.answer.lock().clone();
            async move { answer.map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE) }
        };
        let app = Router::new().route("/keys", get(answer));
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        (provider, json!({ "keys": [{ "jwks": url }] }))
    }

    fn lists(&self, keys: Value) {
        *self.answer.lock() = Some(json!({ "keys": keys }));
    }
}

fn with_pace(settings: &Value, pace: Pace) -> SignIn {
    SignIn::with_pace(read(settings, &[]).unwrap(), pace).unwrap()
}

#[tokio::test]
async fn keys_are_taken_from_a_provider_as_it_changes_them() {
    let (old, new) = (Signer::rsa(), Signer::ec());
    let (provider, settings) = Provider::start(json!([old.jwk("old")])).await;
    let sign_in = with_pace(&settings, Pace { unknown: Duration::ZERO, ..Pace::default() });
    assert!(sign_in.identify(&old.named("old")).await.is_ok());
    assert!(sign_in.identify(&old.token(&json!({}))).await.is_ok(), "without an id");
    provider.lists(json!([new.jwk("new")]));
    assert!(sign_in.identify(&new.named("new")).await.is_ok());
    assert_eq!(error_of(&sign_in, &old.named("old")).await, SignInError::UnknownKey);
    // Under a known id the signature is wrong, which no new key would change.
    let asked = provider.asked.load(Ordering::SeqCst);
    assert_eq!(error_of(&sign_in, &Signer::ec().named("new")).await, SignInError::BadSignature);
    assert_eq!(provider.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn unknown_ids_do_not_make_us_ask_again_and_again() {
    let key = Signer::ec();
    let (provider, settings) = Provider::start(json!([key.jwk("one")])).await;
    let sign_in = with_pace(&settings, Pace::default());
    for _ in 0..100 {
        assert!(sign_in.identify(&key.named("one")).await.is_ok());
        assert_eq!(error_of(&sign_in, &key.named("two")).await, SignInError::UnknownKey);
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_last_keys_stay_good_for_a_while_where_the_provider_is_down() {
    let key = Signer::ec();
    let (provider, settings) = Provider::start(json!([key.jwk("one")])).await;
    let sign_in = with_pace(&settings, Pace { unknown: Duration::ZERO, ..Pace::default() });
    assert!(sign_in.identify(&key.named("one")).await.is_ok());
    *provider.answer.lock() = None;
    assert_eq!(error_of(&sign_in, &key.named("two")).await, SignInError::UnknownKey);
    assert!(sign_in.identify(&key.named("one")).await.is_ok());
    provider.lists(json!([]));
    assert_eq!(error_of(&sign_in, &key.named("two")).await, SignInError::UnknownKey);
    assert!(sign_in.identify(&key.named("one")).await.is_ok(), "an empty set is a mistake");

    let pace = Pace { good_for: Duration::ZERO, ..Pace::default() };
    let sign_in = with_pace(&settings, pace);
    assert_eq!(error_of(&sign_in, &key.named("one")).await, SignInError::Unavailable);
}

#[tokio::test]
async fn only_signature_keys_of_our_algorithms_are_taken_from_a_set() {
    let (rsa, ec, secret) = (Signer::rsa(), Signer::ec(), Signer::Hs256(SECRET));
    let mut for_encryption = ec.jwk("encryption");
    for_encryption["use"] = json!("enc");
    let mut for_pss = rsa.jwk("pss");
    for_pss["alg"] = json!("PS256");
    let mut of_another_curve = ec.jwk("curve");
    of_another_curve["crv"] = json!("P-384");
    let strange = json!({ "kty": 7 });
    let listed = json!([
        secret.jwk("secret"),
        for_encryption,
        for_pss,
        of_another_curve,
        strange,
        ec.jwk("good")
    ]);
    let (_provider, settings) = Provider::start(listed).await;
    let sign_in = with_pace(&settings, Pace::default());
    assert!(sign_in.identify(&ec.named("good")).await.is_ok());
    let refused =
        [secret.named("secret"), ec.named("encryption"), rsa.named("pss"), ec.named("curve")];
    for token in refused {
        assert_eq!(error_of(&sign_in, &token).await, SignInError::UnknownKey);
    }
}

#[tokio::test]
async fn no_bytes_make_it_panic() {
    let sign_in = by_secret(json!({ "issuer": "idp" }));
    let token = Signer::Hs256(SECRET).token(&json!({}));
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..5_000 {
        let length = random.random_range(0..200);
        let noise: String = (0..length).map(|_| random.random::<char>()).collect();
        let _ = sign_in.identify(&noise).await;
        let mut bytes = token.clone().into_bytes();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random_range(b' '..b'~');
        }
        assert!(sign_in.identify(&String::from_utf8(bytes).unwrap()).await.is_err());
        // What was signed may still be anything.
        let header = BASE64.encode(r#"{"alg":"HS256"}"#);
        let claims = BASE64.encode(&noise);
        let message = format!("{header}.{claims}");
        let signature = BASE64.encode(Signer::Hs256(SECRET).sign(message.as_bytes()));
        assert!(sign_in.identify(&format!("{message}.{signature}")).await.is_err());
    }
}
