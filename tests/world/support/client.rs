//! Clients of HTTP.

/// For a client of HTTP; its TLS needs a provider even where it is not used.
pub(crate) fn client() -> reqwest::blocking::ClientBuilder {
    isobar::crypto::install();
    reqwest::blocking::Client::builder()
}
