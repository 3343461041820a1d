//! The page, its addresses, and how one gets in.

use super::*;

#[actix_web::test]
async fn the_page_signs_in_with_a_cookie_that_scripts_cannot_read() {
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    let form = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    assert_eq!(form.status(), 401);
    assert!(String::from_utf8(read_body(form).await.to_vec()).unwrap().contains("<form"));
    let wrong = TestRequest::post().uri("/api/session").set_json(json!({"token": "no"}));
    assert_eq!(call_service(&app, wrong.to_request()).await.status(), 401);
    let huge = TestRequest::post().uri("/api/session").set_payload("x".repeat(10_000));
    assert_eq!(call_service(&app, huge.to_request()).await.status(), 413);
    let right = TestRequest::post().uri("/api/session").set_form([("token", "view")]);
    let answer = call_service(&app, right.to_request()).await;
    assert_eq!((answer.status(), header(&answer, "location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap().to_owned();
    let with = |request: TestRequest| request.insert_header(("Cookie", format!("a=b; {session}"))).to_request();
    let page = call_service(&app, with(TestRequest::get().uri("/"))).await;
    assert_eq!(page.status(), 200);
    let policy = header(&page, "content-security-policy").to_owned();
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert_eq!(call_service(&app, with(TestRequest::delete().uri("/api/session"))).await.status(), 204);
    assert_eq!(call_service(&app, with(TestRequest::get().uri("/api/regions"))).await.status(), 401);
}

async fn text(answer: ServiceResponse<impl actix_web::body::MessageBody>) -> String {
    let body = read_body(answer).await;
    String::from_utf8(body.to_vec()).unwrap()
}

#[actix_web::test]
async fn a_deep_link_leads_to_where_it_says_once_signed_in() {
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    let form = call_service(&app, TestRequest::get().uri("/targets/us-east-1/marketing?tab=%22a%22&x=1").to_request()).await;
    assert_eq!(form.status(), 401);
    let field = r#"<input type="hidden" name="next" value="/targets/us-east-1/marketing?tab=%22a%22&amp;x=1">"#;
    assert!(text(form).await.contains(field));
    for (next, expected) in [
        ("/targets/us-east-1/marketing?tab=%22a%22&x=1", "/targets/us-east-1/marketing?tab=%22a%22&x=1"),
        ("/incidents", "/incidents"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ] {
        let form = TestRequest::post().uri("/api/session").set_form([("token", "view"), ("next", next)]);
        let answer = call_service(&app, form.to_request()).await;
        assert_eq!((answer.status(), header(&answer, "location")), (StatusCode::SEE_OTHER, expected), "{next:?}");
    }
    let wrong = TestRequest::post().uri("/api/session").set_form([("token", "no"), ("next", "/advice")]);
    let again = text(call_service(&app, wrong.to_request()).await).await;
    assert!(again.contains(r#"name="next" value="/advice""#) && again.contains("not known"), "{again}");
    let hostile = TestRequest::post().uri("/api/session").set_form([("token", "no"), ("next", "/\"><script>alert(1)</script>")]);
    let again = text(call_service(&app, hostile.to_request()).await).await;
    assert!(!again.contains("<script"), "{again}");
}

#[actix_web::test]
async fn the_page_is_told_who_looks_and_names_only_files_that_are_there() {
    let mut shared = shared(two());
    shared.node = "n\"1<".into();
    let app = init_service(routes::app(state_of(&tokens(), shared))).await;
    for (token, acts) in [("view", "no"), ("oper", "yes")] {
        let request = TestRequest::get().uri("/incidents").insert_header(("Authorization", format!("Bearer {token}")));
        let page = text(call_service(&app, request.to_request()).await).await;
        let body = format!(r#"<body data-acts="{acts}" data-session="no" data-version="0.1.0" data-node="n&quot;1&lt;">"#);
        assert!(page.contains(&body), "{page}");
    }
    let page = TestRequest::get().uri("/").insert_header(("Authorization", "Bearer view")).to_request();
    let pages = [call_service(&app, page).await, call_service(&app, TestRequest::get().uri("/").to_request()).await];
    for page in pages {
        let page = text(page).await;
        let named: Vec<_> = page.split(['"', '\'']).filter(|part| part.starts_with("/assets/")).collect();
        assert!(!named.is_empty() && !page.contains("://"), "{page}");
        for uri in named {
            let answer = call_service(&app, TestRequest::get().uri(uri).to_request()).await;
            assert_eq!(answer.status(), 200, "{uri}");
        }
    }
}

#[actix_web::test]
async fn the_one_script_within_the_page_runs_by_its_hash_and_no_other_may() {
    let app = init_service(routes::app(state(&Settings::default(), two()))).await;
    let page = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    let policy = header(&page, "content-security-policy").to_owned();
    let page = text(page).await;
    let scripts: Vec<&str> = page.split("<script>").skip(1).filter_map(|rest| rest.split("</script>").next()).collect();
    assert_eq!(scripts.len(), 1);
    let source = assets::source_of(scripts[0]);
    assert!(
        source.len() == 53 && policy.contains(&format!("script-src 'self' {source};")) && !policy.contains("unsafe"),
        "{policy}"
    );
    let answer = call_service(&app, TestRequest::get().uri("/api/regions").to_request()).await;
    assert!(!header(&answer, "content-security-policy").contains("sha256"), "answers run nothing");
}

#[actix_web::test]
async fn at_an_address_of_nothing_browsers_get_the_page_and_programs_an_error() {
    let app = init_service(routes::app(state(&Settings::default(), two()))).await;
    let browser = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let asked = |path: &str| TestRequest::get().uri(path).insert_header(browser).to_request();
    let page = call_service(&app, asked("/target/x")).await;
    assert_eq!((page.status(), header(&page, "content-type")), (StatusCode::NOT_FOUND, "text/html; charset=utf-8"));
    assert!(text(page).await.contains("app.js"));
    for request in [
        asked("/api/nothing"),
        TestRequest::get().uri("/target/x").to_request(),
        TestRequest::post().uri("/target/x").insert_header(browser).to_request(),
    ] {
        let answer = call_service(&app, request).await;
        assert_eq!((answer.status(), header(&answer, "content-type")), (StatusCode::NOT_FOUND, "application/json"));
    }
    let app = init_service(routes::app(state(&tokens(), two()))).await;
    let form = call_service(&app, asked("/target/x")).await;
    assert_eq!(form.status(), 401);
    assert!(text(form).await.contains("<form"));
}
