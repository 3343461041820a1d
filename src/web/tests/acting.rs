use super::{
    alerts::{ID, code, with_desk},
    *,
};

#[actix_web::test]
async fn bodies_that_are_not_as_described_are_refused_and_say_why() {
    let (state, heard) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    let ack = format!("/api/alerts/{ID}/ack");
    let deep = format!("{{\"by\":{}", "[".repeat(10_000));
    let long = "x".repeat(201);
    let (many, silences) = ("x".repeat(2_001), "/api/silences");
    let table = [
        (&ack as &str, String::new(), "body:"),
        (&ack, "{}".into(), "missing field `by`"),
        (&ack, r#"{"by":""}"#.into(), "by:"),
        (&ack, r#"{"by":"a\nb"}"#.into(), "by:"),
        (&ack, r#"{"by":7}"#.into(), "expected a string"),
        (&ack, r#"{"by":"a","not":"b"}"#.into(), "unknown field `not`, expected `by` or `note`"),
        (&ack, r#"{"by":"a"} {"by":"b"}"#.into(), "trailing"),
        (&ack, r#"["a"]"#.into(), "body:"),
        (&ack, deep, "body:"),
        (&ack, format!(r#"{{"by":"{long}"}}"#), "1 to 200"),
        (&ack, format!(r#"{{"by":"a","note":"{many}"}}"#), "at most 2000"),
        (&ack, "{\"by\":\"\u{0}\"}".into(), "body:"),
        (silences, r#"{"by":"a","reason":"r","duration":"1h"}"#.into(), "matchers"),
        (silences, r#"{"matchers":{},"by":"a","reason":"r","duration":"1h"}"#.into(), "at least one"),
        (silences, r#"{"matchers":{"regin":"x"},"by":"a","reason":"r","duration":"1h"}"#.into(), "regin"),
        (silences, r#"{"matchers":{"region":""},"by":"a","reason":"r","duration":"1h"}"#.into(), "matchers.region"),
        (silences, r#"{"matchers":{"rule":"pool_wating"},"by":"a","reason":"r","duration":"1h"}"#.into(), "pool_waiting"),
        (silences, r#"{"matchers":{"severity":"bad"},"by":"a","reason":"r","duration":"1h"}"#.into(), "critical"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":"r"}"#.into(), "duration"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":" ","duration":"1h"}"#.into(), "reason"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":"r","duration":"soon"}"#.into(), "duration"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":"r","duration":"0s"}"#.into(), "duration"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":"r","duration":"9999y"}"#.into(), "duration"),
        (silences, r#"{"matchers":{"region":"x"},"by":"a","reason":"r","endsAt":"tomorrow"}"#.into(), "body:"),
        (
            silences,
            r#"{"matchers":{"region":"x"},"by":"a","reason":"r","endsAt":"2026-11-23T08:00:00Z","duration":"1h"}"#.into(),
            "either",
        ),
        (
            silences,
            r#"{"matchers":{"region":"x"},"by":"a","reason":"r","startsAt":"2026-11-23T08:00:00Z","endsAt":"2026-11-23T08:00:00Z"}"#
                .into(),
            "after startsAt",
        ),
    ];
    for (path, body, says) in table {
        let request = TestRequest::post().uri(path).insert_header(("Content-Type", "application/json")).set_payload(body.clone());
        let answer = call_service(&app, request.to_request()).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!(answer.status(), 400, "{shown}");
        let told: Value = read_body_json(answer).await;
        assert_eq!(told["error"]["code"], "bad_request");
        assert!(told["error"]["message"].as_str().unwrap().contains(says), "{shown}: {told}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let request = TestRequest::post().uri(&ack).insert_header(("Content-Type", kind)).set_payload(r#"{"by":"a"}"#);
        assert_eq!(code(call_service(&app, request.to_request()).await).await, (415, "not_json".into()), "{kind}");
    }
    for (path, longest) in
        [(&ack as &str, 16 << 10), (silences, 16 << 10), ("/api/slack/actions", 64 << 10), ("/api/qstash/callback", 64 << 10)]
    {
        let huge = TestRequest::post().uri(path).insert_header(("Content-Type", "application/json"));
        let answer = call_service(&app, huge.set_payload("x".repeat(longest + 1)).to_request()).await;
        assert_eq!(code(answer).await, (413, "body_too_large".into()), "{path}");
    }
    assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "nothing of it reaches the desk");
}

#[actix_web::test]
async fn only_the_addresses_methods_are_answered() {
    let (state, heard) = with_desk(&Settings::default());
    let app = init_service(routes::app(state)).await;
    for (method, path, allow) in [
        (Method::POST, "/api/alerts", "GET, HEAD"),
        (Method::DELETE, "/api/alerts/x", "GET, HEAD"),
        (Method::GET, "/api/alerts/x/ack", "POST"),
        (Method::PUT, "/api/silences", "GET, HEAD, POST"),
        (Method::GET, "/api/silences/x", "DELETE"),
        (Method::GET, "/api/channels/x/test", "POST"),
        (Method::GET, "/api/slack/actions", "POST"),
        (Method::OPTIONS, "/api/silences/x", "DELETE"),
    ] {
        let answer = call_service(&app, TestRequest::default().method(method.clone()).uri(path).to_request()).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, allow), "{method} {path}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "no other site is let in");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_viewer_may_look_and_an_operator_may_act() {
    let public = Settings { public_details: true, ..tokens() };
    for (settings, open) in [(tokens(), 401), (public, 200)] {
        let (state, heard) = with_desk(&settings);
        let app = init_service(routes::app(state)).await;
        let ack = format!("/api/alerts/{ID}/ack");
        let table = [
            (Method::GET, "/api/alerts", open, 200),
            (Method::GET, "/api/channels", open, 200),
            (Method::GET, "/api/silences", 401, 403),
            (Method::POST, &ack, 401, 403),
            (Method::POST, "/api/silences", 401, 403),
            (Method::DELETE, "/api/silences/s-1", 401, 403),
            (Method::POST, "/api/channels/slack-ops/test", 401, 403),
        ];
        for (method, path, nobody, viewer) in table {
            for (token, expected) in
                [("", nobody), ("wrong", if open == 200 && viewer == 200 { 200 } else { 401 }), ("view", viewer)]
            {
                let mut request = TestRequest::default().method(method.clone()).uri(path).set_json(json!({"by": "rosa"}));
                if !token.is_empty() {
                    request = request.insert_header(("Authorization", format!("Bearer {token}")));
                }
                let answer = call_service(&app, request.to_request()).await;
                assert_eq!(answer.status().as_u16(), expected, "{method} {path} as {token:?}");
                if expected == 403 {
                    assert_eq!(code(answer).await.1, "forbidden");
                }
            }
            let request = TestRequest::default().method(method.clone()).uri(path);
            let request = request.set_json(json!({"by": "rosa"})).insert_header(("Authorization", "Bearer oper")).to_request();
            assert!(![401, 403].contains(&call_service(&app, request).await.status().as_u16()), "{method} {path} as operator");
        }
        assert_eq!(heard.lock().unwrap().len(), 3, "an acknowledgement, the end of a silence and a test, all the operator's");
    }
}

#[actix_web::test]
async fn another_site_cannot_act_with_a_session_of_ours() {
    let (state, heard) = with_desk(&tokens());
    let app = init_service(routes::app(state)).await;
    let signed = TestRequest::post().uri("/api/session").set_json(json!({"token": "oper"})).to_request();
    let answer = call_service(&app, signed).await;
    let cookie = header(&answer, "set-cookie").split(';').next().unwrap().to_owned();
    let (host, ours, theirs) =
        (("Host", "isobar.example:3000"), ("Origin", "https://isobar.example:3000"), ("Origin", "https://evil.example"));
    let json = ("Content-Type", "application/json");
    let test: &[((&str, &str), &[(&str, &str)], u16)] = &[
        (ours, &[host], 200),
        (ours, &[host, json], 200),
        (theirs, &[host], 403),
        (theirs, &[host, json], 403),
        (("Origin", "null"), &[host, json], 403),
        (("Origin", "https://isobar.example:3000.evil.example"), &[host], 403),
        (("Sec-Fetch-Site", "same-origin"), &[host], 200),
        (("Sec-Fetch-Site", "same-origin"), &[("Host", "behind-a-proxy"), ours], 200),
        (("Sec-Fetch-Site", "cross-site"), &[host, ours, json], 403),
        (("Sec-Fetch-Site", "same-site"), &[host, json], 403),
        (host, &[], 403),
        (host, &[json], 200),
        (theirs, &[host, ("Authorization", "Bearer oper")], 200),
    ];
    for (first, more, expected) in test {
        let mut request = TestRequest::post().uri("/api/channels/slack-ops/test").insert_header(("Cookie", cookie.as_str()));
        for named in std::iter::once(first).chain(*more) {
            request = request.insert_header(*named);
        }
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status().as_u16(), *expected, "{first:?} {more:?}");
        if *expected == 403 {
            assert_eq!(code(answer).await.1, "cross_site");
        }
    }
    assert_eq!(heard.lock().unwrap().len(), test.iter().filter(|(_, _, expected)| *expected == 200).count());
    let open = with_desk(&Settings::default()).0;
    let app = init_service(routes::app(open)).await;
    let request = || TestRequest::post().uri("/api/channels/slack-ops/test");
    assert_eq!(call_service(&app, request().to_request()).await.status(), 200, "a program on this machine");
    let answer = call_service(&app, request().insert_header(theirs).insert_header(host).to_request()).await;
    assert_eq!(code(answer).await, (403, "cross_site".into()), "a page that somebody on this machine looks at");
}
