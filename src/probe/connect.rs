//! One connection, made by hand so that each phase is timed and a failure says how far it came.
//!
//! ```text
//!  look-up ──► TCP (or Unix socket) ──► TLS request, handshake ──► start-up, authentication ──► right kind of server?
//!    dns             tcp                        tls                        auth
//! ```
//! One deadline covers all of it; several hosts, and several addresses of one, get equal shares of what is left, so that a dead
//! first one does not use up the time of the next. A [`Connection`] owns the driver's task: when it drops, the driver says
//! goodbye if it can do so at once, and the socket closes; nothing lingers on the server. Dropping a query's future does not
//! cancel the query there; [`Connection::cancel`] does.

pub mod resident;
mod route;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rand::seq::SliceRandom;
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
    time::{timeout, timeout_at},
};
use tokio_postgres::{
    CancelToken, Client, Config, NoTls, SimpleQueryMessage,
    config::{SslMode as DriverSslMode, SslNegotiation},
    tls::TlsConnect,
};

use super::{
    Failure,
    classify::{bounded, classify, timed_out},
    conninfo::{ConnInfo, Host, PoolMode, SessionAttrs},
};
use crate::{
    clock,
    model::{Outcome, Phase, Phases},
};
use route::{Established, Route, Wire, reach, secure};

/// What PostgreSQL's administrators look for in `pg_stat_activity`.
const APPLICATION_NAME: &str = "isobar";

/// Settings of a resident session. 5 s is the last resort: callers put tighter limits around their queries. A monitor never
/// waits for locks, writes, compiles, or takes parallel workers from others.
const RESIDENT_OPTIONS: &str = "-c statement_timeout=5000 -c lock_timeout=100 -c idle_in_transaction_session_timeout=5000 \
     -c default_transaction_read_only=on -c jit=off -c max_parallel_workers_per_gather=0 -c search_path=pg_catalog";

/// For the driver to say goodbye after its connection was dropped: otherwise the server would log a broken one. It cannot while
/// a query is under way.
const GOODBYE: Duration = Duration::from_millis(100);

/// What a connection is for, which decides what is asked for at start-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A long-lived session, with timeouts set by start-up options unless a pooler, which refuses them, is known to be in between.
    Resident,
    /// A short-lived client check, direct or through a pooler.
    Check,
    /// A pooler's admin console, which knows only simple queries.
    Console,
}

/// An established connection. Dropping it closes the socket, at the latest 100 ms later.
pub struct Connection {
    /// The driver's handle.
    pub client: Client,
    /// How long each phase took.
    pub phases: Phases,
    /// Which of the hosts answered.
    pub server: Host,
    /// The database asked for.
    pub database: String,
    /// What the server had to be.
    wanted: SessionAttrs,
    /// Whether other clients use the same sessions of the server in turn: a pooler in transaction mode is in between.
    pub shared: bool,
    // After the client, so that the driver finds it gone.
    driver: Driver,
    cancel: CancelToken,
    route: Route,
}

/// The driver's task; it ends soon after `_alive` drops.
#[derive(Debug)]
struct Driver {
    task: JoinHandle<()>,
    end: Arc<OnceLock<(Outcome, String)>>,
    _alive: oneshot::Sender<()>,
}

type Cause = (Outcome, String);

/// How far an attempt has come.
struct Progress {
    phase: Phase,
    since: Instant,
    phases: Phases,
}

impl Progress {
    fn new() -> Self {
        Self { phase: Phase::Dns, since: clock::now(), phases: Phases::default() }
    }

    /// Starts a phase, without noting how long the one before took.
    fn start(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, clock::now());
    }

    /// Notes how long the phase now under way took.
    fn done(&mut self) {
        let took = Some(clock::now().duration_since(self.since).as_secs_f64() * 1e3);
        match self.phase {
            Phase::Dns => self.phases.dns = took,
            Phase::Tcp => self.phases.tcp = took,
            Phase::Tls => self.phases.tls = took,
            Phase::Auth => self.phases.auth = took,
            Phase::FirstQuery | Phase::Query => {}
        }
    }

    fn failed(&self, (outcome, message): Cause) -> Failure {
        Failure { outcome, phase: self.phase, phases: self.phases, message }
    }
}

