//! **5 SHOW.**

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;

/// `[web]` in `global.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; `127.0.0.1:3000` unless told.
    pub listen: SocketAddr,
    /// Who may read. Needed beyond loopback.
    pub viewer_token: Option<SecretString>,
    /// Who may act too. Needed beyond loopback.
    pub operator_token: Option<SecretString>,
    /// Certificate chain, PEM; with `tls_key` the server speaks HTTPS.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Whether everybody may read what viewers may.
    pub public_details: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            viewer_token: None,
            operator_token: None,
            tls_cert: None,
            tls_key: None,
            public_details: false,
        }
    }
}
