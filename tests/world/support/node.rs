//! The real binary, started and stopped.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::Value;

use super::{Stream, client, secs, until};

/// The program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_isobar");

/// A running node; killed when dropped, and its log printed when the test failed.
pub(crate) struct Node {
    child: Child,
    base: String,
    log: Arc<Mutex<String>>,
    http: Client,
}

impl Node {
    /// `isobar watch URL...` and more arguments.
    pub(crate) fn watch(arguments: &[&str]) -> Self {
        let mut all = vec!["watch", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start(&all)
    }

    /// `isobar run --config DIR`.
    pub(crate) fn run(config: &Path) -> Self {
        Self::start(&[OsStr::new("run"), "--listen".as_ref(), "127.0.0.1:0".as_ref(), "--config".as_ref(), config.as_os_str()])
    }

    /// A folder with these files, run.
    pub(crate) fn configured(files: &[(&str, &str)]) -> (Self, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).expect("a written file");
        }
        (Self::run(dir.path()), dir)
    }

    /// The binary with these arguments.
    pub(crate) fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        Self::launch(command)
    }

    /// A command of the test's own that becomes the binary.
    pub(crate) fn launch(command: Command) -> Self {
        Self::launch_for(command, None)
    }

    /// The same of one that answers only to this token.
    pub(crate) fn launch_for(mut command: Command, token: Option<&str>) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, listening) = mpsc::channel();
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("piped")), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = sender.send(address.split([' ', '"']).next().unwrap_or_default().to_owned());
                }
                let mut log = kept.lock().expect("no panic while held");
                log.push_str(&line);
                log.push('\n');
            }
        });
        // The demo starts six servers before.
        let base = listening.recv_timeout(secs(60));
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let headers: HashMap<_, _> = token.map(bearer).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let headers = (&headers).try_into().expect("headers");
        let http = client().timeout(secs(10)).default_headers(headers).build().expect("a client");
        let mut node = Self { child, base: String::new(), log, http };
        node.base = base.unwrap_or_else(|_| panic!("the node does not listen; its log:\n{}", node.log()));
        node
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// All it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic while held").clone()
    }

    /// The answer to a GET.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.base)).send().unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A request with another method.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(method.parse().expect("a method"), format!("{}{path}", self.base))
    }

    /// Its resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("VmRSS") / 1024
    }

    /// The JSON answer to a GET.
    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json().unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// The sample of a target, by `region/target`; null before it is known.
    pub(crate) fn sample(&self, target: &str) -> Value {
        let answer = self.get(&format!("/api/databases/{target}"));
        if answer.status() == 404 { Value::Null } else { answer.json().expect("JSON") }
    }

    /// Waits until the sample is as wanted; tells it and how long that took.
    #[track_caller]
    pub(crate) fn expect(
        &self,
        target: &str,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> (Value, Duration) {
        until(&format!("{target}: {what}"), within, || {
            let sample = self.sample(target);
            if wanted(&sample) { Ok(sample) } else { Err(sample.to_string()) }
        })
    }

    /// Waits until the target has this status, and this rule among its reasons (any when empty).
    #[track_caller]
    pub(crate) fn expect_status(&self, target: &str, status: &str, rule: &str, within: Duration) -> (Value, Duration) {
        self.expect(target, &format!("{status} {rule}"), within, |sample| {
            sample["status"] == status && (rule.is_empty() || reason(sample, rule).is_some())
        })
    }

    /// The live stream, with a query string such as `?region=local`.
    pub(crate) fn stream(&self, query: &str) -> Stream {
        Stream::open(&format!("{}/api/stream{query}", self.base))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the process lives");
    }

    /// Ends it with SIGTERM; how it ended and how long that took.
    pub(crate) fn stop(self) -> (ExitStatus, Duration) {
        self.stop_by(Signal::SIGTERM)
    }

    /// The same by another signal.
    pub(crate) fn stop_by(mut self, signal: Signal) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal(signal);
        let (status, _) =
            until("the node ends", secs(10), || self.child.try_wait().ok().flatten().ok_or_else(|| "running".into()));
        (status, started.elapsed())
    }
}

/// The reason of that rule in a sample.
pub(crate) fn reason<'a>(sample: &'a Value, rule: &str) -> Option<&'a Value> {
    sample["reasons"].as_array()?.iter().find(|reason| reason["rule"] == rule)
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the node's log\n{}", self.log());
        }
    }
}
