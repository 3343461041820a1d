//! Email by SMTP: one mail per recipient, text and HTML with the figure's picture, and all mails of an incident in one thread.
//!
//! A connection is made for each mail and closed after it: alerts are rare, and a connection kept for hours is one that died without
//! a word. With STARTTLS a server that does not offer it gets no mail and no password. Addresses, a full mailbox, greylisting: the
//! server's first digit says whether it is worth another try. A server that says nothing, once the mail is being handed over, may have it.

mod html;
mod letter;
mod text;

use std::{
    error::Error as _,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use lettre::{
    message::Mailbox,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::{Channel, Checked, Failure, Nature, Parcel, Receipt};
use crate::alert::{
    message::{self, Templates},
    settings::{EmailSettings, EmailTls},
};

/// One mail, from the first packet to the server's "accepted".
const PATIENCE: Duration = Duration::from_secs(15);

/// One address of several that does not answer leaves time for the next.
const ADDRESS: Duration = Duration::from_secs(5);

/// Mail servers limit clients that send many at once.
const BURST: u32 = 5;
const EVERY: Duration = Duration::from_secs(1);

/// The last step: the mail itself.
const SEND: &str = "send";

/// The server's own words in an answer are cut there.
const LONGEST_ANSWER: usize = 300;

/// A mail server and those who get mail through it.
pub struct Email {
    host: String,
    port: u16,
    tls: EmailTls,
    parameters: Option<TlsParameters>,
    account: Option<(String, SecretString)>,
    from: Mailbox,
    to: Vec<String>,
    templates: Templates,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Email {
    /// Reads the authority's file and compiles the templates; an error says what is wrong, without secrets.
    #[expect(clippy::needless_pass_by_value, reason = "every channel is made with words of its own")]
    pub fn new(settings: &EmailSettings, title: Option<String>, body: Option<String>) -> Result<Self, String> {
        let from = settings.from.parse().map_err(|error| format!("from `{}` is no address: {error}", settings.from))?;
        for to in &settings.to {
            to.parse::<Mailbox>().map_err(|error| format!("to `{to}` is no address: {error}"))?;
        }
        let account = match (&settings.username, &settings.password) {
            (Some(username), Some(password)) => Some((username.clone(), password.clone())),
            (None, None) => None,
            _ => return Err("username and password belong together: set both or none".to_owned()),
        };
        if settings.tls == EmailTls::None && account.is_some() && !is_here(&settings.host) {
            return Err(format!(
                "tls = \"none\" would send the password to {} in the clear; use \"starttls\" or \"implicit\"",
                settings.host
            ));
        }
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            parameters: if settings.tls == EmailTls::None { None } else { Some(parameters(settings)?) },
            account,
            from,
            to: settings.to.clone(),
            templates: Templates::new(title.as_deref(), body.as_deref())?,
        })
    }

    /// Connected, protected and signed in; a failure says in which step.
    async fn connect(&self, steps: &mut Vec<Checked>) -> Result<AsyncSmtpConnection, Failure> {
        let hello = ClientId::default();
        let implicit = self.parameters.clone().filter(|_| self.tls == EmailTls::Implicit);
        let connected =
            AsyncSmtpConnection::connect_tokio1((self.host.as_str(), self.port), Some(ADDRESS), &hello, implicit, None).await;
        let mut connection = self.step(steps, "connect", &self.greeting(), connected)?;
        if let (EmailTls::Starttls, Some(parameters)) = (self.tls, self.parameters.clone()) {
            let protected = if connection.can_starttls() {
                connection.starttls(parameters, &hello).await
            } else {
                connection.abort().await;
                let why = "the server offers no STARTTLS, so it gets no mail; use tls = \"implicit\" or a server that offers it";
                steps.push(Checked { what: "tls".into(), result: Err(why.into()) });
                return Err(Failure::Permanent(why.into()));
            };
            self.step(steps, "tls", "protected by STARTTLS", protected)?;
        }
        if let Some((username, password)) = &self.account {
            let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
            let signed_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            self.step(steps, "sign-in", &format!("as {username}"), signed_in)?;
        }
        Ok(connection)
    }

    fn greeting(&self) -> String {
        match self.tls {
            EmailTls::Implicit => format!("{}:{}, protected by TLS", self.host, self.port),
            EmailTls::Starttls | EmailTls::None => format!("{}:{}", self.host, self.port),
        }
    }

    fn step<T>(&self, steps: &mut Vec<Checked>, what: &str, found: &str, result: Result<T, Error>) -> Result<T, Failure> {
        let failed = result.as_ref().err().map(|error| self.failure(what, error));
        let shown = failed.as_ref().map_or_else(|| Ok(found.to_owned()), |failed| Err(failed.to_string()));
        steps.push(Checked { what: what.to_owned(), result: shown });
        match (result, failed) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(failed)) => Err(failed),
            (Err(error), None) => Err(self.failure(what, &error)),
        }
    }

    /// What an error means, in words that hold no password, even when a server repeats what it was sent.
    fn failure(&self, step: &str, error: &Error) -> Failure {
        let mut said = match (error.status(), error.source()) {
            (Some(code), Some(source)) => format!("{code} {source}"),
            (Some(code), None) => code.to_string(),
            (None, Some(source)) => innermost(source),
            (None, None) => error.to_string(),
        };
        if let Some((username, password)) = &self.account {
            let password = password.expose_secret();
            // As it is, as LOGIN sends it and as PLAIN does.
            let sent = [password.to_owned(), STANDARD.encode(password), STANDARD.encode(format!("\0{username}\0{password}"))];
            said = sent.iter().filter(|secret| !secret.is_empty()).fold(said, |said, secret| said.replace(secret, "***"));
        }
        let why = format!("{step}: {}", message::line(&said, LONGEST_ANSWER));
        // A certificate that does not hold will not hold in a minute either; nor does a server learn what it does not speak.
        let stranger = error.status().is_none() && said.contains("certificate");
        let refused = error.is_permanent() || error.is_client() || stranger;
        match error.status() {
            _ if refused => Failure::Permanent(why),
            None if step == SEND => Failure::Doubt { why },
            _ => Failure::Retry { why, after: None },
        }
    }

    async fn deliver(&self, parcel: &Parcel, sending: &AtomicBool) -> Result<Receipt, Failure> {
        let letter = letter::write(parcel, &self.from, &self.to, &self.templates).map_err(Failure::Permanent)?;
        let mut connection = self.connect(&mut Vec::new()).await?;
        sending.store(true, Ordering::Relaxed);
        let sent = connection.send(letter.message.envelope(), &letter.message.formatted()).await;
        let response = sent.map_err(|error| self.failure(SEND, &error))?;
        // It is sent; a server that does not say goodbye changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
        let said = response.message().collect::<Vec<_>>().join(" ");
        let answer = message::line(&format!("{} {said}", response.code()), LONGEST_ANSWER);
        Ok(Receipt { answer, reference: Some(parcel.reference.clone().unwrap_or(letter.id)) })
    }

    fn late(&self) -> String {
        format!("no answer from {}:{} within {} s", self.host, self.port, PATIENCE.as_secs())
    }
}

