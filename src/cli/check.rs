//! `isobar check`
use super::*;
pub(super) fn run(_: &CheckArgs) -> Result<ExitCode, Failed> { todo!() }