/// Connects, within one deadline over all phases (the shorter of `within` and `connect_timeout`). Several hosts are tried in
/// order until one is what `target_session_attrs` wants; when none is, the first failure tells why.
pub async fn connect(to: &ConnInfo, purpose: Purpose, within: Duration) -> Result<Connection, Failure> {
    let deadline = clock::now() + to.connect_timeout.map_or(within, |limit| limit.min(within));
    let rounds: &[SessionAttrs] = match (purpose, to.session_attrs) {
        (Purpose::Console, _) => &[SessionAttrs::Any],
        (_, SessionAttrs::PreferStandby) => &[SessionAttrs::Standby, SessionAttrs::Any],
        (_, _) => std::slice::from_ref(&to.session_attrs),
    };
    let mut hosts: Vec<&Host> = to.hosts.iter().collect();
    if to.load_balance {
        hosts.shuffle(&mut rand::rng());
    }
    let candidates: Vec<_> = rounds.iter().flat_map(|attrs| hosts.iter().map(move |host| (*attrs, *host))).collect();
    let mut first: Option<Failure> = None;
    for (nth, (attrs, host)) in candidates.iter().enumerate() {
        let until = share(deadline, candidates.len() - nth);
        let mut progress = Progress::new();
        let tried = timeout_at(until.into(), attempt(to, host, *attrs, purpose, until, &mut progress)).await;
        let mut failure = match tried {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(cause)) => progress.failed(cause),
            Err(_) => progress.failed(timed_out(progress.phase)),
        };
        if to.hosts.len() > 1 {
            failure.message = bounded(&format!("{}:{}: {}", host.name, host.port, failure.message));
        }
        // As libpq: credentials that one host refuses are not offered to the next.
        if matches!(failure.outcome, Outcome::AuthFailed | Outcome::NoSuchDatabase) {
            return Err(failure);
        }
        first.get_or_insert(failure);
    }
    Err(first.unwrap_or_else(|| Progress::new().failed((Outcome::Other, "no host to connect to".into()))))
}

/// Whether something still lets newcomers in, at the price of a fork: a connection that ends before it says a word. A live server
/// closes it, with nothing in its log; one whose postmaster is stuck leaves it open, however well its sessions go on.
pub async fn knock(host: &Host, within: Duration) -> Result<(), Failure> {
    let deadline = clock::now() + within;
    let mut progress = Progress::new();
    let knocking = async {
        let (mut socket, _) = reach(host, deadline, &mut progress).await?;
        progress.start(Phase::Auth);
        // However this ends, somebody there ended it.
        let _ = socket.shutdown().await;
        let _ = socket.read(&mut [0]).await;
        Ok(())
    };
    match timeout_at(deadline.into(), knocking).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(cause)) => Err(progress.failed(cause)),
        Err(_) => Err(progress.failed(timed_out(progress.phase))),
    }
}

/// An equal share of the time that is left, for the next of several.
fn share(deadline: Instant, left: usize) -> Instant {
    let now = clock::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

async fn attempt(
    to: &ConnInfo,
    host: &Host,
    attrs: SessionAttrs,
    purpose: Purpose,
    until: Instant,
    progress: &mut Progress,
) -> Result<Connection, Cause> {
    let (socket, endpoint) = reach(host, until, progress).await?;
    let (wire, tls) = secure(to, host, socket, &endpoint, progress).await?;

    progress.start(Phase::Auth);
    let config = configure(to, purpose, tls.is_some());
    let (client, driver) = match wire {
        Wire::Plain(socket) => start(&config, socket, NoTls).await,
        Wire::Encrypted(stream) => start(&config, *stream, Established).await,
    }
    .map_err(|error| classify(Phase::Auth, &error))?;
    progress.done();

    progress.start(Phase::FirstQuery);
    require(&client, attrs, purpose).await?;
    let cancel = client.cancel_token();
    let route = Route { endpoint, tls };
    let (phases, server, database) = (progress.phases, host.clone(), to.dbname.clone());
    Ok(Connection { client, phases, server, database, wanted: attrs, shared: false, driver, cancel, route })
}

fn configure(to: &ConnInfo, purpose: Purpose, encrypted: bool) -> Config {
    let mut config = Config::new();
    config.user(&to.user).dbname(&to.dbname).application_name(APPLICATION_NAME);
    if let Some(password) = &to.password {
        config.password(password.expose_secret());
    }
    if purpose == Purpose::Resident && matches!(to.pool_mode, None | Some(PoolMode::None)) {
        config.options(RESIDENT_OPTIONS);
    }
    if encrypted {
        // The handshake is done already; `direct` keeps the driver from asking for another.
        config.ssl_mode(DriverSslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    } else {
        config.ssl_mode(DriverSslMode::Disable);
    }
    config
}

async fn start<S, T>(config: &Config, stream: S, tls: T) -> Result<(Client, Driver), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await?;
    let end = Arc::new(OnceLock::new());
    let noted = end.clone();
    let (alive, dropped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => Ok(ended),
            _ = dropped => timeout(GOODBYE, &mut connection).await,
        };
        // Noted before the connection drops, so that whoever finds it closed can read why.
        if let Ok(Err(error)) = ended {
            let _ = noted.set(classify(Phase::Query, &error));
        }
    });
    Ok((client, Driver { task, end, _alive: alive }))
}

