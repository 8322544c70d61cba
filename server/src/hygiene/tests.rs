//! A small application behind everything that requests pass.

use axum::{
    body::{Body, to_bytes},
    http::{Method, header::ORIGIN},
    response::IntoResponse,
    routing::{any, get},
};
use tower::Service;

use super::*;

const HOST: &str = "chart.example";

fn app(limits: &Limits, origins: Origins, only_tls: bool) -> Router {
    let kept = async || {
        let mut response = "file".into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.extensions_mut().insert(Cacheable);
        response
    };
    let stream = async || ([(CACHE_CONTROL, "no-cache")], "events");
    let app = Router::new()
        .route("/chart", any(async || "chart"))
        .route("/file", get(kept))
        .route("/stream", get(stream))
        .route("/nobody", get(async || StatusCode::UNAUTHORIZED));
    Hygiene::new(origins, only_tls, limits, Exceeded::default()).apply(app)
}

fn from(address: [u8; 4], path: &str) -> Request {
    let peer = SocketAddr::from((address, 1));
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert("host", HeaderValue::from_static(HOST));
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn of_page(origin: &'static str, path: &str) -> Request {
    let mut request = from([192, 0, 2, 1], path);
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
    request
}

async fn answer(app: &mut Router, request: Request) -> Response {
    app.call(request).await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let mut app = app(&Limits::default(), Origins::default(), true);
    for path in ["/chart", "/file", "/stream", "/nobody", "/nowhere"] {
        let response = answer(&mut app, from([192, 0, 2, 1], path)).await;
        for (name, value) in HEADERS {
            assert_eq!(response.headers().get(&name), Some(&value), "{path} {name}");
        }
        assert_eq!(header(&response, "strict-transport-security"), "max-age=31536000");
        let kept = if path == "/file" { "no-cache" } else { "no-store" };
        assert_eq!(header(&response, "cache-control"), kept, "{path}");
    }
    let refused = answer(&mut app, of_page("https://evil.example", "/chart")).await;
    assert_eq!(header(&refused, "cache-control"), "no-store");
}

#[tokio::test]
async fn without_tls_browsers_are_not_told_to_insist_on_it() {
    let mut app = app(&Limits::default(), Origins::default(), false);
    let response = answer(&mut app, from([192, 0, 2, 1], "/chart")).await;
    assert_eq!(header(&response, "strict-transport-security"), "");
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_unless_listed() {
    let listed = || Origins::new(vec!["https://app.example".parse().unwrap()], None);
    let mut closed = app(&Limits::default(), Origins::default(), false);
    let mut open = app(&Limits::default(), listed(), false);
    for app in [&mut closed, &mut open] {
        let refused = answer(app, of_page("https://evil.example", "/chart")).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(header(&refused, "access-control-allow-origin"), "");
        let body = to_bytes(refused.into_body(), 1000).await.unwrap();
        assert!(body.starts_with(br#"{"error":{"code":"foreign-origin""#));
        let own = answer(app, of_page("https://chart.example", "/chart")).await;
        assert_eq!(own.status(), StatusCode::OK);
        assert_eq!(header(&own, "access-control-allow-origin"), "");
    }
    let app_example = "https://app.example";
    assert_eq!(
        answer(&mut closed, of_page(app_example, "/chart")).await.status(),
        StatusCode::FORBIDDEN
    );
    let response = answer(&mut open, of_page(app_example, "/chart")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "access-control-allow-origin"), app_example);
    assert_eq!(header(&response, "access-control-allow-credentials"), "");

    let mut asks_first = of_page(app_example, "/chart");
    *asks_first.method_mut() = Method::OPTIONS;
    let wanted = HeaderValue::from_static("PUT");
    asks_first.headers_mut().insert("access-control-request-method", wanted);
    let response = answer(&mut open, asks_first).await;
    assert_eq!(header(&response, "access-control-allow-origin"), app_example);
    assert!(header(&response, "access-control-allow-methods").contains("PUT"));
    assert!(header(&response, "access-control-allow-headers").contains("authorization"));
    assert!(!header(&response, "access-control-allow-headers").contains('*'));
}

#[tokio::test]
async fn an_address_may_ask_so_often() {
    let limits = Limits { requests_per_second: Some(1), ..Limits::default() };
    let mut app = app(&limits, Origins::default(), false);
    let here = [127, 0, 0, 1];
    for _ in 0..10 {
        assert_eq!(answer(&mut app, from(here, "/chart")).await.status(), StatusCode::OK);
    }
    // Ten at once; the next is paid for in advance.
    answer(&mut app, from(here, "/chart")).await;
    let refused = answer(&mut app, from(here, "/chart")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(["1", "2"].contains(&header(&refused, "retry-after")));
    assert_eq!(header(&refused, "x-content-type-options"), "nosniff");
    let refused = answer(&mut app, from(here, "/fhir/R4/Patient")).await;
    assert!(!header(&refused, "retry-after").is_empty());
    let body = to_bytes(refused.into_body(), 1000).await.unwrap();
    let outcome: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(outcome["issue"][0]["code"], "throttled");
    let other = answer(&mut app, from([127, 0, 0, 2], "/chart")).await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_failed_sign_in_counts_for_many_requests() {
    let limits = Limits { requests_per_second: Some(10), ..Limits::default() };
    let mut app = app(&limits, Origins::default(), false);
    let mallory = [192, 0, 2, 66];
    let mut answers = 0;
    while answer(&mut app, from(mallory, "/nobody")).await.status() == StatusCode::UNAUTHORIZED {
        answers += 1;
    }
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn this_machine_is_not_limited_unless_the_operator_says_so() {
    let mut app = app(&Limits::default(), Origins::default(), false);
    for _ in 0..200 {
        let response = answer(&mut app, from([127, 0, 0, 1], "/nobody")).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}
