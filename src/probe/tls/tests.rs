use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    model::{Outcome, Phase},
    probe::{
        connect::{Purpose, connect},
        conninfo::{ConnInfo, Host, SessionAttrs},
    },
};

/// What the server says after a good handshake, so that a test sees how far it came.
const AFTER_TLS: &[u8] = b"E\0\0\0\x1dSFATAL\0C57P03\0Mstarting\0\0";

struct World {
    folder: tempfile::TempDir,
    port: u16,
}

impl World {
    fn root(&self, name: &str) -> PathBuf {
        if name == "system" { name.into() } else { self.folder.path().join(name) }
    }
}

/// A server with a certificate for `localhost`, and the files `ca.pem` (which signed it), `other.pem` (which did not),
/// `server.pem` (the certificate itself) and `empty.pem`.
async fn world(self_signed: bool) -> World {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ca, other) = (authority("ca"), authority("other"));
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = if self_signed {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap()
    } else {
        params.signed_by(&key, &ca).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("ca.pem", ca.pem()), ("other.pem", other.pem()), ("server.pem", certificate.pem()), ("empty.pem", String::new())]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let config = ServerConfig::builder_with_provider(crypto::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                client.read_exact(&mut [0; 8]).await?;
                client.write_all(b"S").await?;
                let mut stream = acceptor.accept(client).await?;
                let _ = stream.read(&mut [0; 1024]).await?;
                stream.write_all(AFTER_TLS).await?;
                stream.shutdown().await
            });
        }
    });
    World { folder, port }
}

/// How far a client comes: `Auth` means that the handshake held.
async fn comes_to(world: &World, host: &str, sslmode: SslMode, sslrootcert: Option<PathBuf>) -> (Phase, Outcome, String) {
    let to = ConnInfo {
        hosts: vec![Host { name: host.into(), addr: Some(Ipv4Addr::LOCALHOST.into()), port: world.port }],
        user: "probe".into(),
        password: None,
        dbname: "app".into(),
        sslmode,
        sslrootcert,
        connect_timeout: None,
        session_attrs: SessionAttrs::Any,
        load_balance: false,
        pool_mode: None,
    };
    let failure = connect(&to, Purpose::Resident, Duration::from_secs(10)).await.expect_err("the server refuses everybody");
    (failure.phase, failure.outcome, failure.message)
}

#[tokio::test]
async fn each_mode_verifies_as_much_as_libpq() {
    use SslMode::{Allow, Prefer, Require, VerifyCa, VerifyFull};
    let (good, bad) = (Phase::Auth, Phase::Tls);
    let world = world(false).await;
    let table = [
        (Allow, "elsewhere", None, good),
        (Prefer, "elsewhere", None, good),
        (Prefer, "elsewhere", Some("other.pem"), good),
        (Require, "elsewhere", None, good),
        (Require, "elsewhere", Some("ca.pem"), good),
        (Require, "localhost", Some("other.pem"), bad),
        (Require, "localhost", Some("system"), bad),
        (VerifyCa, "elsewhere", Some("ca.pem"), good),
        (VerifyCa, "localhost", Some("other.pem"), bad),
        (VerifyCa, "localhost", Some("empty.pem"), bad),
        (VerifyCa, "localhost", Some("missing.pem"), bad),
        (VerifyFull, "localhost", Some("ca.pem"), good),
        (VerifyFull, "LOCALHOST", Some("ca.pem"), good),
        (VerifyFull, "elsewhere", Some("ca.pem"), bad),
        (VerifyFull, "127.0.0.1", Some("ca.pem"), bad),
        (VerifyFull, "localhost", Some("other.pem"), bad),
        (VerifyFull, "localhost", Some("system"), bad),
        (VerifyFull, "localhost", Some("server.pem"), good),
        (VerifyFull, "elsewhere", Some("server.pem"), bad),
    ];
    for (mode, host, root, phase) in table {
        let (reached, outcome, message) = comes_to(&world, host, mode, root.map(|root| world.root(root))).await;
        let expected = if phase == bad { Outcome::TlsFailed } else { Outcome::StartingUp };
        assert_eq!((reached, outcome), (phase, expected), "{mode:?} {host} {root:?}: {message}");
    }
}

#[tokio::test]
async fn a_self_signed_server_can_be_pinned() {
    let world = world(true).await;
    for (host, phase) in [("localhost", Phase::Auth), ("elsewhere", Phase::Tls)] {
        let (reached, _, message) = comes_to(&world, host, SslMode::VerifyFull, Some(world.root("server.pem"))).await;
        assert_eq!(reached, phase, "{host}: {message}");
    }
}

#[tokio::test]
async fn a_changed_file_counts_at_once() {
    let world = world(false).await;
    let root = world.root("root.pem");
    let copy = |name: &str, age: u64| {
        std::fs::copy(world.root(name), &root).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(age);
        std::fs::File::options().write(true).open(&root).unwrap().set_modified(modified).unwrap();
    };
    copy("other.pem", 1);
    assert_eq!(comes_to(&world, "localhost", SslMode::VerifyFull, Some(root.clone())).await.0, Phase::Tls);
    copy("ca.pem", 2);
    assert_eq!(comes_to(&world, "localhost", SslMode::VerifyFull, Some(root.clone())).await.0, Phase::Auth);
}
