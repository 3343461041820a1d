//! This very program once more, told by its environment to be one life of what a test kills.

use std::{
    io,
    process::{Child, Command, Stdio},
    thread,
};

use serde::{Serialize, de::DeserializeOwned};

/// Where a life finds what is wished of it.
const WISH: &str = "ISOBAR_TEST_LIFE";

/// A process that lives no longer than whoever holds it; its end of the pipe tells it so when we are killed ourselves.
pub(crate) struct Life(pub(crate) Child);

impl Life {
    /// Begins the ignored test of that path.
    pub(crate) fn begin(path: &str, wish: &impl Serialize, stdout: Stdio) -> Self {
        let name = path.split_once("::").expect("in the test's crate").1;
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env(WISH, serde_json::to_string(wish).expect("JSON"))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .spawn();
        Self(child.expect("a process"))
    }

    /// What is wished of this process, when it is one; from then on it ends with whoever began it.
    pub(crate) fn wish<T: DeserializeOwned>() -> Option<T> {
        let wish = std::env::var(WISH).ok()?;
        // Whoever started this holds the other end; when they are gone, so are we.
        thread::spawn(|| {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(1);
        });
        Some(serde_json::from_str(&wish).expect("a wish"))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
