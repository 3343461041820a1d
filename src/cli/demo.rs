//! `isobar demo`
use super::*;
pub(super) fn run(_: &DemoArgs) -> Result<ExitCode, Failed> { todo!() }
