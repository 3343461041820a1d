//! `isobar run`: a node for the regions of a folder, which it reads again on SIGHUP and when a file changes.

use std::process::ExitCode;

use super::{Failure, RunArgs, serve};
use crate::config::{Config, Problems};

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let config = load(args).map_err(Failure::usage)?;
    let reload = {
        let args = args.clone();
        Box::new(move || load(&args))
    };
    let source = serve::Source { dir: args.config.clone(), load: reload };
    serve::serve(config, args.node.clone(), Some(source), serve::until_signal)
}

fn load(args: &RunArgs) -> Result<Config, Problems> {
    let mut config = Config::load(&args.config, &args.regions)?;
    if let Some(listen) = args.listen {
        config.listen_on(listen)?;
    }
    let node = args.node.clone().unwrap_or_else(serve::host_name);
    config.keep_alerts(&args.config, &node)?;
    config.keep_history(&args.config, &node);
    config.keep_rows(&args.config, &node);
    Ok(config)
}