/// The last of an error's causes says what it is about.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// Whether that is this machine, by its name: what is sent there passes no wire.
fn is_here(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn parameters(settings: &EmailSettings) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca {
        let pem = std::fs::read(path).map_err(|error| format!("ca {}: {error}", path.display()))?;
        let wrong = || format!("ca {}: no certificate in PEM is in it", path.display());
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(wrong());
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| wrong())?);
    }
    builder.build_rustls().map_err(|error| format!("host `{}`: TLS cannot be set up: {error}", settings.host))
}

impl Channel for Email {
    fn nature(&self) -> Nature {
        Nature { keyed: false, edits: false, refresh: None, burst: BURST, every: EVERY }
    }

    fn recipients(&self) -> Vec<String> {
        self.to.clone()
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async move {
            let sending = AtomicBool::new(false);
            let delivered = tokio::time::timeout(PATIENCE, self.deliver(parcel, &sending)).await;
            delivered.unwrap_or_else(|_| {
                if sending.load(Ordering::Relaxed) {
                    Err(Failure::Doubt { why: self.late() })
                } else {
                    Err(Failure::Retry { why: self.late(), after: None })
                }
            })
        })
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async move {
            let mut steps = Vec::new();
            let outcome = tokio::time::timeout(PATIENCE, async {
                if let Ok(mut connection) = self.connect(&mut steps).await {
                    let _ = connection.quit().await;
                }
            });
            if outcome.await.is_err() {
                steps.push(Checked { what: "connect".into(), result: Err(self.late()) });
            }
            steps
        })
    }
}
