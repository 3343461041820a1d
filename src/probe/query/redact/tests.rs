use proptest::prelude::*;

use super::*;

#[test]
fn literals_go_and_the_statement_stays_readable() {
    for (sql, expected) in [
        ("SELECT * FROM orders WHERE id = 42 AND name = 'Ann'", "SELECT * FROM orders WHERE id = ? AND name = ?"),
        ("select 'it''s', 1.5e-10, .5, 0xFF, 1_000, 12abc", "select ?, ?, ?, ?, ?, ?"),
        ("select E'a\\'b', e'x', B'01', x'1F', N'n', U&'d\\0061t' from t1", "select ?, ?, ?, ?, ?, ? from t1"),
        ("select $1, $23::int from \"T \"\"1\"\"\".c2", "select $1, $23::int from \"T \"\"1\"\"\".c2"),
        ("select $$a 'b' $x$$, $tag$ $$ c $tag$, foo$1", "select ?, ?, foo$1"),
        ("select 1 -- secret\n, /* secret /* nested */ secret */ 2", "select ? , ?"),
        ("  select\n\t 1  ;\n select 2 ", "select ? ; select ? "),
        ("select a[1:2], b->>'k', c ?| array['x']", "select a[?:?], b->>?, c ?| array[?]"),
        ("select date'2020-01-01', -5, a-1", "select date?, -?, a-?"),
        ("select 'a'\n 'b'", "select ? ?"),
        ("for 1..10", "for ?..?"),
        ("", ""),
    ] {
        assert_eq!(redact(sql), expected, "{sql}");
    }
}

#[test]
fn utility_statements_keep_no_secret() {
    for (sql, expected) in [
        ("ALTER ROLE app PASSWORD 'secret'", "ALTER ROLE app PASSWORD ?"),
        (
            "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'a', password 'secret')",
            "CREATE USER MAPPING FOR app SERVER s OPTIONS (user ?, password ?)",
        ),
        ("COPY t FROM PROGRAM 'curl -u secret'", "COPY t FROM PROGRAM ?"),
        ("DO $$ BEGIN PERFORM 'secret'; END $$", "DO ?"),
        ("DO LANGUAGE plpgsql $a$ secret $a$", "DO LANGUAGE plpgsql ?"),
        ("SET app.token = secret", "SET app.token = ?"),
        ("SET LOCAL app.token TO 'a', secret; SELECT b", "SET LOCAL app.token TO ?; SELECT b"),
        ("ALTER ROLE app SET app.token TO secret", "ALTER ROLE app SET app.token TO ?"),
        ("ALTER SYSTEM SET x = \"secret\"", "ALTER SYSTEM SET x = ?"),
        ("UPDATE t SET a = b WHERE c = 1", "UPDATE t SET a = b WHERE c = ?"),
        ("ALTER TABLE a RENAME TO b", "ALTER TABLE a RENAME TO b"),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=secret' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION ? PUBLICATION p",
        ),
    ] {
        assert_eq!(redact(sql), expected, "{sql}");
    }
}

#[test]
fn what_is_not_closed_hides_the_rest() {
    for sql in [
        "select 'secret",
        "select E'a\\'secret",
        "select $$ secret",
        "select $a$ secret $b$ secret",
        "select /* secret",
        "select \"secret",
        "select -- secret",
        "select U&'secret",
        "select 'a\\' or b = 'secret'",
        "select 'a\\'secret'",
    ] {
        assert!(!redact(sql).contains("secret"), "{sql} -> {}", redact(sql));
    }
}

#[test]
fn a_long_statement_is_cut() {
    let long = format!("select {}", "column_é, ".repeat(5_000));
    let cut = redact(&long);
    assert_eq!(cut.chars().count(), MOST_CHARS);
    assert!(cut.ends_with('…'));
    let exact = "a".repeat(MOST_CHARS);
    assert_eq!(redact(&exact), exact);
}

const MARKER: &str = "zqMARKERqz";

/// One way of writing a literal or a comment with the marker in it, between other text that is legal there.
fn hidden() -> impl Strategy<Value = String> {
    let text = "[a-z0-9 ;(){}\\-/*$\"é,=]{0,12}";
    (0..9_u8, text, text).prop_map(|(form, before, after)| {
        let body = format!("{before}{MARKER}{after}");
        match form {
            0 => format!("'{body}'"),
            1 => format!("'it''s {body} '''"),
            2 => format!("E'\\\\\\'{body}\\n'''"),
            3 => format!("U&'\\0061{body}'"),
            4 => format!("$tag$'{}$tag$", body.replace('$', "")),
            5 => format!("$${}$$", body.replace('$', "")),
            6 => format!("-- {body}\n"),
            7 => format!("/* ' {} /* nested */ */", body.replace(['*', '/'], "")),
            _ => format!("9{MARKER}"),
        }
    })
}

fn visible() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("select".to_owned()),
        Just("\"Quoted ' -- \"\" id\"".to_owned()),
        Just("$1".to_owned()),
        Just("foo$bar$".to_owned()),
        Just("->>".to_owned()),
        Just("(1.5, 0x1f)".to_owned()),
        Just("alter role x set y = z;".to_owned()),
        "[a-zé_]{1,6}",
    ]
}

proptest! {
    #[test]
    fn no_literal_survives(pieces in prop::collection::vec(prop_oneof![hidden(), visible()], 0..12), cut in 0.0..1.0_f64) {
        let sql = pieces.join(" ");
        prop_assert!(!redact(&sql).contains(MARKER), "{sql} -> {}", redact(&sql));
        // Cut anywhere, as track_activity_query_size does.
        let end = (0..=(sql.len() as f64 * cut) as usize).rev().find(|&at| sql.is_char_boundary(at)).unwrap_or(0);
        prop_assert!(!redact(&sql[..end]).contains(MARKER));
    }

    #[test]
    fn nothing_panics_and_the_bound_holds(sql in any::<String>()) {
        prop_assert!(redact(&sql).chars().count() <= MOST_CHARS);
    }

    #[test]
    fn sql_like_noise_does_not_panic(sql in "[-'\"$\\\\/*eEuU&bB0-9.a;=\n é]{0,60}") {
        redact(&sql);
    }
}
