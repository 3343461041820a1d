//! Who speaks. PgCat, Odyssey and PgDog took over the words of PgBouncer's console, and each means something else by some of them:
//!
//! | | PgBouncer | PgCat | Odyssey | PgDog |
//! | --- | --- | --- | --- | --- |
//! | the console's database | `pgbouncer` | `pgcat`, `pgbouncer` | `console`, or as configured | `admin`, or as configured |
//! | `SHOW POOLS`, a row for | database and user | the same | the same | server, database and user |
//! | clients that wait for nothing | in `cl_active` | `cl_idle` beside it | in `cl_active` | not told |
//! | how long clients wait | told | told | `0`, whatever happens | told |
//! | `SHOW DATABASES` | by name | `NAME_shard_N_ROLE`, a row for each server and user | a row for each route | not known |
//! | counters, a row for | database | server and user | database | server and user |
//! | their times in | µs | ms, waits in µs | µs | ms |
//! | errors | none | `total_errors` | none | `total_errors` |
//! | `SHOW CONFIG` | `key` | `key` | not known | `name` |
//!
//! All of them know simple queries only. PgBouncer takes several at once; what the others do then is not documented, so they are asked
//! one thing at a time.

use crate::model::sample::PoolerKind;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PgBouncer.
    Pgbouncer,
    /// PgCat.
    Pgcat,
    /// Odyssey.
    Odyssey,
    /// PgDog.
    Pgdog,
}

impl Dialect {
    /// All of them, the one to guess first.
    pub const ALL: [Self; 4] = [Self::Pgbouncer, Self::Pgcat, Self::Odyssey, Self::Pgdog];

    /// What the console of such a pooler speaks; none when it has no such console.
    pub const fn of(kind: PoolerKind) -> Option<Self> {
        match kind {
            PoolerKind::Pgbouncer => Some(Self::Pgbouncer),
            PoolerKind::Pgcat => Some(Self::Pgcat),
            PoolerKind::Odyssey => Some(Self::Odyssey),
            PoolerKind::Pgdog => Some(Self::Pgdog),
            PoolerKind::Supavisor | PoolerKind::Supabase => None,
        }
    }

    /// Whose it is.
    pub const fn kind(self) -> PoolerKind {
        match self {
            Self::Pgbouncer => PoolerKind::Pgbouncer,
            Self::Pgcat => PoolerKind::Pgcat,
            Self::Odyssey => PoolerKind::Odyssey,
            Self::Pgdog => PoolerKind::Pgdog,
        }
    }

    /// The software's name, as its makers write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pgbouncer => "PgBouncer",
            Self::Pgcat => "PgCat",
            Self::Odyssey => "Odyssey",
            Self::Pgdog => "PgDog",
        }
    }

    /// The databases that are its console, unless configured otherwise; its own name first.
    pub const fn consoles(self) -> &'static [&'static str] {
        match self {
            Self::Pgbouncer => &["pgbouncer"],
            Self::Pgcat => &["pgcat", "pgbouncer"],
            Self::Odyssey => &["console"],
            Self::Pgdog => &["admin"],
        }
    }

    /// Whether its console may have any name.
    pub const fn names_its_console(self) -> bool {
        matches!(self, Self::Odyssey | Self::Pgdog)
    }

    /// Whether this database is its console, as far as a name tells.
    pub fn is_console(self, database: &str) -> bool {
        self.consoles().contains(&database)
    }

    /// Whose console a database of this name would be.
    pub fn guess(database: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.is_console(database))
    }

    /// What is asked with every reading. The totals come last, since a console may turn out not to know them.
    pub(super) const fn knows_databases(self) -> bool {
        !matches!(self, Self::Pgdog)
    }

    /// Whether it can be paused as a whole, and says so.
    pub(super) const fn knows_state(self) -> bool {
        matches!(self, Self::Pgbouncer)
    }

    pub(super) const fn knows_config(self) -> bool {
        !matches!(self, Self::Odyssey)
    }

    /// Whether it has the totals alone, which are cheaper than all statistics.
    pub(super) const fn knows_totals(self) -> bool {
        matches!(self, Self::Pgbouncer)
    }

    pub(super) const fn takes_several(self) -> bool {
        matches!(self, Self::Pgbouncer)
    }

    /// How many of its units of time in transactions and queries make a second.
    pub(super) const fn times_per_second(self) -> f64 {
        match self {
            Self::Pgbouncer | Self::Odyssey => 1e6,
            Self::Pgcat | Self::Pgdog => 1e3,
        }
    }

    /// The same for the time that clients waited.
    pub(super) const fn waits_per_second(self) -> f64 {
        match self {
            Self::Pgdog => 1e3,
            _ => 1e6,
        }
    }

    /// Whether a wait of 0 may be believed.
    pub(super) const fn tells_waits(self) -> bool {
        !matches!(self, Self::Odyssey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_known_by_its_database() {
        let guessed = ["pgbouncer", "pgcat", "console", "admin"].map(|name| Dialect::guess(name).map(Dialect::title));
        assert_eq!(guessed, [Some("PgBouncer"), Some("PgCat"), Some("Odyssey"), Some("PgDog")]);
        assert_eq!(Dialect::guess("shop"), None);
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::of(dialect.kind()), Some(dialect));
        }
    }
}
