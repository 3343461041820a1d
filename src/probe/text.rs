//! Text from the server that may not be UTF-8: names and statements of a database with another encoding arrive as raw bytes in a
//! session of a third one. One odd name must not blind us to everything else.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type, accepts};

/// Text with what is no UTF-8 replaced by `�`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lossy(pub(super) String);

impl<'a> FromSql<'a> for Lossy {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    accepts!(TEXT, VARCHAR, BPCHAR, NAME);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_latin_1_stays_readable() {
        assert_eq!(Lossy::from_sql(&Type::NAME, b"caf\xe9").unwrap(), Lossy("caf\u{fffd}".into()));
        assert!(Lossy::accepts(&Type::TEXT) && !Lossy::accepts(&Type::INT4));
    }
}
