//! The tables of the map.

/// Who may import whom, beside itself. `probe::conninfo` is that module alone; `web!` is the stage's root without its modules.
pub(crate) const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("otlp", &[]),
    ("clock", &["model"]),
    ("backoff", &[]),
    ("crypto", &[]),
    ("trend", &[]),
    ("probe", &["model", "clock", "backoff", "crypto"]),
    ("region", &["model", "clock", "backoff", "probe"]),
    ("bus", &["model", "clock", "backoff", "crypto"]),
    ("aggregate", &["model", "clock", "backoff", "trend"]),
    ("advise", &["model", "clock", "trend"]),
    ("alert", &["model", "clock", "backoff", "crypto"]),
    ("history", &["model", "clock", "backoff"]),
    ("web", &["model", "otlp", "clock", "backoff", "crypto"]),
    ("export", &["model", "otlp", "clock", "backoff", "crypto"]),
    ("sandbox", &["model", "clock", "backoff", "probe::conninfo"]),
    (
        "config",
        &[
            "model",
            "clock",
            "probe!",
            "probe::conninfo",
            "probe::discovery",
            "probe::management",
            "probe::scrape",
            "region!",
            "region::replay",
            "region::thresholds",
            "advise!",
            "aggregate!",
            "bus!",
            "bus::wire",
            "alert!",
            "alert::message",
            "alert::settings",
            "web!",
            "export!",
            "history!",
            "export::tinybird",
        ],
    ),
    (
        "app",
        &[
            "model",
            "clock",
            "backoff",
            "crypto",
            "probe",
            "region",
            "bus",
            "advise",
            "aggregate",
            "alert",
            "web",
            "export",
            "history",
            "sandbox",
            "config",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "clock",
            "backoff",
            "crypto",
            "probe",
            "region",
            "bus",
            "advise",
            "aggregate",
            "alert",
            "web",
            "export",
            "history",
            "sandbox",
            "config",
            "app",
        ],
    ),
    ("main", &["cli"]),
];

/// Where each outside crate lives: rooms or files of `src/`; `*` is everywhere.
pub(crate) const HOMES: &[(&str, &[&str])] = &[
    ("actix", &["model", "probe", "region", "bus", "advise", "aggregate", "alert", "web", "export", "app", "cli"]),
    ("actix_web", &["web"]),
    (
        "arc_swap",
        &["clock", "probe/session", "bus", "advise", "aggregate", "alert", "web", "export", "history", "app", "cli/serve"],
    ),
    ("base64", &["alert", "config", "probe/scrape", "web/assets"]),
    ("bincode", &["bus/wire"]),
    ("bytes", &["probe", "bus", "web"]),
    ("chrono", &["model", "clock", "probe", "bus", "alert", "export", "config", "cli"]),
    ("chrono_tz", &["alert", "config"]),
    ("clap", &["cli", "main"]),
    ("crc32fast", &["bus/wire", "bus/redis/shelves", "export/tinybird/lines"]),
    ("croner", &["alert/silence", "config"]),
    ("flate2", &["web/applications", "web/assets", "export/http", "history/block"]),
    ("futures_util", &["*"]),
    ("hex", &["alert"]),
    ("hmac", &["alert/channels", "probe/scrape/token"]),
    ("humantime", &["config", "cli", "probe", "region", "alert", "web"]),
    ("lettre", &["alert/channels/email"]),
    ("minijinja", &["alert/message"]),
    ("nix", &["sandbox", "cli", "app"]),
    ("percent_encoding", &["probe/conninfo", "probe/discovery", "bus/redis", "web"]),
    ("plotters", &["cli/report/plot"]),
    ("prometheus_parse", &["probe/scrape/text"]),
    ("prost", &["otlp", "web/applications", "export/collector"]),
    ("rand", &["backoff", "probe", "region", "bus", "alert", "export", "history", "sandbox", "web", "cli/demo"]),
    ("redis", &["bus/redis", "sandbox"]),
    (
        "reqwest",
        &[
            "probe/discovery/patroni",
            "probe/management/client",
            "probe/scrape/client",
            "alert/channels",
            "alert/heartbeat",
            "cli/node",
            "export/collector",
            "export/http",
            "export/tinybird/events",
        ],
    ),
    ("rusqlite", &["alert/journal", "history"]),
    ("rust_embed", &["web/assets"]),
    ("rustix", &["cli/terminal"]),
    ("rustls", &["crypto", "probe", "web/tls"]),
    ("rustls_native_certs", &["probe/tls"]),
    ("secrecy", &["probe", "bus", "alert", "config", "web", "export", "cli"]),
    ("serde", &["*"]),
    (
        "serde_json",
        &[
            "advise",
            "probe/discovery",
            "probe/management/answer",
            "probe/scrape/client",
            "bus",
            "alert",
            "history/spending",
            "web",
            "cli",
            "otlp/tests",
            "export/tinybird",
        ],
    ),
    ("serde_path_to_error", &["config"]),
    ("sha2", &["alert", "probe/scrape/token", "web/assets"]),
    ("socket2", &["probe", "web"]),
    ("strsim", &["config", "probe/conninfo"]),
    ("subtle", &["alert", "web"]),
    ("tempfile", &["sandbox", "cli/demo", "cli/report/file"]),
    ("thiserror", &["*"]),
    ("tokio", &["*"]),
    ("tokio_postgres", &["probe", "sandbox", "cli/demo"]),
    ("tokio_postgres_rustls", &["probe"]),
    ("tokio_rustls", &["probe"]),
    ("tiny_skia", &["alert/message/chart"]),
    ("toml", &["config", "cli/rules"]),
    ("tracing", &["*"]),
    ("tracing_subscriber", &["cli"]),
    ("wildmatch", &["alert/silence", "probe/discovery"]),
];

