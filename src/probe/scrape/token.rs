//! The token that opens Supavisor's metrics: a JSON Web Token by HS256. Pure.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Supavisor refuses a header without `typ`.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A token that this secret signs and that is of no use from `expires` on, seconds since 1970. It says nothing of when it was made, which a
/// clock that is slow would take for the future.
pub fn jwt(secret: &str, expires: i64) -> String {
    let said = [HEADER.to_owned(), format!("{{\"exp\":{expires}}}")].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { unreachable!("HMAC takes keys of any length") };
    mac.update(said.as_bytes());
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_another_implementation_makes_of_the_same() {
        // By Python's hmac and base64.
        let expected =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDAwMDB9.hMCjKEtFlk8MSBVaHFzt_n3mwjPWkL82XY6s0P0qkQc";
        assert_eq!(jwt("secret", 1_800_000_000), expected);
    }
}
