//! Which metric says what of a pool. Two generations of names are about: `db.client.connection.*` in seconds, and
//! `db.client.connections.*` in milliseconds, with which many instrumentations still speak.

use crate::otlp::{KeyValue, text};

/// What a metric says of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// Connections in the state that the point names.
    Count,
    /// The most there may be.
    Max,
    /// The most that may be free.
    IdleMax,
    /// Requests that wait now.
    Pending,
    /// Requests that gave up.
    Timeouts,
    /// How long it took to make connections.
    Create,
    /// How long requests waited.
    Wait,
    /// How long connections were held.
    Use,
}

impl Says {
    /// What a metric of that name says; none when it is about something else.
    pub(super) fn of(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("db.client.connection")?;
        let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix('.')?;
        Some(match rest {
            "count" | "usage" => Self::Count,
            "max" => Self::Max,
            "idle.max" => Self::IdleMax,
            "pending_requests" => Self::Pending,
            "timeouts" => Self::Timeouts,
            "create_time" => Self::Create,
            "wait_time" => Self::Wait,
            "use_time" => Self::Use,
            _ => return None,
        })
    }
}

/// Milliseconds in the unit of a time; none when it is no unit of time. The older names meant milliseconds.
pub(super) fn milliseconds(unit: &str, name: &str) -> Option<f64> {
    match unit {
        "ms" => Some(1.0),
        "us" => Some(1e-3),
        "ns" => Some(1e-6),
        "" if name.starts_with("db.client.connections.") => Some(1.0),
        "s" | "" => Some(1_000.0),
        _ => None,
    }
}

fn first(attributes: &[KeyValue], keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| text(attributes, key)).filter(|value| !value.is_empty())
}

/// The pool's name.
pub(super) fn pool(point: &[KeyValue]) -> Option<String> {
    first(point, &["db.client.connection.pool.name", "db.client.connections.pool.name", "pool.name"])
}

/// `used` or `idle`.
pub(super) fn state(point: &[KeyValue]) -> Option<String> {
    first(point, &["db.client.connection.state", "db.client.connections.state", "state"])
}

/// What tells an application's instances apart.
pub(super) fn instance(resource: &[KeyValue]) -> Option<String> {
    if let Some(id) = first(resource, &["service.instance.id", "k8s.pod.name", "container.id"]) {
        return Some(id);
    }
    match (first(resource, &["host.name"]), first(resource, &["process.pid"])) {
        (Some(host), Some(process)) => Some(format!("{host}:{process}")),
        (host, process) => host.or(process),
    }
}
