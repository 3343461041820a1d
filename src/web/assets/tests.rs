use std::io::Read;

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use flate2::read::GzDecoder;

use super::*;
use crate::web::{
    routes,
    tests::{header, state, tokens, two},
};

/// Status, encoding and body of an address, asked by nobody in particular.
async fn ask(uri: &str, encodings: &str) -> (u16, String, Vec<u8>) {
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    let answer = call_service(&app, TestRequest::get().uri(uri).insert_header(("Accept-Encoding", encodings)).to_request()).await;
    let status = answer.status().as_u16();
    let encoding = if status == 200 {
        assert_eq!((header(&answer, "cache-control"), header(&answer, "vary")), (FOR_EVER, "Accept-Encoding"), "{uri}");
        header(&answer, "content-encoding").to_owned()
    } else {
        assert_eq!(header(&answer, "cache-control"), "no-store", "{uri}");
        String::new()
    };
    (status, encoding, read_body(answer).await.to_vec())
}

#[actix_web::test]
async fn every_file_is_answered_as_it_is_pressed_for_those_who_can_unpack_it() {
    let names: Vec<_> = Files::iter().filter(|name| kind(name).is_some()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let uri = format!("/assets/{}/{name}", ASSETS.tag);
        let file = served(&name, kind(&name).unwrap(), Files::get(&name).unwrap().data);
        for encodings in ["", "br", "gzip;q=0", "deflate"] {
            let (status, encoding, body) = ask(&uri, encodings).await;
            assert_eq!((status, &*encoding, file == body), (200, "identity", true), "{uri} for {encodings:?}");
        }
        let (status, encoding, body) = ask(&uri, "gzip, deflate, br, zstd").await;
        let mut unpacked = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut unpacked).unwrap();
        assert_eq!((status, &*encoding, file == unpacked), (200, "gzip", true), "{uri}");
    }
}

#[test]
fn comments_do_not_travel_and_lines_stay_where_they_are() {
    let script = "// What it is.\n/** @typedef {import(\"./a.js\").B} B */\n\n/**\n * Much\n * of it.\n */\nexport const a = \"http://b\"; // kept\n\
                  /** @param {B} b */ export const c = (b) => b;\n  // inside\n  d(`// not one`);\n";
    let travels = "\n\n\n\n\n\n\nexport const a = \"http://b\"; // kept\n\
                   /** @param {B} b */ export const c = (b) => b;\n\n  d(`// not one`);\n";
    assert_eq!(without_comments(script), travels);
    // What begins and ends as a comment is taken for one, so no line of the page has words between two.
    for name in Files::iter().filter(|name| name.ends_with(".js") && !name.starts_with("vendor/")) {
        let file = Files::get(&name).unwrap().data;
        let script = std::str::from_utf8(&file).unwrap();
        let between =
            |line: &str| line.trim().starts_with("/**") && line.trim().ends_with("*/") && line.matches("*/").count() > 1;
        assert!(!script.lines().any(between), "{name}");
        assert_eq!(without_comments(script).lines().count(), script.lines().count(), "{name}");
    }
}

#[actix_web::test]
async fn what_is_no_asset_is_not_found() {
    let tag = &ASSETS.tag;
    for uri in [
        "/assets/000000000000/icon.svg".to_owned(),
        format!("/assets/{tag}"),
        format!("/assets/{tag}/"),
        format!("/assets/{tag}/none.js"),
        format!("/assets/{tag}/page.html"),
        format!("/assets/{tag}/vendor/README.md"),
        format!("/assets/{tag}/vendor/LICENSE.htm"),
        format!("/assets/{tag}/../page.rs"),
        format!("/assets/{tag}/%2e%2e/page.rs"),
        format!("/assets/{tag}//etc/passwd"),
    ] {
        assert_eq!(ask(&uri, "gzip").await.0, 404, "{uri}");
    }
}

/// Every byte of the page, as it travels.
#[test]
fn the_page_is_light() {
    let all: usize = ASSETS.files.values().map(|file| file.gzip.len()).sum();
    assert!(all < 150_000, "{all} bytes in all");
}

#[test]
fn all_modules_are_preloaded_and_the_classic_script_is_not() {
    let links = preloads();
    assert_eq!(links.lines().count(), ASSETS.files.values().filter(|file| file.kind == SCRIPT).count() - 1);
    let link = format!(r#"<link rel="modulepreload" href="/assets/{}/vendor/preact-htm.js">"#, ASSETS.tag);
    assert!(links.lines().any(|line| line == link), "{links}");
    assert!(!links.contains("uPlot"), "{links}");
}
