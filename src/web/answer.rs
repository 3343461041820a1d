//! What handlers answer: JSON, or a refusal with the right status as `{"error":{"code","message"}}`. A refusal names what the
//! asker did or may do; it never shows what is inside.

use std::io;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use serde_json::{
    Serializer, json,
    ser::{CompactFormatter, Formatter},
};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("nothing is served here; /openapi.json lists what is")]
    NotFound,
    #[error("no region named {0:?} is watched by this node")]
    NoSuchRegion(String),
    #[error("no target named {target:?} is watched in {region}")]
    NoSuchTarget { region: String, target: String },
    #[error("this answers only {0}")]
    MethodNotAllowed(&'static str),
    #[error("{0}")]
    BadRequest(String),
    #[error("a viewer's or operator's token is needed: Authorization: Bearer TOKEN, or sign in on the page")]
    Unauthenticated,
    #[error("this token is not known")]
    WrongToken,
    #[error("a viewer's token may only read; an operator's is needed for this")]
    Forbidden,
    #[error("another site's page may not do this; behind a proxy, let it pass the Host header on")]
    CrossSite,
    #[error("{0}")]
    BadSignature(String),
    #[error("{said}")]
    NoSuch { code: &'static str, said: String },
    #[error("{0}")]
    Conflict(String),
    #[error("the body must be JSON: Content-Type: application/json")]
    NotJson,
    #[error("{0}")]
    ChannelFailed(String),
    #[error("{0}")]
    NotReady(&'static str),
    #[error("too many failed attempts to sign in; try again in {0} s")]
    TooManyAttempts(u64),
    #[error("the address is longer than {0} bytes")]
    UriTooLong(usize),
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    #[error("all seats at the stream are taken; try again later")]
    StreamFull,
    #[error("the answer could not be made; the log says why")]
    Internal,
}

impl Refusal {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoSuchRegion(_) => "no_such_region",
            Self::NoSuchTarget { .. } => "no_such_target",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::BadRequest(_) => "bad_request",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongToken => "wrong_token",
            Self::Forbidden => "forbidden",
            Self::CrossSite => "cross_site",
            Self::BadSignature(_) => "bad_signature",
            Self::NoSuch { code, .. } => code,
            Self::Conflict(_) => "conflict",
            Self::NotJson => "not_json",
            Self::ChannelFailed(_) => "channel_failed",
            Self::NotReady(_) => "not_ready",
            Self::TooManyAttempts(_) => "too_many_attempts",
            Self::UriTooLong(_) => "uri_too_long",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::StreamFull => "stream_full",
            Self::Internal => "internal",
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoSuchRegion(_) | Self::NoSuchTarget { .. } | Self::NoSuch { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::UriTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Forbidden | Self::CrossSite | Self::BadSignature(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ChannelFailed(_) => StatusCode::BAD_GATEWAY,
            Self::StreamFull | Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self {
            Self::MethodNotAllowed(allow) => answer.insert_header((header::ALLOW, *allow)),
            Self::Unauthenticated => answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="isobar""#)),
            Self::WrongToken => {
                answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="isobar", error="invalid_token""#))
            }
            Self::TooManyAttempts(seconds) => answer.insert_header((header::RETRY_AFTER, *seconds)),
            Self::StreamFull | Self::NotReady(_) => answer.insert_header((header::RETRY_AFTER, 5)),
            _ => &mut answer,
        };
        answer.json(json!({ "error": { "code": self.code(), "message": self.to_string() } }))
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Result<HttpResponse, Refusal> {
    written(status, serde_json::to_vec(body))
}

/// A JSON answer about the past, whose figures are kept in four bytes: no more digits than those hold.
pub(super) fn past(status: StatusCode, body: &impl Serialize) -> Result<HttpResponse, Refusal> {
    let mut bytes = Vec::new();
    let said = body.serialize(&mut Serializer::with_formatter(&mut bytes, FourBytes));
    written(status, said.map(|()| bytes))
}

fn written(status: StatusCode, bytes: serde_json::Result<Vec<u8>>) -> Result<HttpResponse, Refusal> {
    let bytes = bytes.map_err(|error| {
        tracing::error!(%error, "an answer does not serialise");
        Refusal::Internal
    })?;
    Ok(HttpResponse::build(status).content_type("application/json").body(bytes))
}

/// Numbers as short as four bytes tell them apart: `0.3` where eight would say `0.30000001192092896`. Whole ones, which eight hold, stay.
struct FourBytes;

impl Formatter for FourBytes {
    fn write_f64<W: io::Write + ?Sized>(&mut self, to: &mut W, value: f64) -> io::Result<()> {
        let short = value as f32;
        if short.is_finite() && value.fract().abs() > 0.0 {
            self.write_f32(to, short)
        } else {
            CompactFormatter.write_f64(to, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_of_four_bytes_and_whole_ones_all() {
        let said = |value: f64| {
            let mut bytes = Vec::new();
            value.serialize(&mut Serializer::with_formatter(&mut bytes, FourBytes)).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        for (value, expected) in [
            (f64::from(0.3_f32), "0.3"),
            (f64::from(4.28_f32), "4.28"),
            (f64::midpoint(f64::from(0.1_f32), f64::from(0.2_f32)), "0.15"),
            (f64::from(-1.0e-7_f32), "-1e-7"),
            (1_923_311_104.0, "1923311104.0"),
            (0.0, "0.0"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(said(value), expected);
        }
    }
}
