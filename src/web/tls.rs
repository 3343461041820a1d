//! HTTPS, when a certificate is configured; the provider is named, so that no process-wide default is needed.

use std::path::Path;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{Error, Settings};
use crate::crypto;

/// The server's TLS, or none when none is configured.
pub(super) fn config(settings: &Settings) -> Result<Option<ServerConfig>, Error> {
    let (cert, key) = match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        _ => return Err(Error::HalfTls),
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|why| wrong("tls_cert", cert, &why))?;
    if chain.is_empty() {
        return Err(wrong("tls_cert", cert, &"holds no PEM certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|why| wrong("tls_key", key, &why))?;
    ServerConfig::builder_with_provider(crypto::provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map(Some)
        .map_err(|why| wrong("tls_key", key, &why))
}

fn wrong(key: &'static str, path: &Path, why: &dyn ToString) -> Error {
    Error::Tls { key, path: path.to_owned(), why: why.to_string() }
}
