//! A throw-away ChromeDriver on loopback, and the Chromium that it starts: without a window, with an empty profile of its own, and calling
//! nobody but whom it is sent to. Talking to it (WebDriver, HTTP with JSON) is its user's part.
//!
//! Chromium hangs on a pipe of ChromeDriver's, so it ends when that does, however that ends.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
};

use nix::sys::signal::Signal;

use super::{
    Error,
    account::{self, OnOurDeath},
    folder::Folder,
    ports::Port,
    process::{self, Guarded, Process},
    tail,
};

/// How often to try another port when somebody who is not one of us is faster.
const PORTS: u32 = 5;

/// Without a window; nothing on the first run, nothing in the background. There is no sandbox below ours: it would need namespaces that
/// containers lack, and it sees our own pages only.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--lang=en-US",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    // Answers of hosts that do not exist here would come late, and it asks for some at its start.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A running ChromeDriver of our own; see the module's text.
#[derive(Debug)]
pub struct Chromium {
    browser: PathBuf,
    driver: PathBuf,
    port: Port,
    process: Guarded,
    folder: Folder,
}

impl Chromium {
    /// Starts ChromeDriver; it answers when this returns. Chromium itself starts with a session.
    pub fn start() -> Result<Self, Error> {
        let browser = program("ISOBAR_CHROMIUM", "chromium", "chromium")?;
        let driver = program("ISOBAR_CHROMEDRIVER", "chromedriver", "chromium-driver")?;
        let (port, folder) = (Port::lease()?, Folder::new()?);
        let mut chromium = Self { browser, driver, port, process: Guarded::default(), folder };
        let mut tries = 1;
        loop {
            match chromium.launch() {
                Err(error) if error.is_port_taken() && tries < PORTS => chromium.port = Port::lease()?,
                result => break result?,
            }
            tries += 1;
        }
        Ok(chromium)
    }

    fn launch(&self) -> Result<(), Error> {
        self.process.restart(Signal::SIGTERM, || {
            let mut command = account::command(&self.driver, OnOurDeath::Kill)?;
            command.arg(format!("--port={}", self.port)).arg("--log-level=WARNING");
            // Whatever they would put elsewhere goes with the folder.
            for name in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
                command.env(name, self.folder.path());
            }
            let answers = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number())).is_ok();
            Process::start("ChromeDriver", command, &self.log_file(), answers)
        })
    }

    /// Where ChromeDriver takes commands.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The browser to ask for.
    pub fn binary(&self) -> &Path {
        &self.browser
    }

    /// Where the browser keeps what it keeps.
    pub fn profile(&self) -> PathBuf {
        self.folder.join("profile")
    }

    /// What the browser is to be started with.
    pub fn arguments(&self) -> Vec<String> {
        let profile = format!("--user-data-dir={}", self.profile().display());
        ARGUMENTS.iter().map(ToString::to_string).chain([profile]).collect()
    }

    /// ChromeDriver and the browser, not what the browser starts; empty when it does not run.
    pub fn pids(&self) -> Vec<i32> {
        self.process.pids()
    }

    /// The end of what both said.
    pub fn log(&self) -> String {
        tail(&self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("chromedriver.log")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.process.end_and(Signal::SIGTERM, || {
            process::end_all_started_with(self.folder.path());
            self.folder.remove();
        });
    }
}

fn program(variable: &str, name: &str, package: &str) -> Result<PathBuf, Error> {
    let given = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = ["/usr/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    given.into_iter().chain(usual).find(|path| path.is_file()).ok_or_else(|| Error::Missing {
        program: format!("{name} (looked for it in /usr/bin and /usr/local/bin)"),
        fix: format!("`apt-get install {package}` (`.ci/setup test` does), or set {variable} to the program"),
    })
}
