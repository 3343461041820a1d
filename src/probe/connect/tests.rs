use std::{io::Write, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};

use super::*;
use crate::probe::conninfo::SslMode;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(10);

fn host(name: &str, port: u16) -> Host {
    Host { name: name.into(), addr: None, port }
}

fn info(hosts: Vec<Host>, sslmode: SslMode) -> ConnInfo {
    ConnInfo {
        hosts,
        user: "probe".into(),
        password: Some("sesame".to_owned().into()),
        dbname: "app".into(),
        sslmode,
        sslrootcert: None,
        connect_timeout: None,
        session_attrs: SessionAttrs::Any,
        load_balance: false,
        pool_mode: None,
    }
}

fn plain(port: u16) -> ConnInfo {
    info(vec![host("127.0.0.1", port)], SslMode::Disable)
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port that was free a moment ago.
async fn closed_port() -> u16 {
    listen().await.1
}

/// A server that reads one message of each client, answers with these bytes and closes.
async fn answering(answer: Vec<u8>) -> u16 {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(&answer).await;
            let _ = client.shutdown().await;
            // Closing with unread bytes would reset the connection and take our answer with it.
            let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
        }
    });
    port
}

/// A fatal error as the server sends it.
pub(in crate::probe) fn fatal(code: &str, message: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    write!(fields, "SFATAL\0VFATAL\0C{code}\0M{message}\0Dpassword is sesame\0\0").unwrap();
    let length = u32::try_from(fields.len() + 4).unwrap();
    [&b"E"[..], &length.to_be_bytes(), &fields].concat()
}

async fn failure(to: &ConnInfo, within: Duration) -> Failure {
    connect(to, Purpose::Resident, within).await.expect_err("should not connect")
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let failure = failure(&plain(closed_port().await), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::TcpRefused, Phase::Tcp));
}

#[tokio::test]
async fn a_missing_socket_is_refused() {
    let failure = failure(&info(vec![host("/nonexistent", 5432)], SslMode::VerifyFull), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::TcpRefused, Phase::Tcp));
}

#[tokio::test]
async fn a_name_that_is_none_fails_in_dns() {
    let failure = failure(&info(vec![host("no-such-host.invalid", 5432)], SslMode::Disable), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::DnsFailed, Phase::Dns), "{failure}");
}

#[tokio::test]
async fn one_that_accepts_and_is_silent_is_unresponsive_in_the_phase_it_owes() {
    let (_listener, port) = listen().await;
    for (sslmode, phase) in [(SslMode::Disable, Phase::Auth), (SslMode::Prefer, Phase::Tls)] {
        let failure = failure(&info(vec![host("127.0.0.1", port)], sslmode), SHORT).await;
        assert_eq!((failure.outcome, failure.phase), (Outcome::Unresponsive, phase));
        assert!(failure.phases.tcp.is_some() && failure.phases.dns.is_none(), "{failure:?}");
    }
}

#[tokio::test]
async fn connect_timeout_shortens_the_deadline() {
    let (_listener, port) = listen().await;
    let to = ConnInfo { connect_timeout: Some(SHORT), ..plain(port) };
    let begun = clock::now();
    assert_eq!(failure(&to, LONG).await.outcome, Outcome::Unresponsive);
    assert!(clock::now() - begun < LONG / 2);
}

#[tokio::test]
async fn one_that_accepts_and_closes_is_lost() {
    let port = answering(Vec::new()).await;
    for (sslmode, phase) in [(SslMode::Disable, Phase::Auth), (SslMode::Require, Phase::Tls)] {
        let failure = failure(&info(vec![host("127.0.0.1", port)], sslmode), LONG).await;
        assert_eq!((failure.outcome, failure.phase), (Outcome::Lost, phase), "{failure}");
    }
}

#[tokio::test]
async fn tls_declined_fails_where_it_is_insisted_on() {
    let port = answering(b"N".to_vec()).await;
    let failure = failure(&info(vec![host("127.0.0.1", port)], SslMode::Require), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::TlsFailed, Phase::Tls));
}

#[tokio::test]
async fn what_does_not_speak_the_protocol_is_named_so() {
    let port = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    let failure = failure(&info(vec![host("127.0.0.1", port)], SslMode::Prefer), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::Protocol, Phase::Tls));
}

#[tokio::test]
async fn what_the_server_says_is_told_without_its_detail() {
    let port = answering(fatal("53300", "sorry, too many clients already")).await;
    let failure = failure(&plain(port), LONG).await;
    assert_eq!((failure.outcome, failure.phase), (Outcome::TooManyConnections, Phase::Auth));
    assert_eq!(failure.message, "sorry, too many clients already");
}

#[tokio::test]
async fn a_pooler_in_the_servers_place_is_told_apart() {
    let port = answering(fatal("08P01", "unsupported startup parameter: options")).await;
    let failure = failure(&plain(port), LONG).await;
    assert_eq!(failure.outcome, Outcome::Protocol);
    assert!(failure.message.contains("[[target.pooler]]"), "{failure}");
}

#[tokio::test]
async fn a_silent_first_host_leaves_time_for_the_second() {
    let (_listener, silent) = listen().await;
    let second = answering(fatal("28P01", "password authentication failed for user \"probe\"")).await;
    let to = info(vec![host("127.0.0.1", silent), host("127.0.0.1", second)], SslMode::Disable);
    let failure = failure(&to, Duration::from_secs(2)).await;
    assert_eq!(failure.outcome, Outcome::AuthFailed);
    assert!(failure.message.starts_with(&format!("127.0.0.1:{second}: ")), "{failure}");
}

#[tokio::test]
async fn of_several_failures_the_first_is_told() {
    let (refused, starting) = (closed_port().await, answering(fatal("57P03", "the database system is starting up")).await);
    let to = info(vec![host("127.0.0.1", refused), host("127.0.0.1", starting)], SslMode::Disable);
    assert_eq!(failure(&to, LONG).await.outcome, Outcome::TcpRefused);
}

#[tokio::test]
async fn dropping_an_attempt_closes_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let to = info(vec![host(folder.path().to_str().unwrap(), 5432)], SslMode::Disable);
    assert_eq!(failure(&to, SHORT).await.outcome, Outcome::Unresponsive);
    let (mut client, _) = listener.accept().await.unwrap();
    let read = tokio::time::timeout(LONG, client.read_to_end(&mut Vec::new())).await;
    assert!(read.expect("the socket should be closed").is_ok());
}
