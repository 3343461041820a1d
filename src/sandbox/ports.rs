//! Loopback ports without collisions.
//!
//! Asking the kernel for port 0 is not enough: such ports lie where outgoing connections get theirs, so a killed server may find
//! its own taken when it returns. These lie below that range, and a [`Port`] is leased: while it lives, it holds an abstract
//! Unix socket named after it, which the kernel gives to one process only and takes back when that ends, however it ends.
//! A stranger may still take the port before the server binds it; the server then starts again on another one.

use std::{
    fmt, io,
    net::{Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use rand::Rng;

use super::Error;

/// Above the usual services, below Linux's range for outgoing connections (32768 and up).
const RANGE: std::ops::Range<u16> = 17_000..32_000;

/// Draws before giving up: with half of the range taken, all of these miss once in 10^60 times.
const TRIES: usize = 200;

/// A loopback port that no other sandbox of this machine has while this lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lease: UnixListener,
}

impl Port {
    /// Leases a free one.
    pub fn lease() -> Result<Self, Error> {
        let mut rng = rand::rng();
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match Self::take(rng.random_range(RANGE)) {
                Ok(port) => return Ok(port),
                Err(error) => last = error,
            }
        }
        Err(Error::io("find a free loopback port")(last))
    }

    fn take(number: u16) -> io::Result<Self> {
        let lease = UnixListener::bind_addr(&SocketAddr::from_abstract_name(format!("isobar-sandbox-port-{number}"))?)?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
        Ok(Self { number, _lease: lease })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leased_port_is_nobody_elses_until_it_is_dropped() {
        let port = Port::lease().unwrap();
        assert_eq!(Port::take(port.number()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let number = port.number();
        drop(port);
        assert_eq!(Port::take(number).unwrap().number(), number);
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_leased() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, Port::lease().unwrap().number())).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_eq!(Port::take(taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
