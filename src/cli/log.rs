//! Log lines go to stderr; standard output belongs to the command.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::{Command, Failure, LogFormat};

/// Installs the subscriber.
pub(super) fn start(format: LogFormat, level: &str, command: &Command) -> Result<(), Failure> {
    // A quiet demo, a check and a question have their own output; only trouble is worth a line beside it.
    let quiet = matches!(command, Command::Check(_) | Command::Alerts(_) | Command::Report(_))
        || matches!(command, Command::Demo(args) if args.quiet);
    let level = if quiet && level == "info" { "warn" } else { level };
    // The HTTP server's own start-up lines tell nothing that ours do not.
    let filter = EnvFilter::try_new(format!("actix_server=warn,{level}"))
        .map_err(|error| Failure::usage(format!("--log-level {level}: {error}; use error, warn, info, debug or trace")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A log that cannot be written (a full disk, a reader that is gone) must not end what it tells of: to say so would panic.
    let lines = lines.log_internal_errors(false);
    match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
