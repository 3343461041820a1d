use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_quote_holds_a_secret_wherever_it_stands(
        before in ".{0,250}",
        after in ".{0,50}",
        token in "[A-Za-z0-9_-]{8,60}(=|==)?",
        path in "[A-Za-z0-9_-]{8,20}/[A-Za-z0-9_-]{8,20}",
        value in "[A-Za-z0-9_-]{8,20}",
        times in 1_usize..4,
    ) {
        let url = Url::parse(&format!("http://example.com/{path}?k={value}")).expect("a URL");
        let http = Http::new(&[&url], &[&token.as_str().into()]).expect("a client");
        for secret in [&token, &path, &value, &url.to_string(), &format!("Bearer {token}"), &path.replace('/', "\\/")] {
            let quote = http.quote(&format!("{before}{}{after}", secret.repeat(times)));
            for hidden in [&token, &path, &value, secret] {
                prop_assert!(before.contains(hidden.as_str()) || !quote.contains(hidden.as_str()), "{quote}");
            }
        }
    }
}

#[test]
fn a_quote_leaves_plain_words_alone() {
    let url = Url::parse("https://hooks.example.com/").expect("a URL");
    let http = Http::new(&[&url], &[&"abc".into()]).expect("a client");
    assert_eq!(http.quote("  abc: not\r\n found \u{7} here "), "abc: not found here");
}
