//! A real mail server (Debian's `python3-aiosmtpd`) with throw-away certificates, and what it got.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use isobar::alert::settings::{EmailSettings, EmailTls};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "hunter2 & co";

/// A running mail server.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    tls: EmailTls,
}

impl Server {
    /// One that speaks so, and lets nobody send who has not signed in as `isobar`.
    pub(crate) fn start(tls: EmailTls) -> Self {
        Self::with(tls, &["--user", "isobar", "--password", PASSWORD])
    }

    /// One that anybody may use.
    pub(crate) fn open(tls: EmailTls) -> Self {
        Self::with(tls, &[])
    }

    fn with(tls: EmailTls, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (cert, key) = certificates(&folder);
        let speaks = match tls {
            EmailTls::Implicit => "implicit",
            EmailTls::Starttls => "starttls",
            EmailTls::None => "none",
        };
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/world/email/smtp.py");
        // It ends with us, however we end. Debian's own Python has Debian's packages; the first in the PATH may have none.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "/usr/bin/python3"])
            .arg(script)
            .arg(folder.path())
            .arg(speaks)
            .arg("--cert")
            .arg(cert)
            .arg("--key")
            .arg(key)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv and python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port: is python3-aiosmtpd installed? (.ci/setup test)");
        Self { child, folder, port, tls }
    }

    /// How a channel reaches it.
    pub(crate) fn settings(&self, to: &str) -> EmailSettings {
        EmailSettings {
            host: "localhost".into(),
            port: self.port,
            tls: self.tls,
            ca: Some(self.folder.path().join("ca.pem")),
            username: Some("isobar".into()),
            password: Some(PASSWORD.into()),
            from: "Isobar <isobar@example.com>".into(),
            to: vec![to.into()],
        }
    }

    /// The mails it took, oldest first.
    pub(crate) fn mails(&self) -> Vec<Value> {
        let mail = |number: u32| std::fs::read(self.folder.path().join(format!("{number}.json"))).ok();
        (1..).map_while(mail).map(|mail| serde_json::from_slice(&mail).expect("JSON")).collect()
    }

    /// What clients tried.
    pub(crate) fn events(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("events")).unwrap_or_default()
    }

    /// It accepts connections (the kernel does) and says nothing.
    pub(crate) fn freeze(&self) {
        kill(Pid::from_raw(self.child.id().try_into().expect("a pid")), Signal::SIGSTOP).expect("stopped");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, in `ca.pem`, and a certificate of it for `localhost`.
fn certificates(folder: &TempDir) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "an authority for a test");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let pair = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&pair, &authority).expect("a certificate");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    write("ca.pem", authority.pem());
    (write("cert.pem", certificate.pem()), write("key.pem", pair.serialize_pem()))
}
