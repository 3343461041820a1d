//! The way to a server: look-up, TCP or Unix socket, TLS; and the same way again for a cancel request.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration, time::Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream, lookup_host},
    time::timeout_at,
};
use tokio_postgres::{
    CancelToken, NoTls,
    tls::{MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Cause, Progress, share};
use crate::{
    model::{Outcome, Phase},
    probe::{
        classify::{bounded, classify_io, timed_out},
        conninfo::{ConnInfo, Host, SslMode},
        tls,
    },
};

/// A peer that vanished without a word is noticed after this much silence, and unacknowledged data fails a session as soon.
const DEAD_PEER: Duration = Duration::from_secs(10);

/// `SSLRequest`: its length and the code 1234.5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The way to the very same server process, for a cancel request.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    pub(super) tls: Option<Tls>,
}

#[derive(Debug, Clone)]
pub(super) enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Clone)]
pub(super) struct Tls {
    connector: MakeRustlsConnect,
    name: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({})", self.name)
    }
}

pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

pub(super) type Socket = Box<dyn Duplex>;
pub(super) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

pub(super) enum Wire {
    Plain(Socket),
    Encrypted(Box<Encrypted>),
}

/// TLS that is already there, handed to the driver, which then needs no request of its own.
pub(super) struct Established;

impl<S> TlsConnect<S> for Established
where
    S: TlsStream + Unpin,
{
    type Stream = S;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<S>>;

    fn connect(self, stream: S) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

pub(super) async fn reach(host: &Host, until: Instant, progress: &mut Progress) -> Result<(Socket, Endpoint), Cause> {
    if host.name.starts_with('/') {
        progress.start(Phase::Tcp);
        let endpoint = Endpoint::Unix(PathBuf::from(format!("{}/.s.PGSQL.{}", host.name, host.port)));
        let socket = open(&endpoint).await.map_err(|error| classify_io(Phase::Tcp, &error))?;
        progress.done();
        return Ok((socket, endpoint));
    }
    let addresses: Vec<SocketAddr> = if let Some(address) = host.addr.or_else(|| host.name.parse().ok()) {
        vec![(address, host.port).into()]
    } else {
        progress.start(Phase::Dns);
        let found = lookup_host((host.name.as_str(), host.port)).await;
        let found = found.map_err(|error| classify_io(Phase::Dns, &error))?.collect();
        progress.done();
        found
    };
    let mut last = (Outcome::DnsFailed, "the name has no address".into());
    for (nth, address) in addresses.iter().enumerate() {
        progress.start(Phase::Tcp);
        let endpoint = Endpoint::Tcp(*address);
        match timeout_at(share(until, addresses.len() - nth).into(), open(&endpoint)).await {
            Ok(Ok(socket)) => {
                progress.done();
                return Ok((socket, endpoint));
            }
            Ok(Err(error)) => last = classify_io(Phase::Tcp, &error),
            Err(_) => last = timed_out(Phase::Tcp),
        }
    }
    Err(last)
}

async fn open(endpoint: &Endpoint) -> io::Result<Socket> {
    match endpoint {
        Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            let keepalive = TcpKeepalive::new().with_time(DEAD_PEER).with_interval(DEAD_PEER / 5).with_retries(3);
            socket.set_tcp_keepalive(&keepalive)?;
            #[cfg(target_os = "linux")]
            socket.set_tcp_user_timeout(Some(DEAD_PEER))?;
            Ok(Box::new(stream))
        }
    }
}

/// Asks for TLS and shakes hands, as far as the mode wants it. Never on a Unix socket.
pub(super) async fn secure(
    to: &ConnInfo,
    host: &Host,
    mut socket: Socket,
    endpoint: &Endpoint,
    progress: &mut Progress,
) -> Result<(Wire, Option<Tls>), Cause> {
    if matches!(endpoint, Endpoint::Unix(_)) || to.sslmode == SslMode::Disable {
        return Ok((Wire::Plain(socket), None));
    }
    progress.start(Phase::Tls);
    let connector = tls::connector(to.sslmode, to.sslrootcert.as_deref());
    let Some(connector) = connector.map_err(|message| (Outcome::TlsFailed, bounded(&message)))? else {
        return Ok((Wire::Plain(socket), None));
    };
    if !offers_tls(&mut socket).await? {
        return if matches!(to.sslmode, SslMode::Allow | SslMode::Prefer) {
            Ok((Wire::Plain(socket), None))
        } else {
            Err((Outcome::TlsFailed, "the server does not offer TLS, and sslmode insists on it".into()))
        };
    }
    let name = match endpoint {
        Endpoint::Tcp(address) if host.name.is_empty() => address.ip().to_string(),
        _ => host.name.clone(),
    };
    let tls = Tls { connector, name };
    let stream = tls.handshake(socket).await.map_err(|error| classify_io(Phase::Tls, &error))?;
    progress.done();
    Ok((Wire::Encrypted(Box::new(stream)), Some(tls)))
}

/// Sends the TLS request. One byte is read and no more, so nothing that was sent in plain text can pass for encrypted.
async fn offers_tls(socket: &mut Socket) -> Result<bool, Cause> {
    let mut answer = [0];
    let asked = async {
        socket.write_all(&SSL_REQUEST).await?;
        socket.read_exact(&mut answer).await
    };
    asked.await.map_err(|error| classify_io(Phase::Tls, &error))?;
    match &answer {
        b"S" => Ok(true),
        b"N" => Ok(false),
        b"E" => Err((Outcome::Other, "the server answered the TLS request with an error; it may be out of processes".into())),
        _ => Err((Outcome::Protocol, "what answers there does not speak PostgreSQL's protocol".into())),
    }
}

impl Tls {
    async fn handshake(&self, socket: Socket) -> io::Result<Encrypted> {
        let mut connector = self.connector.clone();
        let Ok(connect) = MakeTlsConnect::<Socket>::make_tls_connect(&mut connector, &self.name);
        connect.connect(socket).await
    }
}

impl Route {
    /// Sends a cancel request the same way, and nothing when that fails.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Option<()> {
        let mut socket = open(&self.endpoint).await.ok()?;
        match &self.tls {
            None => token.cancel_query_raw(socket, NoTls).await.ok(),
            Some(tls) => {
                offers_tls(&mut socket).await.ok().filter(|offers| *offers)?;
                let stream = tls.handshake(socket).await.ok()?;
                token.cancel_query_raw(stream, Established).await.ok()
            }
        }
    }
}
