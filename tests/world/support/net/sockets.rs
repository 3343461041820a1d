//! Cut sockets: a proxy for each way from a place to a server of another. What must not get through stands still until the lane heals, and
//! comes then, as packets that are sent again do.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{Lane, Lanes, Place};

/// How often a lane that stands still is looked at again.
const GLANCE: Duration = Duration::from_millis(10);

/// What all proxies look at.
#[derive(Default)]
struct State {
    lanes: Mutex<Lanes>,
    ended: AtomicBool,
}

#[derive(Default)]
pub(super) struct Sockets {
    state: Arc<State>,
    ways: Mutex<BTreeMap<(Place, Place, SocketAddrV4), SocketAddrV4>>,
}

impl Sockets {
    /// The proxy from one place to a server of the other.
    pub(super) fn way(&self, from: Place, to: Place, server: SocketAddrV4) -> SocketAddrV4 {
        *locked(&self.ways).entry((from, to, server)).or_insert_with(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = listener.local_addr().expect("an address").port();
            let state = Arc::clone(&self.state);
            thread::spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if state.ended.load(Ordering::Relaxed) {
                        return;
                    }
                    let state = Arc::clone(&state);
                    thread::spawn(move || carry(&client, server, (from, to), &state));
                }
            });
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
        })
    }

    pub(super) fn apply(&self, lanes: &Lanes) {
        locked(&self.state.lanes).clone_from(lanes);
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        for way in locked(&self.ways).values() {
            let _ = TcpStream::connect(way); // wakes the listener
        }
    }
}

impl State {
    fn lane(&self, way: (Place, Place)) -> Lane {
        locked(&self.lanes).get(&way).copied().unwrap_or_default()
    }

    /// Until nothing stands still any more; false when all is over.
    fn passes(&self, ways: &[(Place, Place)]) -> bool {
        while !self.ended.load(Ordering::Relaxed) {
            if ways.iter().all(|&way| !self.lane(way).cut) {
                return true;
            }
            thread::sleep(GLANCE);
        }
        false
    }
}

/// One connection, from its handshake, which needs both lanes, to its end.
fn carry(client: &TcpStream, server: SocketAddrV4, (from, to): (Place, Place), state: &Arc<State>) {
    if !state.passes(&[(from, to), (to, from)]) {
        return;
    }
    let Ok(server) = TcpStream::connect_timeout(&server.into(), Duration::from_secs(2)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    thread::scope(|scope| {
        scope.spawn(|| pump(client, &server, (from, to), state));
        scope.spawn(|| pump(&server, client, (to, from), state));
    });
}

/// One direction: read by this thread, written by another when it is due.
fn pump(mut from: &TcpStream, mut to: &TcpStream, way: (Place, Place), state: &State) {
    let (late, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for (read, bytes) in due {
                let wait = (read + state.lane(way).delay).saturating_duration_since(Instant::now());
                thread::sleep(wait);
                if !state.passes(&[way]) || to.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
        });
        let _ = from.set_read_timeout(Some(Duration::from_millis(200)));
        let mut bytes = [0; 16 * 1024];
        while !state.ended.load(Ordering::Relaxed) {
            match from.read(&mut bytes) {
                Ok(0) => return drop(late),
                Ok(read) if late.send((Instant::now(), bytes[..read].to_vec())).is_err() => return,
                // Who sends more finds its buffers full.
                Ok(read) => thread::sleep(state.lane(way).takes(read)),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                Err(_) => return drop(late),
            }
        }
        drop(late);
    });
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
