//! Where a server runs: on loopback, or in a network namespace where it has an address that others reach over links that a test may slow
//! down and cut. Who makes the namespace removes it, after the servers in it have ended.

use std::{fmt, net::Ipv4Addr, path::Path, process::Command};

use super::{
    Error,
    account::{self, OnOurDeath},
};

/// See the module; the default is loopback.
#[derive(Debug, Clone)]
pub struct Site {
    namespace: Option<String>,
    address: Ipv4Addr,
}

impl Default for Site {
    fn default() -> Self {
        Self { namespace: None, address: Ipv4Addr::LOCALHOST }
    }
}

impl Site {
    /// In that namespace of `ip netns`, at that address of its own.
    pub fn inside(namespace: &str, address: Ipv4Addr) -> Self {
        Self { namespace: Some(namespace.into()), address }
    }

    /// At that address of the machine's own.
    pub fn outside(address: Ipv4Addr) -> Self {
        Self { namespace: None, address }
    }

    /// Where a server there listens.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A command that runs the program there, as it stands.
    pub fn command(&self, program: &Path) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }

    /// One that runs a server there, as [`account::command`] does.
    pub(super) fn server(&self, program: &Path, on_our_death: OnOurDeath) -> Result<Command, Error> {
        let plain = account::command(program, on_our_death)?;
        let mut command = self.command(plain.get_program().as_ref());
        // `ip` becomes the program, so the parent's death is still told to the server itself.
        command.args(plain.get_args()).env_clear().current_dir("/");
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ok(command)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
