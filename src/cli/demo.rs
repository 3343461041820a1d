//! `isobar demo`: a real small world, watched by Isobar, with its script.
//!
//! ```text
//!  us-east-1        eu-west-1        ap-southeast-1       each: clients (load) ─► PgBouncer ─► PostgreSQL, three databases
//!      ▲                ▲                  ▲
//!      └────────────── script ─────────────┘              calm, an incident somewhere, calm, the next one elsewhere, ...
//! ```
//! All of it is real: the figures on the page are those of real sessions, and an incident is done, not told. Servers and load
//! live as long as the [`World`]; the script only ever adds trouble, and takes it away again.

mod board;
pub mod load;
pub mod script;
pub mod world;

use std::{
    process::ExitCode,
    sync::{Arc, mpsc},
    time::Duration,
};

use super::{DemoArgs, Failure, serve, terminal};
use crate::config::Config;
use world::World;

/// How often the table is printed.
const BOARD_EVERY: Duration = Duration::from_secs(5);

/// Starts the world, watches it until it is told to end, and leaves nothing behind.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    let quiet = args.quiet;
    let Some(world) = start(quiet)? else { return Ok(ExitCode::SUCCESS) };
    let world = Arc::new(world);
    let (playing, lasts) = (Arc::clone(&world), args.duration);
    let mut config = Config::for_targets(world.targets(), args.alerts.as_deref(), args.listen).map_err(Failure::usage)?;
    let past = tempfile::tempdir().map_err(Failure::failed)?;
    config.history.path = Some(past.path().join("isobar.db"));
    let done = serve::serve(config, Some("demo".to_owned()), None, move |serving| async move {
        let say = |text: &str| quiet || terminal::say(text);
        say(&format!("watching: http://{} (Ctrl-C ends it)", serving.addr));
        let ended = async {
            tokio::select! {
                () = serve::signalled() => {}
                () = tokio::time::sleep(lasts.unwrap_or(Duration::MAX)) => {}
            }
        };
        let boards = async {
            let mut every = tokio::time::interval(BOARD_EVERY);
            loop {
                every.tick().await;
                let board = if quiet { String::new() } else { format!("\n{}", board::board(&serving.world.load()).trim_end()) };
                if !say(&board) {
                    break;
                }
            }
        };
        let script = script::run(&playing, ended, |event| {
            say(&format!("\n>>> {event}"));
        });
        tokio::select! {
            () = script => {}
            () = boards => {}
        }
    });
    drop((world, past));
    if !quiet {
        terminal::say("ended; nothing is left behind");
    }
    done
}

/// Starts the world on a thread of its own; none when a signal came meanwhile, and then nothing is left of it.
fn start(quiet: bool) -> Result<Option<World>, Failure> {
    let (sender, started) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    let world = runtime.block_on(async move {
        let starting = tokio::task::spawn_blocking(move || {
            let world = World::start(|step| {
                if !quiet {
                    terminal::say(step);
                }
            });
            let _ = sender.send(world);
        });
        tokio::select! {
            _ = starting => true,
            () = serve::signalled() => false,
        }
    });
    drop(runtime);
    let started = started.recv().map_err(|_| Failure::failed("the demo's world did not start"))?.map_err(Failure::failed)?;
    Ok(world.then_some(started))
}

#[cfg(test)]
mod tests;
