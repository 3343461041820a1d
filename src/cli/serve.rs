//! What `watch`, `run` and `demo` share: an actix system with one node in it, signals, and reloading.

use std::{future::Future, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::Failure;
use crate::{
    app::Node,
    config::{Config, Fingerprint, Problems},
    model::world::World,
};

/// A changed file is noticed this soon; the folder's fingerprint costs a few `stat` calls.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A node that runs.
pub(super) struct Serving {
    /// Where it listens.
    pub(super) addr: SocketAddr,
    /// What it sees.
    pub(super) world: Arc<ArcSwap<World>>,
}

/// Where a configuration came from and how to get it again.
pub(super) struct Source {
    /// The folder to look at.
    pub(super) dir: PathBuf,
    /// Loads it.
    pub(super) load: Box<dyn Fn() -> Result<Config, Problems>>,
}

/// Runs a node until `until` ends.
pub(super) fn serve<F>(
    config: Config,
    name: Option<String>,
    source: Option<Source>,
    until: impl FnOnce(Serving) -> F,
) -> Result<ExitCode, Failure>
where
    F: Future<Output = ()>,
{
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    allow_many_connections();
    let name = name.unwrap_or_else(host_name);
    let scheme = if config.web.tls_cert.is_some() { "https" } else { "http" };
    let targets: usize = config.regions.iter().map(|region| region.targets.len()).sum();
    actix::System::new().block_on(async move {
        let node = Node::build(config, &name).map_err(Failure::failed)?;
        let addr = node.addr();
        tracing::info!(node = name, targets, "listening on {scheme}://{addr}");
        let (sender, reload) = mpsc::channel(1);
        if let Some(source) = source {
            actix::spawn(reload_on_change(source, sender));
        }
        let serving = Serving { addr, world: node.world() };
        node.run(until(serving), reload).await.map_err(Failure::failed)?;
        tracing::info!("ended");
        Ok(ExitCode::SUCCESS)
    })
}

/// Ends with SIGTERM or Ctrl-C.
pub(super) async fn until_signal(_: Serving) {
    signalled().await;
    tracing::info!("ending");
}

/// Ends with SIGTERM or Ctrl-C.
pub(super) async fn signalled() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Loads again on SIGHUP and when a file changed; a configuration that is refused leaves the old one in force.
async fn reload_on_change(source: Source, to: mpsc::Sender<Config>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = Fingerprint::of(&source.dir);
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            _ = look.tick() => false,
        };
        let seen = Fingerprint::of(&source.dir);
        if !asked && seen == known {
            continue;
        }
        known = seen;
        match (source.load)() {
            Ok(config) => {
                for warning in &config.warnings {
                    tracing::warn!("{warning}");
                }
                if to.send(config).await.is_err() {
                    return;
                }
            }
            Err(problems) => tracing::error!("the new configuration is refused, the old one stays in force:\n{problems}"),
        }
    }
}

/// Raises the soft limit of open files to the hard one: readers, probes and pages share it, and the usual 1,024 are for programs
/// that use `select`.
fn allow_many_connections() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// This node's name when nobody gives it one.
pub(super) fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "isobar".to_owned())
}
