//! Clients of HTTP.

/// For a client of HTTP; its TLS needs a provider even where it is not used.
pub(crate) fn client() -> reqwest::blocking::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder()
}
