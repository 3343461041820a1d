//! From an error to a cause: SQLSTATE first, then the words of poolers that have no code of their own, then the I/O error.
//!
//! A cause must be right when somebody is paged by it, so it comes from codes wherever there are any. Three things have none:
//! - `57P03` (cannot connect now) covers starting up, shutting down and recovery, which only the text tells apart. The text is
//!   in the server's language; one that we do not know counts as starting up, the commonest and the one that ends by itself.
//! - PgBouncer says everything with `08P01` and Supavisor with `XX000`, so their texts are looked for under such general codes.
//! - A timeout has no answer at all; the phase it happened in tells what it means.
//!
//! Only the first line of a server's primary message is kept, never its detail or hint, which may quote data.

use std::{error::Error as _, io};

use tokio_postgres::error::{DbError, SqlState};

use super::Failure;
use crate::model::{Outcome, Phase, Phases};

/// Enough for every message of PostgreSQL and its poolers; bounds what a hostile server can put into a page.
const LONGEST_MESSAGE: usize = 300;

/// What to do when a pooler answers where the server itself was expected, unless it is to be watched through the pooler.
pub(super) const POOLER_INSTEAD_OF_SERVER: &str =
    "this is a pooler; give the server's own address in `url` and the pooler's in [[target.pooler]]";

/// Texts of poolers under general codes, in lower case, the more specific first.
const POOLER_TEXTS: &[(&str, Outcome)] = &[
    ("unsupported startup parameter", Outcome::Protocol),
    ("no more connections allowed", Outcome::TooManyConnections),
    ("(emaxconnsession)", Outcome::PoolExhausted),
    ("(emaxconn)", Outcome::TooManyConnections),
    ("(echeckouttimeout)", Outcome::PoolExhausted),
    ("(enotfound)", Outcome::AuthFailed),
    ("(ecircuitbreaker)", Outcome::AuthFailed),
    ("(esslrequired)", Outcome::TlsFailed),
    ("ssl required", Outcome::TlsFailed),
    ("tls required", Outcome::TlsFailed),
    ("query_wait_timeout", Outcome::PoolExhausted),
    ("client_login_timeout", Outcome::PoolExhausted),
    ("server login has been failing", Outcome::PoolExhausted),
    ("server_login_retry", Outcome::PoolExhausted),
    ("cannot connect to server", Outcome::PoolExhausted),
    ("could not get connection from the pool", Outcome::PoolExhausted),
    ("checkout timeout", Outcome::PoolExhausted),
    ("is disabled", Outcome::PoolerPaused),
    ("is paused", Outcome::PoolerPaused),
    ("no such database", Outcome::NoSuchDatabase),
    ("no pool configured", Outcome::NoSuchDatabase),
    ("no such user", Outcome::AuthFailed),
    ("authentication failed", Outcome::AuthFailed),
    ("auth failed", Outcome::AuthFailed),
    ("login rejected", Outcome::AuthFailed),
    ("wrong password", Outcome::AuthFailed),
    ("shutting down", Outcome::ShuttingDown),
    ("server conn crashed", Outcome::Lost),
    ("server closed the connection", Outcome::Lost),
    ("not allowed", Outcome::PermissionDenied),
    ("bouncer config error", Outcome::Other),
];

/// The cause of a driver's error in a phase, and what to tell people.
pub fn classify(phase: Phase, error: &tokio_postgres::Error) -> (Outcome, String) {
    if let Some(said) = error.as_db_error() {
        return server_said(phase, said);
    }
    let source = error.source();
    if let Some(io) = source.and_then(|source| source.downcast_ref::<io::Error>())
        && !error.to_string().contains("parsing")
    {
        return classify_io(phase, io);
    }
    if error.is_closed() {
        return (Outcome::Lost, "the other side closed the connection".into());
    }
    let kind = error.to_string();
    let message = source.map_or_else(|| kind.clone(), |source| format!("{kind}: {source}"));
    let outcome = match kind.as_str() {
        "invalid configuration" if message.contains("password missing") => {
            return (Outcome::AuthFailed, "the server asks for a password and none is given".into());
        }
        "authentication error" => Outcome::AuthFailed,
        "error performing TLS handshake" => Outcome::TlsFailed,
        "unexpected message from server" | "error parsing response from server" => Outcome::Protocol,
        _ => Outcome::Other,
    };
    (outcome, bounded(&message))
}

/// The cause of an I/O error in a phase, and what to tell people.
pub fn classify_io(phase: Phase, error: &io::Error) -> (Outcome, String) {
    use io::ErrorKind as Kind;
    let outcome = match (phase, error.kind()) {
        (Phase::Dns, _) => Outcome::DnsFailed,
        // A Unix socket that is not there is a port that nobody listens on.
        (Phase::Tcp, Kind::ConnectionRefused | Kind::NotFound) => Outcome::TcpRefused,
        (Phase::Tcp, Kind::TimedOut | Kind::HostUnreachable | Kind::NetworkUnreachable) => Outcome::TcpTimeout,
        (
            _,
            Kind::UnexpectedEof
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable,
        ) => Outcome::Lost,
        (Phase::Tls, _) => Outcome::TlsFailed,
        (_, Kind::PermissionDenied) => Outcome::PermissionDenied,
        (_, Kind::InvalidData | Kind::InvalidInput) => Outcome::Protocol,
        _ => Outcome::Other,
    };
    let message = match error.kind() {
        Kind::UnexpectedEof => "the other side closed the connection".into(),
        _ => bounded(error.to_string().split(" (os error").next().unwrap_or_default()),
    };
    (outcome, message)
}

