//! Whoever may connect to a database, or name a table in it, writes words that the page shows. They stay words: nothing of them becomes
//! markup or script, and what turns the direction of text turns no words but its own.

use isobar::sandbox::password;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Crowd, House, settle, views};
use crate::support::{Browser, Session, secs};

/// As long as a name may be, 63 bytes; `application_name` takes ASCII alone.
const APPLICATION: &str = "<script>window.pwned='application'</script>";
const ROLE: &str = "\"><img src=x onerror=window.pwned='role'>";
const TURNED: &str = "a\u{202e}b'\"&lt;<b>c";
const TABLE: &str = "</code><svg onload=window.pwned='table'>";
const COLUMN: &str = "{{7*7}}${7*7}<!--";
const REASON: &str = "<script>window.pwned='reason'</script>\u{202e}desrever\u{202c} '\"";
const NOTE: &str = "</p><iframe src=\"javascript:parent.pwned='note'\"></iframe>\u{2067}";
const BY: &str = "<a href=javascript:window.pwned=1>\u{202e}Ada";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Sessions of hostile names that hold a lock, wait for it, and run what is slow.
struct Mischief {
    _holder: Session,
    _waiter: Session,
    _crowd: Crowd,
    _waits: std::sync::mpsc::Receiver<Result<String, String>>,
}

impl Mischief {
    fn make(house: &House) -> Self {
        let sql = |text: &str| house.server.sql("shop", text).expect("SQL");
        for role in [ROLE, TURNED] {
            let role = quoted(role);
            sql(&format!("CREATE ROLE {role} LOGIN PASSWORD '{}'; GRANT ALL ON orders TO {role}", password()));
        }
        let (table, column) = (quoted(TABLE), quoted(COLUMN));
        sql(&format!("CREATE TABLE {table} ({column} int); INSERT INTO {table} VALUES (1); GRANT ALL ON {table} TO PUBLIC"));
        // SET ROLE would not do: sessions are shown by whom they logged in as.
        let open = |role: &str| {
            let url = house.server.url_as(&percent(role), "shop");
            Session::open(&url, APPLICATION)
        };
        let (holder, waiter) = (open(TURNED), open(ROLE));
        holder.run(&format!("BEGIN; UPDATE {table} SET {column} = 2")).expect("a lock");
        let waits = waiter.start(&format!("UPDATE {table} SET {column} = 3"));
        let slow = format!("SELECT {column}, pg_sleep(1.2) FROM {table}");
        let crowd = Crowd::of(3, &house.server.url_as("app", "shop"), APPLICATION, &slow);
        Self { _holder: holder, _waiter: waiter, _crowd: crowd, _waits: waits }
    }
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn no_word_of_the_data_becomes_markup_or_script() {
    let house = House::open();
    let browser = &house.browser;
    let _mischief = Mischief::make(&house);
    let alert = house.expect_alert("blocking_chain", "firing");
    let post = |path: &str, body: &Value| {
        let answer = house.node.request("POST", path).json(body).send().expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.text().unwrap_or_default());
    };
    let id = alert["id"].as_str().expect("an id");
    post(&format!("/api/alerts/{id}/ack"), &json!({ "by": BY, "note": NOTE }));
    let matchers = json!({ "target": "no-such-target" });
    post("/api/silences", &json!({ "matchers": matchers, "duration": "1h", "by": BY, "reason": REASON }));
    let text = quoted(TABLE);
    // Texts are dear: Isobar rests for half a minute between two readings of them.
    house.node.expect("local/shop", "the statement's text is known", secs(75), |_| {
        house.node.json("/api/databases/local/shop/queries").to_string().contains("svg onload")
    });

    let (mut shown, mut turned) = (String::new(), Vec::new());
    for path in views(&alert) {
        house.visit(&path);
        settle(browser);
        if path == "/targets/local/shop" {
            browser.expect_within(secs(30), "main", &one_line(&text));
            browser.expect_within(secs(30), "main", APPLICATION);
        }
        assert_eq!(strangers(browser), Value::Array(Vec::new()), "{path}");
        assert_eq!(browser.run("return window.pwned ?? null"), Value::Null, "{path}");
        assert_eq!(browser.console(), Vec::<String>::new(), "{path}");
        let turning = browser.run(TURNING);
        turned.extend(turning.as_array().into_iter().flatten().map(|what| format!("{path}: {what}")));
        shown += browser.run("return document.body.textContent").as_str().unwrap_or_default();
    }
    assert!(turned.is_empty(), "text that turns its neighbours:\n{}", turned.join("\n"));
    for word in [APPLICATION, ROLE, TURNED, TABLE, COLUMN, REASON, NOTE, BY] {
        assert!(shown.contains(word), "{word:?} is shown nowhere, as it is");
    }
}

#[test]
fn an_address_that_holds_markup_is_shown_as_text() {
    let house = House::open();
    let browser = &house.browser;
    for path in [
        "/targets/local/%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E",
        "/incidents/%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E",
    ] {
        house.visit(path);
        settle(browser);
        assert_eq!(strangers(browser), Value::Array(Vec::new()), "{path}");
        assert_eq!(browser.run("return window.pwned ?? null"), Value::Null, "{path}");
    }
    house.node.signal(Signal::SIGTERM);
}

/// Elements that the page has no use for, and scripts that are not its own.
const STRANGERS: &str = "
    const foreign = [...document.querySelectorAll('img, iframe, object, embed, base, form[action^=http], [onload], [onerror], b > c')];
    const isOwn = (one) => (one.src ? one.src.startsWith(`${location.origin}/assets/`) && one.text === '' : one.text === arguments[0]);
    const scripts = [...document.scripts].filter((one) => !isOwn(one));
    const links = [...document.querySelectorAll('[href]')].filter((one) => /^\\s*(javascript|data):/i.test(one.getAttribute('href')));
    return [...foreign, ...scripts, ...links].map((one) => one.outerHTML)";

fn strangers(browser: &Browser) -> Value {
    let page = include_str!("../../../src/web/dashboard/page.html");
    let own = page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).expect("a script within the page").0;
    browser.run_with(STRANGERS, &[own.into()])
}

/// Text with marks of direction that shares its line with text beside it, and would turn that too. What stands between an opening mark of an
/// isolate and its end (U+2066 to U+2069) turns nothing outside.
const TURNING: &str = "
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    const marks = /[\\u202a-\\u202e\\u2066-\\u2069]/;
    const isolated = /[\\u2066-\\u2068][^\\u2066-\\u2069]*\\u2069/g;
    const bad = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!marks.test(node.data.replace(isolated, ''))) continue;
      let box = node.parentElement;
      const isAlone = (one) => !getComputedStyle(one).display.startsWith('inline')
        || ['isolate', 'isolate-override', 'plaintext'].includes(getComputedStyle(one).unicodeBidi);
      while (!isAlone(box)) box = box.parentElement;
      if (box.textContent.trim() !== node.data.trim()) bad.push(`${node.parentElement.outerHTML.slice(0, 400)} in ${box.tagName}.${box.className}`);
    }
    return bad";

/// As the page's text is compared.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
