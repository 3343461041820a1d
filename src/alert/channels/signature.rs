//! Signatures, all of them HMAC-SHA256: Slack's on its callbacks, Standard Webhooks on what Isobar sends, QStash's on its callbacks (a JWT
//! with HS256, read by hand: see decision 10). Compared in constant time. A refusal says which check failed, never what was expected.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::Timestamp;

/// What Slack asks for: an older call may be a replay.
const SLACK_WINDOW: i64 = 300;

/// Clocks of two machines are never the same.
const LEEWAY: i64 = 10;

/// The length of a secret by Standard Webhooks, bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(super) enum Distrust {
    /// There is none, or it cannot be read.
    #[error("the signature is missing or cannot be read")]
    Missing,
    /// Made with another secret, or for another body.
    #[error("the signature is wrong")]
    Wrong,
    /// Made for somebody else.
    #[error("the signature is of another issuer or for another address")]
    Stranger,
    /// Good, but for another body.
    #[error("the signature is of another body")]
    Body,
    /// Good, but for another time.
    #[error("the signature is too old, or the clocks differ")]
    Old,
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether Slack made this call, lately.
pub(super) fn slack(
    secret: &SecretString,
    timestamp: &str,
    body: &[u8],
    signature: &str,
    now: Timestamp,
) -> Result<(), Distrust> {
    let made: i64 = timestamp.parse().map_err(|_| Distrust::Missing)?;
    let given = signature.strip_prefix("v0=").and_then(|hex| hex::decode(hex).ok()).ok_or(Distrust::Missing)?;
    let right = hmac(secret.expose_secret().as_bytes(), &[b"v0:", timestamp.as_bytes(), b":", body]);
    if !bool::from(right.ct_eq(&given)) {
        return Err(Distrust::Wrong);
    }
    let apart = now.0.timestamp().saturating_sub(made).saturating_abs();
    (apart <= SLACK_WINDOW).then_some(()).ok_or(Distrust::Old)
}

/// Signs what Isobar sends, as Standard Webhooks say.
pub(super) struct WebhookSigner(Vec<u8>);

impl WebhookSigner {
    /// From `whsec_` and base64.
    pub(super) fn new(secret: &SecretString) -> Result<Self, String> {
        let text = secret.expose_secret().trim();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok();
        let key = key.filter(|key| SECRET_BYTES.contains(&key.len()));
        key.map(Self).ok_or_else(|| "`secret` is not `whsec_` and 24 to 64 bytes as base64".to_owned())
    }

    /// `v1,...`
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mac = hmac(&self.0, &[id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(mac))
    }
}

/// Headers of Standard Webhooks; the signature only with a secret.
pub(super) fn webhook_headers(
    signer: Option<&WebhookSigner>,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let seconds = now.0.timestamp();
    let mut headers = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", seconds.to_string())];
    headers.extend(signer.map(|signer| ("webhook-signature", signer.sign(id, seconds, body))));
    headers
}

#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    nbf: i64,
    body: String,
}

/// Whether QStash made this call to this address with this body, lately. Keys: the current one, then the next.
pub(super) fn qstash(keys: &[&SecretString], url: &str, body: &[u8], jwt: &str, now: Timestamp) -> Result<(), Distrust> {
    let (signed, signature) = jwt.rsplit_once('.').ok_or(Distrust::Missing)?;
    let (header, claims) = signed.split_once('.').ok_or(Distrust::Missing)?;
    let read = |part: &str| URL_SAFE.decode(part).map_err(|_| Distrust::Missing);
    let given = read(signature)?;
    let header: JwtHeader = serde_json::from_slice(&read(header)?).map_err(|_| Distrust::Missing)?;
    let is_right = |key: &&SecretString| {
        let right = hmac(key.expose_secret().as_bytes(), &[signed.as_bytes()]);
        bool::from(right.ct_eq(&given))
    };
    if header.alg != "HS256" || !keys.iter().any(is_right) {
        return Err(Distrust::Wrong);
    }
    let claims: Claims = serde_json::from_slice(&read(claims)?).map_err(|_| Distrust::Missing)?;
    if claims.iss != "Upstash" || claims.sub != url {
        return Err(Distrust::Stranger);
    }
    let seconds = now.0.timestamp();
    if seconds > claims.exp.saturating_add(LEEWAY) || seconds < claims.nbf.saturating_sub(LEEWAY) {
        return Err(Distrust::Old);
    }
    let hash = read(claims.body.trim_end_matches('='))?;
    bool::from(Sha256::digest(body).as_slice().ct_eq(&hash)).then_some(()).ok_or(Distrust::Body)
}

#[cfg(test)]
mod tests;