/// What only an actor or an adapter names. A message of actors is a shape, so `actix::Message` is free.
pub(crate) const EFFECTS: &[&str] =
    &["actix", "actix_web", "tokio", "tokio_postgres", "crate::clock", "std::fs", "std::process", "std::env", "std::thread"];

/// The actors and adapters: files, or modules with all below them. Every other file is pure: it decides, and a test replays
/// it without waiting.
pub(crate) const EFFECTFUL: &str = "
    main app cli sandbox clock config
    probe.rs probe/classify probe/connect probe/launch
    probe/management/client probe/management/office probe/scrape/client probe/scrape/office probe/preflight probe/session probe/statement probe/text probe/tls probe/voice
    probe/pool/activity.rs probe/pool/actor probe/pool/client_check probe/pool/console probe/pool/pgbouncer.rs
    probe/query/actor probe/query/statements.rs
    probe/vantage.rs probe/database/actor probe/database/counters.rs probe/database/size.rs
    probe/database/replication.rs
    probe/database/columns.rs probe/database/upkeep.rs probe/database/upkeep/rows.rs probe/database/upkeep/tables.rs
    probe/discovery/databases probe/discovery/patroni.rs
    region/supervisor
    advise/actor advise/analyst/actor
    aggregate/actor
    bus.rs bus/actor bus/memory bus/redis
    alert/actor alert/journal alert/heartbeat alert/channels
    export/actor export/collector export/http export/tinybird/actor export/tinybird/events export/tinybird/spool
    history/file history/keeper history/reader history/store history/writer
    web.rs web/access web/answer web/applications/intake web/asker web/assets web/commands web/interest web/page web/past/answers web/process web/routes web/stream.rs
    web/stream/actor web/tls
";

/// More lines than this are more than one idea.
pub(crate) const MOST_LINES: usize = 400;

/// Names that say nothing of what is inside.
pub(crate) const EMPTY_NAMES: &[&str] = &["mod", "util", "utils", "common", "helper", "helpers", "manager", "misc"];
