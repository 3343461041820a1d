//! A browser as a test uses it: Debian's Chromium, driven by WebDriver, which is a handful of requests with JSON.
//!
//! ```text
//! browser.go(&node.base()); browser.press("Incidents"); browser.expect("main h1", "Incidents");
//! ```
//! Pages change while one looks, so everything here looks again until it is so, or a deadline passes.

use std::{path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use isobar::sandbox::Chromium;
use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::{client, secs, until};

/// How soon a page shows what it is to show, on a loaded machine.
const SOON: Duration = secs(15);

/// Between two looks at a page: each is some messages between four processes.
const GLANCE: Duration = Duration::from_millis(40);

/// WebDriver's word for a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An open browser with one empty tab; it ends when dropped, and says what its page looked like when the test failed.
pub(crate) struct Browser {
    http: Client,
    session: String,
    chromium: Chromium,
}

/// How a visitor's machine is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    /// 1280 by 800, light, nothing moves.
    pub(crate) fn open() -> Self {
        let chromium = Chromium::start().expect("ChromeDriver");
        let http = client().timeout(secs(90)).build().expect("a client");
        let wish = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": chromium.binary(), "args": chromium.arguments() },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "implicit": 0, "script": 60_000, "pageLoad": 30_000 },
        }}});
        let url = format!("{}/session", chromium.url());
        let answer = said(http.post(&url).json(&wish));
        let answer = answer.unwrap_or_else(|error| panic!("no browser: {error}\n{}", chromium.log()));
        let session = format!("{url}/{}", answer["sessionId"].as_str().expect("a session"));
        let browser = Self { http, session, chromium };
        browser.resize(1280, 800);
        browser.set(Scheme::Light);
        browser
    }

    /// The processes of it that are ours to know.
    #[allow(dead_code)] // a bench does
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.chromium.pids()
    }

    /// Where it keeps what it keeps.
    pub(crate) fn profile(&self) -> String {
        self.chromium.profile().display().to_string()
    }

    fn ask(&self, command: &str, body: &Value) -> Result<Value, String> {
        said(self.http.post(format!("{}/{command}", self.session)).json(body))
    }

    /// A command that cannot fail on a page that lives.
    #[track_caller]
    fn must(&self, command: &str, body: &Value) -> Value {
        self.ask(command, body).unwrap_or_else(|error| panic!("{command} {body}: {error}\n{}", self.chromium.log()))
    }

    /// Opens an address, and waits for the page and what it loads.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.must("url", &json!({ "url": url }));
    }

    /// Loads it anew.
    #[track_caller]
    pub(crate) fn reload(&self) {
        self.must("refresh", &json!({}));
    }

    /// A step back in what was visited.
    #[track_caller]
    pub(crate) fn back(&self) {
        self.must("back", &json!({}));
    }

    /// What the address bar says after the host.
    pub(crate) fn path(&self) -> String {
        self.run("return location.pathname + location.search").as_str().expect("a path").to_owned()
    }

    /// What a script returns, of which this is the body.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &[])
    }

    /// The same with `arguments`.
    #[track_caller]
    pub(crate) fn run_with(&self, script: &str, arguments: &[Value]) -> Value {
        self.must("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// What a script's promise comes to.
    #[track_caller]
    pub(crate) fn wait(&self, promise: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\n\
             (async () => {{ {promise} }})().then(done, (error) => done({{ failed: String(error) }}))"
        );
        let came = self.must("execute/async", &json!({ "script": script, "args": [] }));
        assert_eq!(came["failed"], Value::Null, "{promise}");
        came
    }

    /// Looks until `look` brings something, less often than one looks at an answer.
    #[track_caller]
    #[allow(clippy::unused_self)] // it is what one does with a browser
    pub(crate) fn until<T>(&self, what: &str, within: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
        let glance = || look().inspect_err(|_| std::thread::park_timeout(GLANCE));
        until(what, within, glance).0
    }

    /// What the elements say, each in one line, as it is seen.
    #[track_caller]
    pub(crate) fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility())\
                      .map((one) => one.innerText.replace(/\\s+/g, ' ').trim())";
        let texts = self.run_with(script, &[css.into()]);
        texts.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits for an element that can be seen and says this; all that it says.
    #[track_caller]
    pub(crate) fn expect(&self, css: &str, words: &str) -> String {
        self.expect_within(SOON, css, words)
    }

    /// The same with more patience.
    #[track_caller]
    pub(crate) fn expect_within(&self, within: Duration, css: &str, words: &str) -> String {
        self.until(&format!("{css} says {words:?}"), within, || {
            let texts = self.texts(css);
            texts.iter().find(|text| text.contains(words)).cloned().ok_or_else(|| format!("{texts:?} at {}", self.path()))
        })
    }

    /// Waits until no such element can be seen that says this.
    #[track_caller]
    pub(crate) fn expect_no(&self, css: &str, words: &str) {
        self.until(&format!("no {css} says {words:?}"), SOON, || {
            let texts = self.texts(css);
            if texts.iter().any(|text| text.contains(words)) { Err(format!("{texts:?}")) } else { Ok(()) }
        });
    }

    /// Clicks on the button, or the link, that is called so.
    #[track_caller]
    pub(crate) fn press(&self, name: &str) {
        let name_of = format!("normalize-space() = '{name}' or @aria-label = '{name}'");
        self.click("xpath", &format!("//button[{name_of}] | //a[{name_of}]"));
    }

    /// Clicks on the first such element.
    #[track_caller]
    pub(crate) fn press_on(&self, css: &str) {
        self.click("css selector", css);
    }

    #[track_caller]
    fn click(&self, using: &str, value: &str) {
        self.until(&format!("a click on {value}"), SOON, || {
            let found = self.ask("element", &json!({ "using": using, "value": value }))?;
            let element = found[ELEMENT].as_str().expect("an element");
            self.ask(&format!("element/{element}/click"), &json!({}))
        });
    }

    /// Types into a field, in place of what is there.
    #[track_caller]
    pub(crate) fn fill(&self, css: &str, text: &str) {
        self.until(&format!("{css} takes {text:?}"), SOON, || {
            let found = self.ask("element", &json!({ "using": "css selector", "value": css }))?;
            let element = found[ELEMENT].as_str().expect("an element");
            self.ask(&format!("element/{element}/clear"), &json!({}))?;
            self.ask(&format!("element/{element}/value"), &json!({ "text": text }))
        });
    }

    /// Presses a key, such as `Tab` (U+E004) or `Escape` (U+E00C), wherever the focus is.
    #[track_caller]
    pub(crate) fn key(&self, key: char) {
        let key = key.to_string();
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.must("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// A window of that size, however small.
    #[track_caller]
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.resize_at(width, height, 1.0);
    }

    /// The same on a screen with so many dots for each of its pixels.
    #[track_caller]
    pub(crate) fn resize_at(&self, width: u32, height: u32, dots: f64) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": dots, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Light or dark; and no motion, so that what is measured or drawn stands still.
    #[track_caller]
    pub(crate) fn set(&self, scheme: Scheme) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme.word() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// A command of Chromium's own protocol.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.must("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The window as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let shot = self.devtools("Page.captureScreenshot", &json!({ "format": "png", "optimizeForSpeed": false }));
        STANDARD.decode(shot["data"].as_str().expect("data")).expect("base64")
    }

    /// What the console was told since the last time, of which a sound page says nothing.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.must("se/log", &json!({ "type": "browser" }));
        let text = |entry: &Value| format!("{} {}", entry["level"].as_str().unwrap_or("?"), entry["message"]);
        entries.as_array().into_iter().flatten().map(text).collect()
    }

    /// Violations of accessibility that axe-core calls serious or critical, each in a line.
    #[track_caller]
    pub(crate) fn violations(&self) -> Vec<String> {
        if self.run("return typeof axe") == "undefined" {
            let path = isobar::sandbox::cache().join(AXE);
            let axe = std::fs::read_to_string(&path);
            self.run(&axe.unwrap_or_else(|error| panic!("{}: {error}; `.ci/setup test` fetches it", path.display())));
        }
        let found = self.wait(
            "const { violations } = await axe.run(document, { resultTypes: ['violations'] });\n\
             return violations.filter((one) => ['serious', 'critical'].includes(one.impact)).flatMap((one) => one.nodes.map((node) =>\
             `${one.impact} ${one.id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s+/g, ' ')}`))",
        );
        found.as_array().expect("a list").iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Where `.ci/setup test` unpacks it to.
const AXE: &str = "axe-core-4.14.1/axe.min.js";

/// The value of an answer, or what went wrong.
fn said(request: reqwest::blocking::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().map_err(|error| error.to_string())?;
    let is_fine = answer.status().is_success();
    let mut body: Value = answer.json().map_err(|error| error.to_string())?;
    let value = body["value"].take();
    if is_fine { Ok(value) } else { Err(format!("{}: {}", value["error"], first_line(&value["message"]))) }
}

fn first_line(message: &Value) -> &str {
    message.as_str().and_then(|text| text.lines().next()).unwrap_or_default()
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let script = "return location.href + '\\n' + document.body.innerText";
            let page = self.ask("execute/sync", &json!({ "script": script, "args": [] }));
            eprintln!("--- the page\n{}", page.map_or_else(|error| error, |page| page.as_str().unwrap_or_default().to_owned()));
            // Not by way of `console`, which may panic once more.
            let told = self.ask("se/log", &json!({ "type": "browser" }));
            eprintln!("--- its console\n{}", told.map_or_else(|error| error, |told| told.to_string()));
            if let Some(folder) = std::env::var_os("ISOBAR_TEST_SHOTS") {
                let shot = self.ask("goog/cdp/execute", &json!({ "cmd": "Page.captureScreenshot", "params": {} }));
                let shot = shot.ok().and_then(|shot| STANDARD.decode(shot["data"].as_str()?).ok());
                let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
                let _ = std::fs::write(Path::new(&folder).join(name + ".png"), shot.unwrap_or_default());
            }
        }
        let _ = self.http.delete(&self.session).timeout(secs(10)).send();
    }
}
