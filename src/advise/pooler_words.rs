//! Each pooler's own words for a change: which file, which line, and what to tell its console. Pure.
//!
//! | pooler | a pool's size | its mode | source |
//! | --- | --- | --- | --- |
//! | PgBouncer | `pool_size` of `[databases]` | `pool_mode` there | its configuration's page |
//! | PgCat | `pool_size` of the user in `[pools.NAME.users.N]` | `pool_mode` of the pool | CONFIG.md |
//! | Odyssey | `pool_size` of `database { user { } }` | `pool` there | its configuration's pages |
//! | PgDog | `pool_size` of the user in users.toml | `pooler_mode` there | its configuration's pages |
//! | Supabase's PgBouncer | in the dashboard | it has one mode | its guide |

use crate::model::sample::PoolerKind;

const RELOAD: &str = "Then in its console: RELOAD;";

/// How to give a pool a size.
pub(super) fn size(kind: PoolerKind, database: &str, user: &str, size: u32) -> String {
    match kind {
        PoolerKind::Pgbouncer => format!(
            "pgbouncer.ini: under [databases] set pool_size={size} on the line of {database}; or, when that line has no pool_size \
             and all pools should change, under [pgbouncer] default_pool_size = {size}. {RELOAD}"
        ),
        PoolerKind::Pgcat => {
            format!("pgcat.toml: under [pools.{database}.users.N] where username = \"{user}\", set pool_size = {size}. {RELOAD}")
        }
        PoolerKind::Odyssey => {
            format!("odyssey.conf: in database \"{database}\" {{ user \"{user}\" {{ }} }} set pool_size {size}. {RELOAD}")
        }
        PoolerKind::Pgdog => format!(
            "users.toml: in the [[users]] with name = \"{user}\" and database = \"{database}\" set pool_size = {size}. {RELOAD}"
        ),
        PoolerKind::Supabase | PoolerKind::Supavisor => {
            format!("In the project's dashboard, Database, Settings, Connection pooling: Pool Size = {size}, and save.")
        }
    }
}

/// For whom such a size holds.
pub(super) const fn reach(kind: PoolerKind) -> &'static str {
    match kind {
        PoolerKind::Pgbouncer => " The size holds for each user of this database.",
        PoolerKind::Supabase | PoolerKind::Supavisor => {
            " The size holds for each user and database of the project, and for the pools of Supavisor too."
        }
        PoolerKind::Pgcat | PoolerKind::Odyssey | PoolerKind::Pgdog => {
            " The size is that of this user at each server of the pool."
        }
    }
}

/// How to give a pool a mode; none where it has no choice.
pub(super) fn mode(kind: PoolerKind, database: &str, user: &str, mode: &str) -> Option<String> {
    Some(match kind {
        PoolerKind::Pgbouncer => {
            format!("pgbouncer.ini: under [databases] set pool_mode={mode} on the line of {database}. {RELOAD}")
        }
        PoolerKind::Pgcat => format!("pgcat.toml: under [pools.{database}] set pool_mode = \"{mode}\". {RELOAD}"),
        PoolerKind::Odyssey => {
            format!("odyssey.conf: in database \"{database}\" {{ user \"{user}\" {{ }} }} set pool \"{mode}\". {RELOAD}")
        }
        PoolerKind::Pgdog => format!(
            "users.toml: in the [[users]] with name = \"{user}\" and database = \"{database}\" set pooler_mode = \"{mode}\". {RELOAD}"
        ),
        PoolerKind::Supabase | PoolerKind::Supavisor => return None,
    })
}

/// What a client of a pool should not do in transaction mode, by the pooler.
pub(super) const fn prepared(kind: PoolerKind) -> &'static str {
    match kind {
        PoolerKind::Pgbouncer => "; or prepared statements before PgBouncer 1.21 (max_prepared_statements)",
        PoolerKind::Pgcat => "; or prepared statements without prepared_statements_cache_size",
        PoolerKind::Odyssey => "; or prepared statements without pool_reserve_prepared_statement",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pooler_is_told_in_its_own_words() {
        use PoolerKind::{Odyssey, Pgbouncer, Pgcat, Pgdog, Supabase};
        for (kind, words) in [
            (Pgbouncer, "pool_size=6 on the line of shop"),
            (Pgcat, "[pools.shop.users.N] where username = \"app\", set pool_size = 6."),
            (Odyssey, "database \"shop\" { user \"app\" { } } set pool_size 6."),
            (Pgdog, "name = \"app\" and database = \"shop\" set pool_size = 6."),
            (Supabase, "Pool Size = 6"),
        ] {
            let said = size(kind, "shop", "app", 6);
            assert!(said.contains(words), "{said}");
            assert_eq!(said.ends_with("RELOAD;"), kind != Supabase, "{said}");
            assert_eq!(mode(kind, "shop", "app", "transaction").is_none(), kind == Supabase);
        }
    }
}
