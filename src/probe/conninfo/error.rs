//! What can be wrong with a connection string, in our own words only.

/// Why a connection string was refused. It is the writer's to fix, as [`ConnInfoError::fix`] says; trying again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnInfoError {
    /// Nothing there.
    #[error("the connection string is empty")]
    Empty,
    /// Neither form.
    #[error("this is neither a postgres:// URL nor a key=value string")]
    Unrecognised,
    /// A URL of something else.
    #[error("a PostgreSQL URL starts with postgres:// or postgresql://")]
    Scheme,
    /// More `@` than the one that ends the role and password, or one in the wrong place.
    #[error("the URL holds an `@` that does not end the role and password")]
    StrayAt,
    /// `?` before the `@`.
    #[error("the role or password holds a bare `?`")]
    StrayQuestionMark,
    /// `%` without two hexadecimal digits, or not UTF-8 after decoding.
    #[error("a `%` is not followed by two hexadecimal digits of UTF-8 text")]
    Percent,
    /// `[` without `]`, or more behind it than a port.
    #[error("an IPv6 address is not enclosed in [ and ]")]
    Brackets,
    /// A zero byte, which the protocol cannot carry.
    #[error("the connection string holds a zero byte")]
    Zero,
    /// A parameter without a value.
    #[error("parameter {position} lacks its `=`")]
    NoEquals {
        /// Counted from 1.
        position: usize,
    },
    /// A value in quotes that do not end.
    #[error("the quotes of parameter {position} do not end")]
    Quotes {
        /// Counted from 1.
        position: usize,
    },
    /// Not a parameter of libpq. Its name is not shown: it may be a piece of a password.
    #[error("parameter {position} is not one that libpq knows")]
    Unknown {
        /// Counted from 1.
        position: usize,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A parameter of libpq that Isobar does not follow.
    #[error("`{name}` is not supported: {reason}")]
    Unsupported {
        /// The parameter.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A value outside of what the parameter takes.
    #[error("`{name}` must be {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A port that is none.
    #[error("a port must be a number from 1 to 65535")]
    Port,
    /// No host.
    #[error("no host is named")]
    NoHost,
    /// No role.
    #[error("no role is named")]
    NoUser,
    /// `host`, `hostaddr` and `port` do not match.
    #[error("`host`, `hostaddr` and `port` list different numbers of hosts")]
    Counts,
    /// `sslrootcert=system` with less than `verify-full`.
    #[error("`sslrootcert=system` needs `sslmode=verify-full`")]
    WeakForSystem,
}

impl ConnInfoError {
    pub(super) const fn bad(name: &'static str, expected: &'static str) -> Self {
        Self::Value { name, expected, nearest: None }
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        let fixed = match self {
            Self::Empty | Self::Unrecognised | Self::Scheme => "write postgres://ROLE:PASSWORD@HOST:5432/DATABASE",
            Self::StrayAt => "in the role and password write %40 for `@` and %2F for `/`; elsewhere %40 for `@`",
            Self::StrayQuestionMark => "write %3F for `?` (and %40 for `@`, %2F for `/`) in the role and password",
            Self::Percent => "write %25 for a `%` that stands for itself",
            Self::Brackets => "write an IPv6 address as [::1]:5432; in the role and password write %5B for `[`",
            Self::Zero => "remove it",
            Self::NoEquals { .. } => "write NAME=VALUE, and put a value with spaces in single quotes",
            Self::Quotes { .. } => "end it with a single quote; inside write \\' for a quote and \\\\ for a backslash",
            Self::Unknown { nearest: Some(nearest), .. } | Self::Value { nearest: Some(nearest), .. } => {
                return format!("did you mean `{nearest}`?");
            }
            Self::Unknown { nearest: None, .. } => {
                "remove it; if it is a piece of a password, percent-encode that (URL) or put it in single quotes (key=value)"
            }
            Self::Unsupported { name, .. } => return format!("remove `{name}`"),
            Self::Value { expected, .. } => return format!("give {expected}"),
            Self::Port => {
                "write HOST:PORT, an IPv6 address in [ ]; a password with `/`, `?`, `#`, `@` or `:` in it must be percent-encoded"
            }
            Self::NoHost => "name one: postgres://ROLE@HOST/DATABASE, or ?host=/var/run/postgresql for a Unix socket",
            Self::NoUser => "name one: postgres://ROLE@HOST/DATABASE or user=ROLE (the operating system's user is not assumed)",
            Self::Counts => "give as many of each as there are hosts, or one port for all",
            Self::WeakForSystem => "use sslmode=verify-full, or name a file of authorities in sslrootcert",
        };
        fixed.to_owned()
    }
}
