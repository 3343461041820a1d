//! The command line: one file per command. Exit codes: 0 done, 1 failed (or something degraded, for `check`), 2 the command
//! line or the configuration is wrong (or something broken, for `check`).

mod alerts;
pub mod check;
pub mod demo;
mod log;
mod node;
mod report;
mod rules;
mod run;
mod serve;
mod terminal;
mod watch;

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};

/// Watches the pressure on PostgreSQL connections in every region: pools, queries and the database itself. Judges them in
/// under a second and says what to change.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on stderr look
    #[arg(long, global = true, display_order = LAST, value_enum, default_value = "human", value_name = "FORMAT")]
    log_format: LogFormat,
    /// How much to log: error, warn, info, debug, trace; or per module, such as `isobar::probe=debug`
    #[arg(long, global = true, display_order = LAST, env = "ISOBAR_LOG", default_value = "info", value_name = "LEVEL")]
    log_level: String,
}

/// Behind a command's own options.
const LAST: usize = 900;

const AFTER_HELP: &str = "\
Examples:
  isobar demo                                      a small real world to look at
  isobar watch postgres://isobar@db.internal/shop  watch one database, no configuration
  isobar check --config regions                    check configuration, servers and grants
  isobar run --config regions                      run the node
  isobar alerts list                               what is wrong now, and who was told
  isobar report --since 7d --html week.html        what the last week was like
  isobar rules test rules/*.toml                   test rules against series of figures";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Human,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch these databases in region `local`, without any configuration
    Watch(WatchArgs),
    /// Run a node for the regions of a configuration folder
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Check the configuration, then every target and pooler by phase: DNS, TCP, TLS, authentication, grants, extensions,
    /// versions, then every region's bus and every channel, without telling anybody. Exit code 0: all good, 1: something degraded, 2: something broken
    Check(CheckArgs),
    /// Work with the rules that judge what is seen
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Run a real small world: three regions, each a throw-away PostgreSQL with PgBouncer and load, watched by Isobar, with an
    /// incident now and then; leaves nothing behind
    Demo(DemoArgs),
    /// Look at the alerts of a running node, take them, hold them back, and ask why people were or were not told
    Alerts(alerts::AlertsArgs),
    /// Report on a stretch of time: incidents and who was told how fast, the worst pools, queries that became slower, what runs out and
    /// when, what to change, what Isobar cost and when it did not see
    Report(report::ReportArgs),
}

/// `isobar watch`
#[derive(Debug, clap::Args)]
struct WatchArgs {
    /// The databases: postgres://user:password@host:port/database or key=value; the server itself, not a pooler
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// A pooler in front of them: its console (database `pgbouncer`), or what an application would use
    #[arg(long, value_name = "URL")]
    pooler: Vec<String>,
    /// Where to serve the API and the page
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

/// `isobar run`
#[derive(Debug, Clone, clap::Args)]
struct RunArgs {
    /// The folder with global.toml and one file per region
    #[arg(long, value_name = "DIR", default_value = "regions")]
    config: PathBuf,
    /// Run only this region; may be given more than once. With a [bus] the node knows all others too
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// This node's name, unlike that of every other node of its regions; the host's name unless given
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Where to serve the API and the page; overrides [web] listen
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

const RUN_HELP: &str = "\
Without [bus] in the configuration one process does everything, in memory.

With it the nodes of a region share its targets, take over from one that dies, and agree who tells people; every node answers
for the whole world. Two nodes or more near each region's databases:
  eu-1$ isobar run --region eu-west-1 --node eu-1
  eu-2$ isobar run --region eu-west-1 --node eu-2
  us-1$ isobar run --region us-east-1 --node us-1
All read the same folder. Of a region that a node does not run it needs the bus alone, and the urls of targets whose vantages
name its own region.";

/// `isobar check`
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The folder with global.toml and one file per region
    #[arg(long, value_name = "DIR", default_value = "regions")]
    config: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// `isobar rules`
#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Unit tests for rules and thresholds: series of figures in, expected transitions out. Exit code 0: all pass, 1: something
    /// differs, with what was expected (-) and what came (+), 2: a file cannot be used
    #[command(after_help = RULES_TEST_HELP)]
    Test(RulesTestArgs),
}

/// `isobar rules test`
#[derive(Debug, clap::Args)]
struct RulesTestArgs {
    /// TOML files with tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

const RULES_TEST_HELP: &str = r#"Example:
  [[test]]
  name = "a full pool fires after three seconds"
  interval = "250ms"
  thresholds = { pool_utilization = 0.8 }
  series = { pool_utilization = "0.5x3 0.9x20" }
  expect = [{ at = "4s", rule = "pool_saturated", event = "firing", severity = "high" }]

`0.5x3` is 0.5 and three more of it, as in Prometheus' unit tests; `0.5+0.1x3` climbs, `_` is not seen. The guide:
docs/rules-test.md"#;

/// `isobar demo`
#[derive(Debug, clap::Args)]
struct DemoArgs {
    /// End after this long, e.g. 2m; otherwise on Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Where to serve the API and the page
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// A file like regions/global.toml, with channels to tell of the incidents: [[channel]], [[escalation]], [alerts], ...
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
}

/// What a command ends with when it cannot be done.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`, which gives the error away
impl Failure {
    /// The command line or the configuration is wrong.
    fn usage(message: impl ToString) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// It was right, but could not be done.
    fn failed(message: impl ToString) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = log::start(cli.log_format, &cli.log_level, &cli.command).and_then(|()| match cli.command {
        Command::Watch(args) => watch::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Rules(RulesCommand::Test(args)) => rules::test(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Report(args) => report::run(&args),
    });
    match done {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "isobar: {}", failure.message.trim_end());
            ExitCode::from(failure.code)
        }
    }
}
