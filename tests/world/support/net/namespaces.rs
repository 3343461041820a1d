//! Network namespaces: one for each place and a router between them, which drops and delays. The internet is no namespace but an address of
//! the test's own, since its servers are threads of the test.
//!
//! ```text
//!  isobar-PID-N-0   10.X.0.2 ──┐                    ┌── 10.X.254.2  the test
//!  isobar-PID-N-1   10.X.1.2 ──┤  isobar-PID-N-way  │
//!  isobar-PID-N-2   10.X.2.2 ──┴── nft drop, late ──┴── 10.X.3.2    the internet, the test's too
//! ```
//! Names carry our pid, so that the next test removes what a killed one left behind; X is leased as the sandbox leases its ports.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    net::Ipv4Addr,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use isobar::sandbox::Site;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::Rng;

use super::{Lanes, Place};

const PREFIX: &str = "isobar-";
/// The test's own network.
const TEST: usize = 254;
/// Rarely used by anybody.
const RANGE: std::ops::Range<u8> = 180..250;
/// The device that holds back, and its table of routes.
const LATE: &str = "late";
const TABLE: &str = "200";

pub(super) struct Namespaces {
    prefix: String,
    net: u8,
    places: usize,
    late: Option<Late>,
    _lease: UnixListener,
}

/// The process that holds packets back.
struct Late {
    child: Child,
    table: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Namespaces {
    /// So many places, the last of them the internet; or why that cannot be.
    pub(super) fn make(places: usize) -> Result<Self, String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        sweep();
        let prefix = format!("{PREFIX}{}-{}-", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let (net, lease) = lease()?;
        let mut made = Self { prefix, net, places, late: None, _lease: lease };
        made.lay().map(|()| made)
    }

    fn lay(&mut self) -> Result<(), String> {
        let (way, net) = (self.name("way"), self.net);
        ip(&format!("netns add {way}"))?;
        ip(&format!("-n {way} link set dev lo up"))?;
        for place in 0..self.places - 1 {
            let (name, link) = (self.name(place), format!("to{place}"));
            ip(&format!("netns add {name}"))?;
            ip(&format!("link add {link} netns {way} type veth peer name eth0 netns {name}"))?;
            ip(&format!("-n {way} addr add 10.{net}.{place}.1/24 dev {link}"))?;
            ip(&format!("-n {way} link set dev {link} up"))?;
            ip(&format!("-n {name} addr add 10.{net}.{place}.2/24 dev eth0"))?;
            ip(&format!("-n {name} link set dev eth0 up"))?;
            ip(&format!("-n {name} link set dev lo up"))?;
            ip(&format!("-n {name} route add default via 10.{net}.{place}.1"))?;
        }
        let (ours, internet) = (self.link(), self.places - 1);
        ip(&format!("link add {ours} type veth peer name test netns {way}"))?;
        ip(&format!("-n {way} addr add 10.{net}.{TEST}.1/24 dev test"))?;
        ip(&format!("-n {way} link set dev test up"))?;
        ip(&format!("addr add 10.{net}.{TEST}.2/24 dev {ours}"))?;
        ip(&format!("addr add 10.{net}.{internet}.2/32 dev {ours}"))?;
        ip(&format!("link set dev {ours} up"))?;
        ip(&format!("route add 10.{net}.0.0/16 via 10.{net}.{TEST}.1 dev {ours} src 10.{net}.{TEST}.2"))?;
        ip(&format!("-n {way} route add 10.{net}.{internet}.2/32 via 10.{net}.{TEST}.2 dev test"))?;
        // What comes back from being late comes from a device that its sender is not behind.
        let open = "for each in all default; do echo 0 > /proc/sys/net/ipv4/conf/$each/rp_filter; done; echo 1 > /proc/sys/net/ipv4/ip_forward";
        run(Command::new("ip").args(["netns", "exec", &way, "sh", "-c", open]))?;
        self.drop_by("")
    }

    pub(super) fn site(&self, place: Place) -> Site {
        let (number, last) = (u8::try_from(place).expect("few places"), self.places - 1);
        let address = Ipv4Addr::new(10, self.net, number, 2);
        if place == last { Site::outside(address) } else { Site::inside(&self.name(place), address) }
    }

    pub(super) fn apply(&mut self, lanes: &Lanes) {
        let net = self.net;
        let mut drops = String::new();
        for ((from, to), lane) in lanes {
            let ends = format!("add rule ip isobar way ip saddr 10.{net}.{from}.0/24 ip daddr 10.{net}.{to}.0/24");
            if lane.cut {
                let _ = writeln!(drops, "{ends} drop");
            } else if lane.loss > 0 {
                // Each packet once: what is late passes here twice.
                let _ = writeln!(drops, "{ends} iifname != {LATE} numgen random mod 100 < {} drop", lane.loss);
            }
        }
        self.drop_by(&drops).expect("new rules");
        self.delay(lanes).expect("new delays");
    }

    /// In one transaction, so that no packet slips through.
    fn drop_by(&self, rules: &str) -> Result<(), String> {
        let all = format!(
            "add table ip isobar\ndelete table ip isobar\nadd table ip isobar\nadd chain ip isobar way {{ type filter hook forward priority 0; }}\n{rules}"
        );
        run(Command::new("ip").args(["netns", "exec", &self.name("way"), "nft", &all]))
    }

    fn delay(&mut self, lanes: &Lanes) -> Result<(), String> {
        let slow: Vec<_> = lanes.iter().filter(|(_, lane)| !lane.delay.is_zero()).collect();
        if self.late.is_none() {
            if slow.is_empty() {
                return Ok(());
            }
            self.late = Some(self.late()?);
        }
        let (way, net) = (self.name("way"), self.net);
        let table: Vec<String> =
            slow.iter().map(|((from, to), lane)| format!("10.{net}.{from} 10.{net}.{to} {}", lane.delay.as_millis())).collect();
        self.late.as_mut().expect("just made").tell(&table.join(","))?;
        while ip(&format!("-n {way} rule del lookup {TABLE}")).is_ok() {}
        for ((from, to), _) in slow {
            let (from_net, to_net) = (format!("10.{net}.{from}.0/24"), format!("10.{net}.{to}.0/24"));
            let link = if *from == self.places - 1 { "test".into() } else { format!("to{from}") };
            ip(&format!("-n {way} rule add from {from_net} to {to_net} iif {link} lookup {TABLE}"))?;
        }
        Ok(())
    }

    fn late(&self) -> Result<Late, String> {
        let (way, net) = (self.name("way"), self.net);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/world/support/net/delay.py");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &way, "/usr/bin/env", "python3"]).arg(script);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let (table, says) = (child.stdin.take().expect("piped"), BufReader::new(child.stdout.take().expect("piped")));
        let mut late = Late { child, table, says };
        late.expect("ready")?;
        ip(&format!("-n {way} addr add 10.{net}.253.1/32 dev {LATE}"))?;
        ip(&format!("-n {way} link set dev {LATE} txqueuelen 10000 up"))?;
        ip(&format!("-n {way} route add default dev {LATE} table {TABLE}"))?;
        Ok(late)
    }

    fn name(&self, of: impl std::fmt::Display) -> String {
        format!("{}{of}", self.prefix)
    }

    /// The test's end; such names are short.
    fn link(&self) -> String {
        format!("isobar-{}", self.net)
    }
}

impl Late {
    fn tell(&mut self, table: &str) -> Result<(), String> {
        writeln!(self.table, "{table}").map_err(|error| error.to_string())?;
        self.expect("done")
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        let mut line = String::new();
        self.says.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() == word { Ok(()) } else { Err(format!("delay.py, run by python3, does not start: {line}")) }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        self.late = None;
        let _ = ip(&format!("link del {}", self.link()));
        for name in names().into_iter().filter(|name| name.starts_with(&self.prefix)) {
            remove(&name);
        }
    }
}

/// A second byte that no other test of this machine has while the socket lives, and no route.
fn lease() -> Result<(u8, UnixListener), String> {
    let routes = output("route show").unwrap_or_default();
    for _ in 0..200 {
        let net = rand::rng().random_range(RANGE);
        let name = SocketAddr::from_abstract_name(format!("isobar-test-net-{net}")).map_err(|error| error.to_string())?;
        let is_known = routes.contains(&format!("10.{net}."));
        if let (false, Ok(lease)) = (is_known, UnixListener::bind_addr(&name)) {
            return Ok((net, lease));
        }
    }
    Err("no network of 10.180.0.0 to 10.249.0.0 is free".into())
}

/// What tests that are gone left behind, with the processes in it.
fn sweep() {
    for name in names() {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            remove(&name);
        }
    }
}

fn names() -> Vec<String> {
    let list = output("netns list").unwrap_or_default();
    let name = |line: &str| line.split_whitespace().next().filter(|name| name.starts_with(PREFIX)).map(str::to_owned);
    list.lines().filter_map(name).collect()
}

fn remove(name: &str) {
    for pid in output(&format!("netns pids {name}")).unwrap_or_default().lines().filter_map(|pid| pid.trim().parse().ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = ip(&format!("netns del {name}"));
}

fn ip(arguments: &str) -> Result<(), String> {
    run(Command::new("ip").args(arguments.split(' ')))
}

fn output(arguments: &str) -> Option<String> {
    let output = Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
