//! TLS as libpq means it, on rustls.
//!
//! | `sslmode` | certificate |
//! | --- | --- |
//! | `allow`, `prefer` | any; plain when the server declines |
//! | `require` | any, or as `verify-ca` when `sslrootcert` is given |
//! | `verify-ca` | from a trusted authority, for whatever host |
//! | `verify-full` | from a trusted authority, for this host |
//!
//! `sslrootcert` is a PEM file; `system`, or none where one is needed, means the system's authorities, and `system` always means
//! `verify-full`. Two differences to libpq: the host must be among the certificate's subject alternative names (a common name
//! alone does not count), and a server certificate that is itself in the file is trusted as it is, whether or not it calls
//! itself an authority: that is how a self-signed server is pinned.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::SslMode;
use crate::crypto;

/// How much of a certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trust {
    Any,
    Authority,
    AuthorityAndHost,
}

/// One connector per trust and file, built anew when the file changes: parsing a system's authorities takes milliseconds.
type Cache = HashMap<(Trust, Option<PathBuf>), (Option<SystemTime>, MakeRustlsConnect)>;
static CONNECTORS: Mutex<Option<Cache>> = Mutex::new(None);

/// The connector for a mode, none for `disable`; an error says what is wrong with the authorities.
pub fn connector(mode: SslMode, root: Option<&Path>) -> Result<Option<MakeRustlsConnect>, String> {
    let system = root.is_none_or(|path| path == Path::new("system"));
    let trust = match mode {
        SslMode::Disable => return Ok(None),
        SslMode::Allow | SslMode::Prefer => Trust::Any,
        SslMode::Require if root.is_none() => Trust::Any,
        SslMode::VerifyFull => Trust::AuthorityAndHost,
        SslMode::Require | SslMode::VerifyCa if system && root.is_some() => Trust::AuthorityAndHost,
        SslMode::Require | SslMode::VerifyCa => Trust::Authority,
    };
    let file = root.filter(|_| !system && trust != Trust::Any);
    let changed = file.and_then(|path| path.metadata().and_then(|file| file.modified()).ok());
    let key = (trust, file.map(Path::to_owned));

    let mut cache = CONNECTORS.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_default();
    if let Some((as_of, connector)) = cache.get(&key)
        && *as_of == changed
    {
        return Ok(Some(connector.clone()));
    }
    let connector = MakeRustlsConnect::new(configure(trust, file)?);
    cache.insert(key, (changed, connector.clone()));
    Ok(Some(connector))
}

/// As HTTPS has it: by the system's authorities, for the host that is asked for.
pub fn https() -> Result<ClientConfig, String> {
    configure(Trust::AuthorityAndHost, None)
}

fn configure(trust: Trust, file: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = crypto::provider();
    let verifier = Verifier::new(trust, file, &provider)?;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Verifies as much as the mode asks for; the handshake's signatures always.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: Trust, file: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut verifier = Self { trust, authorities: None, pinned: Vec::new(), provider: provider.clone() };
        if trust == Trust::Any {
            return Ok(verifier);
        }
        let certificates = match file {
            Some(path) => {
                let broken = |error| format!("sslrootcert {}: {error}", path.display());
                let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                verifier.pinned = found.map_err(broken)?;
                verifier.pinned.clone()
            }
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates);
        if usable == 0 {
            let place = file.map_or("the system's store".into(), |path| format!("sslrootcert {}", path.display()));
            return Err(format!("{place} holds no usable certificate"));
        }
        let built = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        verifier.authorities = Some(built.map_err(|error| error.to_string())?);
        Ok(verifier)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified = if self.pinned.contains(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)
        } else {
            authorities.verify_server_cert(end_entity, intermediates, name, ocsp, now).map(|_| ())
        };
        match verified {
            // The name comes last: what fails for its name alone has a good chain.
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) if self.trust == Trust::Authority => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified.map(|()| ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
