//! Places with links between them that a test slows down and cuts: regions, and the internet, where the receivers of alerts are. The test
//! itself reaches every place, whatever is cut.
//!
//! Where the machine permits it each place is a network namespace, and a router between them drops and delays real packets
//! ([`namespaces`]). Elsewhere all are on loopback, and each way between two of them leads through a small proxy of the test's ([`sockets`]):
//! what is cut there stands still, as behind a firewall, but a connection is taken before it stands still.

mod lanes;
mod namespaces;
mod sockets;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    process::Command,
    sync::Once,
    time::Duration,
};

use isobar::sandbox::Site;

pub(crate) use lanes::{Lane, Lanes};
use namespaces::Namespaces;
use sockets::Sockets;

/// A place's number, in the order of the names that were given; the internet is after them.
pub(crate) type Place = usize;

enum Kind {
    Namespaces(Namespaces),
    Sockets(Sockets),
}

/// See the module; all of it is gone when it is dropped.
pub(crate) struct Net {
    names: Vec<String>,
    lanes: Lanes,
    kind: Kind,
}

impl Net {
    /// The places by these names, and the internet; everybody reaches everybody at once.
    pub(crate) fn between(names: &[&str]) -> Self {
        if std::env::var_os("ISOBAR_TEST_SOCKETS").is_none() {
            match Namespaces::make(names.len() + 1) {
                Ok(made) => return Self::of(names, Kind::Namespaces(made)),
                Err(why) => eprintln!("NET   | cut sockets instead of network namespaces: {why}"),
            }
        } else {
            eprintln!("NET   | cut sockets instead of network namespaces, as asked for");
        }
        Self::of(names, Kind::Sockets(Sockets::default()))
    }

    /// The same by cut sockets, wherever we are.
    pub(crate) fn of_sockets(names: &[&str]) -> Self {
        Self::of(names, Kind::Sockets(Sockets::default()))
    }

    fn of(names: &[&str], kind: Kind) -> Self {
        Self { names: names.iter().map(|&name| name.to_owned()).collect(), lanes: Lanes::default(), kind }
    }

    /// Whether packets are cut, and not sockets.
    pub(crate) fn is_of_packets(&self) -> bool {
        matches!(self.kind, Kind::Namespaces(_))
    }

    pub(crate) fn place(&self, name: &str) -> Place {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no such place: {name}"))
    }

    pub(crate) fn internet(&self) -> Place {
        self.names.len()
    }

    /// Where a server of the place runs.
    pub(crate) fn site(&self, place: Place) -> Site {
        match &self.kind {
            Kind::Namespaces(of) => of.site(place),
            Kind::Sockets(_) => Site::default(),
        }
    }

    /// Where this test's own servers listen so that every place reaches them as the internet.
    pub(crate) fn internet_address(&self) -> Ipv4Addr {
        self.site(self.internet()).address()
    }

    /// A command in the place.
    pub(crate) fn command(&self, place: Place, program: &str) -> Command {
        self.site(place).command(program.as_ref())
    }

    /// How `from` calls the server of `to` that listens there.
    pub(crate) fn way(&self, from: Place, to: Place, server: SocketAddrV4) -> SocketAddrV4 {
        match &self.kind {
            Kind::Sockets(of) if from != to => of.way(from, to, server),
            _ => server,
        }
    }

    /// Nothing gets from one to the other any more; the way back stays.
    pub(crate) fn cut(&mut self, from: Place, to: Place) {
        self.change(from, to, |lane| lane.cut = true);
    }

    /// What goes from one to the other takes longer, and so many of a hundred packets get lost (of packets alone: sockets lose nothing).
    pub(crate) fn slow(&mut self, from: Place, to: Place, by: Duration, loss: u8) {
        static SAID: Once = Once::new();
        if loss > 0 && !self.is_of_packets() {
            SAID.call_once(|| eprintln!("SKIP  | {loss}% of packets lost: sockets lose nothing; the delay is made"));
        }
        self.change(from, to, |lane| (lane.delay, lane.loss) = (by, loss));
    }

    /// No more than so many bytes a second get from one to the other; who sends more has to wait. By sockets alone.
    pub(crate) fn narrow(&mut self, from: Place, to: Place, rate: u32) {
        assert!(!self.is_of_packets(), "packets are not narrowed");
        self.change(from, to, |lane| lane.rate = Some(rate));
    }

    /// All lanes are as at first.
    pub(crate) fn heal(&mut self) {
        self.lanes = Lanes::default();
        self.apply();
    }

    fn change(&mut self, from: Place, to: Place, change: impl FnOnce(&mut Lane)) {
        change(self.lanes.entry((from, to)).or_default());
        self.apply();
    }

    fn apply(&mut self) {
        match &mut self.kind {
            Kind::Namespaces(of) => of.apply(&self.lanes),
            Kind::Sockets(of) => of.apply(&self.lanes),
        }
    }
}
