//! **The cryptography of TLS**: ring, chosen here and nowhere else, so that all servers and clients of a process agree on it.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// For who is to be given one.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// For clients that ask the process for one, also where they speak no TLS in the end. One that stands already is as good.
pub fn install() {
    let _ = ring::default_provider().install_default();
}