/// What a timeout means in a phase, and what to tell people.
pub fn timed_out(phase: Phase) -> (Outcome, String) {
    let (outcome, message) = match phase {
        Phase::Dns => (Outcome::DnsFailed, "no answer from the resolver in time"),
        Phase::Tcp => (Outcome::TcpTimeout, "no answer to the TCP handshake in time"),
        Phase::Tls => (Outcome::Unresponsive, "TCP was accepted, but the TLS request got no answer in time"),
        Phase::Auth => (Outcome::Unresponsive, "TCP was accepted, but start-up got no answer in time"),
        Phase::FirstQuery => (Outcome::Unresponsive, "connected, but a trivial query got no answer in time"),
        Phase::Query => (Outcome::QueryTimeout, "no answer to the query in time"),
    };
    (outcome, message.into())
}

impl Failure {
    /// From what a driver's call returned.
    pub fn of(phase: Phase, phases: Phases, error: &tokio_postgres::Error) -> Self {
        let (outcome, message) = classify(phase, error);
        Self { outcome, phase, phases, message }
    }

    /// A deadline that passed.
    pub fn timeout(phase: Phase, phases: Phases) -> Self {
        let (outcome, message) = timed_out(phase);
        Self { outcome, phase, phases, message }
    }
}

fn server_said(phase: Phase, said: &DbError) -> (Outcome, String) {
    by_code(phase, said.code(), said.message())
}

/// The pure table: SQLSTATE and primary message to cause and what to tell people.
fn by_code(phase: Phase, code: &SqlState, message: &str) -> (Outcome, String) {
    let outcome = match code.code() {
        "28P01" | "28000" => Outcome::AuthFailed,
        "3D000" => Outcome::NoSuchDatabase,
        "53300" => Outcome::TooManyConnections,
        "57P03" => cannot_connect_now(message),
        "57P01" => Outcome::ShuttingDown,
        // Another backend crashed, or a session timeout: this session is gone, the server may well be there.
        "57P02" | "57P05" | "25P03" | "25P04" | "08006" => Outcome::Lost,
        // `authentication_timeout` of the server.
        "57014" if phase == Phase::Auth => Outcome::Unresponsive,
        "57014" | "55P03" => Outcome::QueryTimeout,
        "42501" => Outcome::PermissionDenied,
        code => match (pooler_text(message), code) {
            (Some(outcome), _) => outcome,
            (None, "08P01" | "0A000") => Outcome::Protocol,
            (None, _) => Outcome::Other,
        },
    };
    let refused_options =
        outcome == Outcome::Protocol && message.contains("unsupported startup parameter") && message.contains("options");
    (outcome, if refused_options { POOLER_INSTEAD_OF_SERVER.into() } else { bounded(message) })
}

fn cannot_connect_now(message: &str) -> Outcome {
    let message = message.to_lowercase();
    let says = |words: &str| message.contains(words);
    if says("shutting down") {
        Outcome::ShuttingDown
    } else if says("recovery") || says("accepting connections") {
        Outcome::InRecovery
    } else {
        Outcome::StartingUp
    }
}

fn pooler_text(message: &str) -> Option<Outcome> {
    let message = message.to_lowercase();
    POOLER_TEXTS.iter().find(|(text, _)| message.contains(text)).map(|&(_, outcome)| outcome)
}

/// The innermost cause, which names no address.
pub(super) fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    bounded(&deepest.to_string())
}

