use std::{net::Ipv4Addr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::crypto;

const BODY: &str = r#"{"members": [{"name": "a", "role": "leader", "state": "running", "host": "10.0.0.1", "port": 5432}]}"#;

/// A REST API over TLS that wants `watcher:S3CRET`, with the authority of its certificate and another one in a folder.
async fn over_tls() -> (u16, tempfile::TempDir) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    };
    let (ca, other) = (authority("ca"), authority("other"));
    let key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).and_then(|params| params.signed_by(&key, &ca)).expect("signed");
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("ca.pem", ca.pem()), ("other.pem", other.pem())] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let config = ServerConfig::builder_with_provider(crypto::provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(client).await?;
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await?;
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                // watcher:S3CRET
                let knows = request.contains("authorization: basic d2f0y2hlcjptm0nsrvq=") && request.starts_with("get /cluster ");
                let (status, body) = if knows { (200, BODY) } else { (401, "") };
                let answer = format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    (port, folder)
}

async fn asked(url: String, ca: PathBuf) -> Result<Vec<Member>, String> {
    let settings = Settings { urls: vec![url.into()], ca: Some(ca), forget_after: Duration::from_mins(1) };
    Cluster::new(&settings)?.members().await
}

#[tokio::test]
async fn over_tls_the_authority_and_the_password_must_be_right() {
    let (port, folder) = over_tls().await;
    let (right, wrong) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
    let url = |account: &str| format!("https://{account}localhost:{port}");
    assert_eq!(asked(url("watcher:S3CRET@"), right.clone()).await.expect("members").len(), 1);
    let refused = asked(url("watcher:S3CRET@"), wrong).await.expect_err("another authority");
    assert!(refused.contains(&format!("localhost:{port}")) && !refused.contains("S3CRET"), "{refused}");
    assert_eq!(
        asked(url("watcher:wrong@"), right).await.expect_err("another password"),
        format!("localhost:{port}: answered 401")
    );
}

fn settings(ca: Option<PathBuf>) -> Settings {
    let urls = vec!["https://watcher:S3CRET@10.0.0.1:8008".into()];
    Settings { urls, ca, forget_after: Duration::from_mins(1) }
}

#[test]
fn authorities_that_cannot_be_used_are_said_and_not_replaced_by_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ca.pem");
    let said = |ca: &PathBuf| Cluster::new(&settings(Some(ca.clone()))).expect_err("unusable");
    assert_eq!(said(&path), "patroni_ca cannot be read (entity not found)");
    std::fs::write(&path, "no certificate").expect("written");
    assert_eq!(said(&path), "patroni_ca holds no certificate in PEM");
}

#[test]
fn settings_show_no_password() {
    assert!(!format!("{:?}", settings(None)).contains("S3CRET"));
    assert!(settings(None) == settings(None));
}

#[test]
fn only_http_is_an_address() {
    for (text, fits) in [
        ("http://10.0.0.1:8008", true),
        ("https://me:pw@[::1]:8008/base", true),
        ("10.0.0.1:8008", false),
        ("ftp://x", false),
        ("", false),
    ] {
        assert_eq!(check_url(text).is_ok(), fits, "{text}");
    }
}
