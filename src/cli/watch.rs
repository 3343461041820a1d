//! `isobar watch`: no configuration, these databases, region `local`.

use std::process::ExitCode;

use super::{Failure, WatchArgs, serve};
use crate::config::Config;

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode, Failure> {
    let config = Config::for_watch(&args.urls, &args.pooler, Some(args.listen)).map_err(Failure::usage)?;
    serve::serve(config, None, None, serve::until_signal)
}