/// The first line, cut at a bound, without control characters.
pub(super) fn bounded(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(phase: Phase, code: &str, message: &str) -> Outcome {
        by_code(phase, &SqlState::from_code(code), message).0
    }

    #[test]
    fn what_servers_and_poolers_say_has_a_cause() {
        let table = [
            ("28P01", "password authentication failed for user \"probe\"", Outcome::AuthFailed),
            (
                "28000",
                "no pg_hba.conf entry for host \"10.0.0.1\", user \"probe\", database \"app\", no encryption",
                Outcome::AuthFailed,
            ),
            ("28000", "role \"probe\" does not exist", Outcome::AuthFailed),
            ("3D000", "database \"app\" does not exist", Outcome::NoSuchDatabase),
            ("53300", "sorry, too many clients already", Outcome::TooManyConnections),
            (
                "53300",
                "remaining connection slots are reserved for roles with the SUPERUSER attribute",
                Outcome::TooManyConnections,
            ),
            ("53300", "too many connections for role \"probe\"", Outcome::TooManyConnections),
            ("57P03", "the database system is starting up", Outcome::StartingUp),
            ("57P03", "das Datenbanksystem startet", Outcome::StartingUp),
            ("57P03", "the database system is shutting down", Outcome::ShuttingDown),
            ("57P03", "the database system is in recovery mode", Outcome::InRecovery),
            ("57P03", "the database system is not accepting connections", Outcome::InRecovery),
            ("57P03", "the database system is not yet accepting connections", Outcome::InRecovery),
            ("57P01", "terminating connection due to administrator command", Outcome::ShuttingDown),
            ("57P02", "terminating connection because of crash of another server process", Outcome::Lost),
            ("57P05", "terminating connection due to idle-session timeout", Outcome::Lost),
            ("57014", "canceling statement due to statement timeout", Outcome::QueryTimeout),
            ("55P03", "canceling statement due to lock timeout", Outcome::QueryTimeout),
            ("42501", "permission denied for function pg_stat_statements", Outcome::PermissionDenied),
            ("08P01", "invalid frontend message type 0", Outcome::Protocol),
            ("42P01", "relation \"pg_stat_statements\" does not exist", Outcome::Other),
            ("08P01", "no more connections allowed (max_client_conn)", Outcome::TooManyConnections),
            ("08P01", "query_wait_timeout", Outcome::PoolExhausted),
            ("08P01", "pooler error: query_wait_timeout", Outcome::PoolExhausted),
            ("08P01", "client_login_timeout (server down)", Outcome::PoolExhausted),
            ("08P01", "server login has been failing, try again later (server_login_retry)", Outcome::PoolExhausted),
            (
                "08P01",
                "server login has been failing, cached error: password authentication failed for user \"app\" (server_login_retry)",
                Outcome::PoolExhausted,
            ),
            ("08P01", "pgbouncer cannot connect to server", Outcome::PoolExhausted),
            ("08P01", "database \"app\" is disabled", Outcome::PoolerPaused),
            ("08P01", "bouncer config error", Outcome::Other),
            ("08P01", "no such database: app", Outcome::NoSuchDatabase),
            ("3D000", "no such database: app", Outcome::NoSuchDatabase),
            ("08P01", "no such user: probe", Outcome::AuthFailed),
            ("08P01", "password authentication failed", Outcome::AuthFailed),
            ("08P01", "SASL authentication failed", Outcome::AuthFailed),
            ("08P01", "login rejected", Outcome::AuthFailed),
            ("08P01", "not allowed", Outcome::PermissionDenied),
            ("08P01", "server conn crashed?", Outcome::Lost),
            ("08P01", "invalid command 'show nothing', use SHOW HELP;", Outcome::Protocol),
            ("XX000", "(EMAXCONN) max client connections reached, limit: 200", Outcome::TooManyConnections),
            ("XX000", "(EMAXCONNSESSION) max clients reached in session mode", Outcome::PoolExhausted),
            ("XX000", "(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 60000ms", Outcome::PoolExhausted),
            ("XX000", "(ENOTFOUND) tenant/user app.x not found", Outcome::AuthFailed),
            ("XX000", "(ESSLREQUIRED) SSL connection is required", Outcome::TlsFailed),
            ("XX000", "(ECIRCUITBREAKER) too many authentication failures, new connections are blocked", Outcome::AuthFailed),
            ("XX000", "cache lookup failed for relation 16384", Outcome::Other),
        ];
        for (code, message, outcome) in table {
            assert_eq!(
                said(Phase::Auth, code, message),
                if code == "57014" { Outcome::Unresponsive } else { outcome },
                "{message}"
            );
            assert_eq!(said(Phase::Query, code, message), outcome, "{message}");
        }
    }

    #[test]
    fn an_io_error_means_what_its_phase_makes_of_it() {
        use io::ErrorKind as Kind;
        let table = [
            (Phase::Dns, Kind::Other, Outcome::DnsFailed),
            (Phase::Tcp, Kind::ConnectionRefused, Outcome::TcpRefused),
            (Phase::Tcp, Kind::NotFound, Outcome::TcpRefused),
            (Phase::Tcp, Kind::HostUnreachable, Outcome::TcpTimeout),
            (Phase::Tcp, Kind::PermissionDenied, Outcome::PermissionDenied),
            (Phase::Tls, Kind::InvalidData, Outcome::TlsFailed),
            (Phase::Tls, Kind::UnexpectedEof, Outcome::Lost),
            (Phase::Auth, Kind::ConnectionReset, Outcome::Lost),
            (Phase::Query, Kind::BrokenPipe, Outcome::Lost),
            (Phase::Query, Kind::TimedOut, Outcome::Lost),
            (Phase::Query, Kind::InvalidData, Outcome::Protocol),
        ];
        for (phase, kind, outcome) in table {
            assert_eq!(classify_io(phase, &kind.into()).0, outcome, "{phase:?} {kind:?}");
        }
    }

    #[test]
    fn a_message_is_one_line_without_surprises_and_bounded() {
        assert_eq!(bounded("first\u{1b}[31m line\nsecond"), "first[31m line");
        assert_eq!(bounded(&"ä".repeat(1000)).chars().count(), LONGEST_MESSAGE);
    }
}
