//! As whom servers run, and how they are told that we are gone. Both through `setpriv` (util-linux): the system calls behind it
//! need unsafe code when made between fork and exec.

use std::{path::Path, process::Command};

use nix::unistd::{Gid, Uid, User};

use super::Error;

/// What happens to a program when the thread that started it ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum OnOurDeath {
    /// PostgreSQL: an immediate shutdown, which takes its children and shared memory along.
    Quit,
    /// Anything else.
    Kill,
}

/// Whether we are root.
pub(super) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// The user that servers run as when we are root; none means as ourselves.
pub(super) fn unprivileged() -> Result<Option<(Uid, Gid)>, Error> {
    if !is_root() {
        return Ok(None);
    }
    let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
    let missing = || Error::Missing { program: "an unprivileged user".into(), fix: "create a user named postgres".into() };
    known.map(|user| Some((user.uid, user.gid))).ok_or_else(missing)
}

/// A command that runs the program as that user, with an environment that holds no setting of ours for it (`PGDATA` and the
/// like), in a directory that it can read.
pub(super) fn command(program: &Path, on_our_death: OnOurDeath) -> Result<Command, Error> {
    let mut command = Command::new("setpriv");
    if let Some((uid, gid)) = unprivileged()? {
        command.arg("--reuid").arg(uid.to_string()).arg("--regid").arg(gid.to_string()).arg("--clear-groups");
    }
    command.arg("--pdeathsig").arg(match on_our_death {
        OnOurDeath::Quit => "QUIT",
        OnOurDeath::Kill => "KILL",
    });
    let kept = ["PATH", "LD_LIBRARY_PATH", "TZDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.arg("--").arg(program).env_clear().envs(kept).env("LC_ALL", "C").current_dir("/");
    Ok(command)
}
