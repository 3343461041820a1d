//! `isobar watch`: no configuration, these databases, region `local`.

use std::process::ExitCode;

use super::{Failed, WatchArgs, serve};
use crate::config::Config;

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode, Failed> {
    let config = Config::for_watch(&args.urls, &args.pooler, Some(args.listen)).map_err(Failed::usage)?;
    serve::serve(config, None, None, serve::until_signal)
}
