//! What each answer of the Events API means.

use std::time::Duration;

use crate::{
    clock,
    export::{
        tests::answering,
        tinybird::{
            Settings,
            events::{Ended, Events},
        },
    },
};

fn settings(url: String) -> Settings {
    Settings {
        url: url.into(),
        token: "p.S3CRET".into(),
        datasource: Settings::DATASOURCE.to_owned(),
        every: Settings::USUAL,
        spool: Settings::SPOOL,
        spool_path: None,
    }
}

/// What it makes of an answer; and the request's head.
async fn send_to(answer: &'static str, path: &str) -> (Ended, String) {
    let (base, head) = answering(answer);
    let url = format!("{base}{path}");
    let settings = settings(url);
    assert!(!format!("{settings:?}").contains("S3CRET"));
    let ended = Events::new(&settings).expect("a client").send(&["{}".to_owned()], clock::wall()).await;
    (ended, head.recv().expect("a request"))
}

#[actix_web::test]
async fn an_answer_means_what_tinybird_documents() {
    let taken = |successful, quarantined| Ended::Taken { successful, quarantined };
    let later = |status: u16, after: Option<u64>| Ended::Later {
        why: format!("it answers {status}"),
        after: after.map(Duration::from_secs),
    };
    let body = "Content-Length: 44\r\n\r\n{\"successful_rows\":2,\"quarantined_rows\":  1}";
    let answers = [
        (format!("HTTP/1.1 200 OK\r\n{body}"), taken(Some(2), 1)),
        (format!("HTTP/1.1 202 Accepted\r\n{body}"), taken(Some(2), 1)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), taken(None, 0)),
        (
            "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nX-RateLimit-Reset: 9\r\nContent-Length: 0\r\n\r\n".to_owned(),
            later(429, Some(30)),
        ),
        ("HTTP/1.1 429 Slow\r\nX-RateLimit-Reset: 9\r\nContent-Length: 0\r\n\r\n".to_owned(), later(429, Some(9))),
        ("HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n".to_owned(), later(429, None)),
        ("HTTP/1.1 503 Away\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".to_owned(), later(503, Some(7))),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_owned(), later(500, None)),
        ("HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n".to_owned(), Ended::TooBig),
    ];
    for (answer, expected) in answers {
        let (ended, head) = send_to(answer.leak(), "/").await;
        assert_eq!(ended, expected);
        assert!(head.starts_with("post /v0/events?name=database_health_metrics&wait=true "), "{head}");
        for line in ["authorization: bearer p.s3cret", "content-encoding: gzip", "content-type: application/x-ndjson"] {
            assert!(head.contains(line), "{head}");
        }
    }
    let (_, head) = send_to("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "/proxy/v0/events").await;
    assert!(head.starts_with("post /proxy/v0/events?"), "{head}");
}

#[actix_web::test]
async fn what_is_refused_for_good_says_what_to_do_and_repeats_nothing() {
    for (status, fix) in [
        (400, "it cannot read what was sent"),
        (401, "DATASOURCE:APPEND on database_health_metrics"),
        (403, "DATASOURCE:APPEND on database_health_metrics"),
        (404, "the API's host of the workspace's region"),
        (422, "a materialized view"),
        (302, "redirects are not followed"),
    ] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 6\r\nLocation: http://127.0.0.1:1/\r\n\r\nS3CRET");
        let (ended, _) = send_to(answer.leak(), "").await;
        let (Ended::Refused(why) | Ended::Closed(why) | Ended::Partly(why)) = &ended else { panic!("{status}: {ended:?}") };
        assert!(why.starts_with(&format!("it answers {status}: ")) && why.contains(fix), "{why}");
        assert!(!why.contains("S3CRET"), "{why}");
        assert_eq!(matches!(ended, Ended::Closed(_)), [302, 401, 403, 404].contains(&status), "{status}");
    }
    let nobody = Events::new(&settings("http://S3CRET:S3CRET@127.0.0.1:1/S3CRET".to_owned())).expect("a client");
    let Ended::Later { why, after: None } = nobody.send(&[], clock::wall()).await else { panic!("nobody is there") };
    assert!(why.starts_with("no connection") && !why.contains("S3CRET"), "{why}");
}