/// Whether the server is what `target_session_attrs` wants. Read-only by default counts only on sessions that did not ask for it.
async fn require(client: &Client, attrs: SessionAttrs, purpose: Purpose) -> Result<(), Cause> {
    const ASK: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')";
    if attrs == SessionAttrs::Any {
        return Ok(());
    }
    let rows = client.simple_query(ASK).await.map_err(|error| classify(Phase::FirstQuery, &error))?;
    let row = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |nth| row.and_then(|row| row.get(nth)).unwrap_or_default();
    let standby = column(0) == "t";
    let read_only = standby || (purpose != Purpose::Resident && column(1) == "on");
    let (suits, wanted) = match attrs {
        SessionAttrs::Any => (true, "any"),
        SessionAttrs::ReadWrite => (!read_only, "read-write"),
        SessionAttrs::ReadOnly => (read_only, "read-only"),
        SessionAttrs::Primary => (!standby, "primary"),
        SessionAttrs::Standby | SessionAttrs::PreferStandby => (standby, "standby"),
    };
    if suits {
        return Ok(());
    }
    let is = if standby { "a standby" } else { "a primary" };
    Err((Outcome::Other, format!("it is {is}, and target_session_attrs wants {wanted}")))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({}:{})", self.server.name, self.server.port)
    }
}

impl Connection {
    /// Whether the other side is gone. What it said last is in [`Connection::end`].
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether not every server would do.
    pub fn is_choosy(&self) -> bool {
        self.wanted != SessionAttrs::Any
    }

    /// Whether the server is still what `target_session_attrs` wanted; so it is taken to be when it does not say.
    pub async fn still_suits(&self) -> bool {
        let asked = require(&self.client, self.wanted, Purpose::Resident).await;
        !matches!(asked, Err((Outcome::Other, _))) || self.is_closed()
    }

    /// Why the connection ended, when the other side said so or the socket failed.
    pub fn end(&self) -> Option<(Outcome, String)> {
        self.driver.end.get().cloned()
    }

    /// What a call's error means here: one that only says "closed" is explained by what the other side said before.
    pub fn failure(&self, phase: Phase, error: &tokio_postgres::Error) -> Failure {
        let closed = self.end().filter(|_| error.is_closed());
        let (outcome, message) = closed.unwrap_or_else(|| classify(phase, error));
        Failure { outcome, phase, phases: self.phases, message }
    }

    /// Asks the server to cancel what this session runs, on a connection of its own, within a limit. Whether it was cancelled,
    /// the query's own answer tells. Where sessions are shared nothing is asked: a pooler gives each cancel request a server connection when
    /// it has none to spare, PgBouncer 1.18 was seen to cut off others by it, and the transaction's own limit ends the query.
    pub async fn cancel(&self, within: Duration) {
        if self.shared {
            return;
        }
        let deadline = clock::now() + within;
        let _ = timeout_at(deadline.into(), self.route.cancel(&self.cancel)).await;
    }

    /// Says goodbye, so that the other side logs no broken connection, and waits for that within a limit.
    pub async fn close(self, within: Duration) {
        let Self { client, mut driver, .. } = self;
        let deadline = clock::now() + within;
        drop(client);
        let _ = timeout_at(deadline.into(), &mut driver.task).await;
    }
}

#[cfg(test)]
mod tests;
