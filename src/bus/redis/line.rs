//! One connection to a Redis, made when it is needed and made anew when it is of no use any more.
//!
//! The library's own reconnecting waits many seconds when a server is gone, and does not reconnect at all when one is merely silent. So
//! nothing is tried twice here: each call has its limit and fails, and whoever asked asks again when it suits.
//!
//! ```text
//!  none ── call ──► connected ── broken, or the server is a replica now ──► none
//!                      └──────── three calls in a row without an answer ──► none
//! ```

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError,
    RedisFuture, RedisResult, ServerErrorKind, TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use secrecy::ExposeSecret;
use tokio::{sync::Mutex as Turn, time::timeout};

use super::address::{Address, Kind};
use crate::{crypto, model::cluster::Unreachable};

/// How long an answer may take: far more than any way around the world and back, and short enough to be noticed by people.
pub(super) const ANSWER: Duration = Duration::from_secs(1);

/// How long a connection may take: two ways there and back, from the other side of the world on a bad day half a second each.
const CONNECT: Duration = Duration::from_secs(2);

/// The same with TLS, or with the question to a sentinel or for the slots of a cluster before.
const CONNECT_LONG: Duration = Duration::from_secs(3);

/// Calls in a row without an answer before the connection is taken for dead: one may be a pause of the server's.
const PATIENCE: u32 = 3;

/// Sent bytes that the other machine does not even acknowledge for so long end a connection, when the network went away without a word.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

const NO_ANSWER: &str = "no answer within a second";
const NO_CONNECTION: &str = "no connection within seconds";

/// A connection of either kind.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Many(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Many(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(&'a mut self, of: &'a Pipeline, offset: usize, count: usize) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(of, offset, count),
            Self::Many(connection) => connection.req_packed_commands(of, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Many(connection) => connection.get_db(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    address: Arc<Address>,
    state: Mutex<State>,
    /// One connects at a time.
    turn: Turn<()>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Which one it is, so that a late failure of an earlier one does not end it.
    number: u64,
    unanswered: u32,
}

impl Line {
    pub(super) fn new(address: Arc<Address>) -> Self {
        Self { address, state: Mutex::default(), turn: Turn::default() }
    }

    /// Does this on the connection; `beyond` is how much longer than usual its answer may take.
    pub(super) async fn run<T, F>(&self, beyond: Duration, work: impl FnOnce(Connection) -> F + Send) -> Result<T, Unreachable>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        let (connection, number) = match timeout(limit(&self.address), self.connection()).await {
            Ok(connected) => connected.map_err(|error| self.tell(&error))?,
            Err(_) => return Err(Unreachable(NO_CONNECTION.into())),
        };
        let answer = timeout(ANSWER + beyond, work(connection)).await;
        let mut state = self.state();
        if state.number == number {
            match &answer {
                Ok(Ok(_)) => state.unanswered = 0,
                Ok(Err(error)) if is_silence(error) => state.unanswered += 1,
                Ok(Err(error)) if is_a_refusal(error) => state.unanswered = 0,
                Ok(Err(_)) => state.connection = None,
                Err(_) => state.unanswered += 1,
            }
            if state.unanswered >= PATIENCE {
                state.connection = None;
            }
        }
        match answer {
            Ok(answer) => answer.map_err(|error| self.tell(&error)),
            Err(_) => Err(Unreachable(NO_ANSWER.into())),
        }
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        let _turn = self.turn.lock().await;
        let known = |state: &State| state.connection.clone().map(|connection| (connection, state.number));
        if let Some(known) = known(&self.state()) {
            return Ok(known);
        }
        let connection = connect(&self.address).await?;
        let mut state = self.state();
        *state = State { connection: Some(connection.clone()), number: state.number + 1, unanswered: 0 };
        Ok((connection, state.number))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, error: &RedisError) -> Unreachable {
        let code = error.code().unwrap_or_default();
        let text = match () {
            () if is_silence(error) => NO_ANSWER.to_owned(),
            () if error.is_connection_refusal() => "connection refused".to_owned(),
            () if matches!(code, "WRONGPASS" | "NOAUTH") || error.kind() == redis::ErrorKind::AuthenticationFailed => {
                "it refuses the user or the password".to_owned()
            }
            () => error.to_string().chars().take(200).collect(),
        };
        Unreachable(self.address.clean(text))
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.connection.is_some() { "connected" } else { "not connected" })
    }
}

fn is_silence(error: &RedisError) -> bool {
    error.is_timeout()
}

/// Whether the server answered and will answer; one that became a replica, or still reads its disk, is not the one to ask again.
fn is_a_refusal(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        redis::ErrorKind::Server(kind) => !matches!(kind, ReadOnly | BusyLoading | MasterDown | ClusterDown),
        redis::ErrorKind::Extension => error.code() != Some("NOAUTH"),
        redis::ErrorKind::UnexpectedReturnType => true,
        _ => false,
    }
}

fn limit(address: &Address) -> Duration {
    if address.tls || address.kind != Kind::Single { CONNECT_LONG } else { CONNECT }
}

async fn connect(address: &Address) -> RedisResult<Connection> {
    let certificates = certificates(address)?;
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(UNACKNOWLEDGED);
    let password = address.password.as_ref().map(ExposeSecret::expose_secret);
    let place = |(host, port): &(String, u16)| {
        let (host, port) = (host.clone(), *port);
        if address.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    };
    let mut hosts = address.hosts.iter().map(place);
    // Limits are the line's own.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_LONG)).set_response_timeout(None);
    match &address.kind {
        Kind::Single => {
            let mut login = RedisConnectionInfo::default().set_db(address.db);
            if let Some(user) = &address.user {
                login = login.set_username(user);
            }
            if let Some(password) = password {
                login = login.set_password(password);
            }
            let host = hosts.next().ok_or((redis::ErrorKind::InvalidClientConfig, "no host"))?;
            let info = host.into_connection_info()?.set_tcp_settings(tcp).set_redis_settings(login);
            let client = if address.tls { Client::build_with_tls(info, certificates)? } else { Client::open(info)? };
            client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One)
        }
        Kind::Sentinel(name) => {
            let mut builder = SentinelClientBuilder::new(hosts, name, SentinelServerType::Master)?
                .set_client_to_redis_db(address.db)
                .set_client_to_redis_tcp_settings(tcp.clone())
                .set_client_to_sentinel_tcp_settings(tcp);
            if address.tls {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
            if let Some(user) = &address.user {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = password {
                builder = builder.set_client_to_redis_password(password);
            }
            if let Some(password) = &address.sentinel_password {
                builder = builder.set_client_to_sentinel_password(password.expose_secret());
            }
            builder.build()?.get_async_connection_with_config(&config).await.map(Connection::One)
        }
        Kind::Cluster => {
            let mut builder = ClusterClient::builder(hosts)
                .retries(1)
                .connection_timeout(CONNECT_LONG)
                .response_timeout(ANSWER * 2)
                .tcp_settings(tcp);
            if address.tls {
                builder = builder.tls(TlsMode::Secure).certs(certificates);
            }
            if let Some(user) = &address.user {
                builder = builder.username(user);
            }
            if let Some(password) = password {
                builder = builder.password(password);
            }
            builder.build()?.get_async_connection().await.map(Connection::Many)
        }
    }
}

/// The authorities of the address' own file, which is read each time, so that a new one counts.
fn certificates(address: &Address) -> RedisResult<TlsCertificates> {
    if address.tls {
        crypto::install();
    }
    let root_cert = address.ca.as_ref().map(std::fs::read).transpose()?;
    Ok(TlsCertificates { client_tls: None, root_cert })
}
