use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

/// What was understood, as text: role, password, hosts, database, TLS, and what differs from the defaults.
fn read(text: &str) -> String {
    match ConnInfo::parse(text) {
        Err(error) => format!("{error}; {}", error.fix()),
        Ok(info) => {
            let host = |host: &Host| match host.addr {
                Some(addr) => format!("{}={addr}:{}", host.name, host.port),
                None => format!("{}:{}", host.name, host.port),
            };
            let hosts: Vec<_> = info.hosts.iter().map(host).collect();
            let password = info.password.as_ref().map_or("-", |secret| secret.expose_secret());
            let mut shown = format!("{} {password} {} {} {:?}", info.user, hosts.join(","), info.dbname, info.sslmode);
            shown.extend(info.sslrootcert.iter().map(|file| format!(" ca={}", file.display())));
            shown.extend(info.connect_timeout.iter().map(|timeout| format!(" timeout={timeout:?}")));
            if info.session_attrs != SessionAttrs::Any {
                shown = format!("{shown} {:?}", info.session_attrs);
            }
            shown
        }
    }
}

#[test]
fn both_forms_are_read_as_libpq_reads_them() {
    let table = [
        ("postgres://me@h", "me - h:5432 me Prefer"),
        ("postgresql://me:pw@h:6000/db", "me pw h:6000 db Prefer"),
        ("  postgres://me@h/db\n", "me - h:5432 db Prefer"),
        ("postgres://me:p%40ss%2Fw%3Frd%25@h/db", "me p@ss/w?rd% h:5432 db Prefer"),
        ("postgres://m%C3%A9:a:b@h/d%20b", "mé a:b h:5432 d b Prefer"),
        ("postgres://me:a#b@h/db", "me a#b h:5432 db Prefer"),
        ("postgres://me:@h/db", "me - h:5432 db Prefer"),
        ("postgres://me@[::1]:6000/db", "me - ::1:6000 db Prefer"),
        ("postgres://me@[2001:db8::1]/db", "me - 2001:db8::1:5432 db Prefer"),
        ("postgres://me@h1:1,h2:2/db", "me - h1:1,h2:2 db Prefer"),
        ("postgres://me@h1,[::1],h3:3/db", "me - h1:5432,::1:5432,h3:3 db Prefer"),
        ("postgres://me@/db?host=/run/pg&port=6000", "me - /run/pg:6000 db Prefer"),
        ("postgres://me@%2Frun%2Fpg/db", "me - /run/pg:5432 db Prefer"),
        ("postgres://me@%2Frun%2Fpg:6000/db", "me - /run/pg:6000 db Prefer"),
        ("postgres:///db?user=me&host=h&password=x", "me x h:5432 db Prefer"),
        ("postgres://h/db?user=me%40corp", "me@corp - h:5432 db Prefer"),
        ("postgres://me@h/a?dbname=b", "me - h:5432 b Prefer"),
        ("postgres://me@h1,h2/db?hostaddr=10.0.0.1,", "me - h1=10.0.0.1:5432,h2:5432 db Prefer"),
        ("postgres://me@/db?hostaddr=::1", "me - ::1=::1:5432 db Prefer"),
        ("postgres://me@h?sslmode=disable", "me - h:5432 me Disable"),
        ("postgres://me@h?sslmode=allow", "me - h:5432 me Allow"),
        ("postgres://me@h?sslmode=require", "me - h:5432 me Require"),
        ("postgres://me@h?ssl=true", "me - h:5432 me Require"),
        ("postgres://me@h?sslmode=require&sslrootcert=/ca.pem", "me - h:5432 me VerifyCa ca=/ca.pem"),
        ("postgres://me@h?sslmode=verify-ca", "me - h:5432 me VerifyCa"),
        ("postgres://me@h?sslmode=verify-full&sslrootcert=ca.pem", "me - h:5432 me VerifyFull ca=ca.pem"),
        ("postgres://me@h?sslrootcert=system", "me - h:5432 me VerifyFull"),
        ("postgres://me@h?connect_timeout=3", "me - h:5432 me Prefer timeout=3s"),
        ("postgres://me@h?connect_timeout=0", "me - h:5432 me Prefer"),
        ("postgres://me@h1,h2?target_session_attrs=read-write", "me - h1:5432,h2:5432 me Prefer ReadWrite"),
        ("postgres://me@h?target_session_attrs=prefer-standby", "me - h:5432 me Prefer PreferStandby"),
        ("postgres://me@h?application_name=shop&keepalives=1&channel_binding=prefer", "me - h:5432 me Prefer"),
        ("host=h user=me", "me - h:5432 me Prefer"),
        ("host = h  user\t=\nme dbname= db port =6000", "me - h:6000 db Prefer"),
        (r"host=h user=me password='it\'s a \\ one' dbname=''", r"me it's a \ one h:5432 me Prefer"),
        (r"host=h user=me password=it's\ one", "me it's one h:5432 me Prefer"),
        ("host=h user=me password='a=b'dbname=db", "me a=b h:5432 db Prefer"),
        ("host=h1,h2 port=1,2 user=me", "me - h1:1,h2:2 me Prefer"),
        ("host=h1,h2 port=6000 user=me", "me - h1:6000,h2:6000 me Prefer"),
        ("host=h host=g user=me", "me - g:5432 me Prefer"),
        ("host=/run/pg user=me sslmode=disable", "me - /run/pg:5432 me Disable"),
    ];
    for (text, expected) in table {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_fix() {
    let table = [
        ("", "empty"),
        ("marketing", "neither"),
        ("db.internal:5432", "neither"),
        ("mysql://me@h/db", "starts with postgres://"),
        ("postgres://h/db", "no role is named"),
        ("postgres://me@/db", "no host is named"),
        ("user=me", "no host is named"),
        ("postgres://me@h1,,h3/db", "no host is named"),
        ("postgres://me@h:54a/db", "1 to 65535"),
        ("postgres://me@h:0/db", "1 to 65535"),
        ("postgres://me@h:65536/db", "1 to 65535"),
        ("postgres://me@::1/db", "in [ ]"),
        ("postgres://me@[::1/db", "[::1]:5432"),
        ("postgres://me@[::1]x/db", "[::1]:5432"),
        ("postgres://me@[]/db", "[::1]:5432"),
        ("postgres://me:p@ss@h/db", "%40 for `@`"),
        ("postgres://me:p/ss@h/db", "%2F for `/`"),
        ("postgres://me:p?ss@h/db", "%3F for `?`"),
        ("postgres://me:100%@h/db", "%25"),
        ("postgres://me:%ff@h/db", "UTF-8"),
        ("postgres://me:%00@h/db", "zero byte"),
        ("postgres://me@h/db?sslmode", "parameter 1 lacks its `=`"),
        ("postgres://me@h/db?sslmod=require", "did you mean `sslmode`?"),
        ("postgres://me@h/db?connect_timeout=1&schema=public", "parameter 2 is not one that libpq knows; remove it"),
        ("postgres://me@h/db?sslmode=verify_full", "did you mean `verify-full`?"),
        ("postgres://me@h/db?sslmode=yes", "one of disable, allow"),
        ("postgres://me@h/db?ssl=1", "`ssl` must be true"),
        ("postgres://me@h/db?target_session_attrs=master", "one of any, read-write"),
        ("postgres://me@h/db?sslmode=require&sslrootcert=system", "needs `sslmode=verify-full`"),
        ("postgres://me@h/db?connect_timeout=3s", "whole number of seconds"),
        ("postgres://me@h/db?hostaddr=h", "IPv4 or IPv6"),
        ("postgres://me@h1,h2/db?hostaddr=::1", "different numbers"),
        ("postgres://me@h1/db?port=1,2", "different numbers"),
        ("postgres://me@a%20b/db", "`host` must be"),
        ("postgres://me@h/db?options=-csearch_path%3Dx", "Isobar sets its own session options"),
        ("postgres://me@h/db?passfile=/x", "file:PATH"),
        ("postgres://me@h/db?sslcert=/x", "client certificates"),
        ("postgres://me@h/db?channel_binding=require", "cannot be forced"),
        ("host=h user=me password=two words", "parameter 4 lacks its `=`; write NAME=VALUE, and put a value with spaces"),
        ("host=h user=me password='open", "quotes of parameter 3"),
        ("host=h =me", "lacks its `=`"),
        ("host=h usr=me", "did you mean `user`?"),
    ];
    for (text, expected) in table {
        assert!(read(text).contains(expected), "{text:?} gave: {}", read(text));
    }
}

#[test]
fn addresses_are_for_people() {
    for (text, address) in
        [("postgres://me@h:1,g:2", "h:1"), ("postgres://me@[::1]", "[::1]:5432"), ("host=/s user=me", "/s:5432")]
    {
        assert_eq!(ConnInfo::parse(text).expect(text).address(), address);
    }
}

#[test]
fn equality_sees_the_password_and_debug_does_not() {
    let info = |password: &str| ConnInfo::parse(&format!("postgres://me:{password}@h/db")).expect("valid");
    assert_eq!(info("one"), info("one"));
    assert_ne!(info("one"), info("two"));
    assert_eq!(format!("{:?}", info("one")), "me@h:5432/db");
}

fn shown(text: &str) -> String {
    match ConnInfo::parse(text) {
        Ok(info) => format!("{info:?} {}", info.address()),
        Err(error) => format!("{error} {error:?} {}", error.fix()),
    }
}

fn password_of(info: &ConnInfo) -> &str {
    info.password.as_ref().map_or("", |secret| secret.expose_secret())
}

proptest! {
    #[test]
    fn no_text_panics(text in "(postgres://|postgresql://|)\\PC{0,60}", bytes in "[a-z@:/?&=%,\\[\\]'\\\\ 0-9]{0,60}") {
        shown(&text);
        shown(&bytes);
        shown(&format!("postgres://{bytes}"));
    }

    /// Also when it was not percent-encoded and the URL falls apart around it.
    #[test]
    fn no_url_shows_its_password(before in "[a-z@:/?&=%,#\\[\\]' 0-9]{0,8}", after in "[a-z@:/?&=%,#\\[\\]' 0-9]{0,8}") {
        for tail in ["h/db", "h:6000/db?sslmode=require", "h1,h2", ""] {
            let text = format!("postgres://me:{before}S3CRET{after}@{tail}");
            prop_assert!(!shown(&text).contains("S3CRET"), "{}", shown(&text));
        }
    }

    #[test]
    fn no_pairs_show_their_password(words in "[a-z@:/?&%,#' 0-9]{0,12}") {
        for text in [
            format!("host=h user=me password={words}S3CRET{words}"),
            format!("host=h password='{words}S3CRET{words} user=me"),
            format!("password= {words} S3CRET"),
        ] {
            prop_assert!(!shown(&text).contains("S3CRET"), "{}", shown(&text));
        }
    }

    #[test]
    fn an_encoded_password_comes_back(password in "\\PC{1,30}", quoted in "[^\0]{1,30}") {
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let info = ConnInfo::parse(&format!("postgres://me:{encoded}@h/db")).expect("valid");
        prop_assert_eq!(password_of(&info), &password);
        let escaped = quoted.replace('\\', "\\\\").replace('\'', "\\'");
        let info = ConnInfo::parse(&format!("host=h user=me password='{escaped}'")).expect("valid");
        prop_assert_eq!(password_of(&info), &quoted);
    }
}

#[test]
fn what_is_in_between_is_told_by_a_word_or_by_the_port() {
    use PoolMode::{None as Nothing, Session, Transaction};
    for (text, mode) in [
        ("postgres://me@h/db", None),
        ("postgres://me@h:6543/db", Some(Transaction)),
        ("postgres://me@h:6543,i/db", None),
        ("postgres://me@h:6543/db?pool_mode=none", Some(Nothing)),
        ("postgres://me@h:6543/db?pgbouncer=true&pool_mode=session", Some(Session)),
        ("postgres://me@h/db?pgbouncer=true", Some(Transaction)),
        ("postgres://me@h/db?pgbouncer=false", None),
        ("host=h user=me pool_mode=transaction", Some(Transaction)),
    ] {
        let read = ConnInfo::parse(text);
        assert_eq!(read.ok().and_then(|info| info.pool_mode), mode, "{text}");
    }
    assert!(read("postgres://me@h/db?pool_mode=statement").contains("one of none, session, transaction"));
}
