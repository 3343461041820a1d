//! The cable between a browser and a node, to be pulled: then what is open ends at once, and nobody gets through.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Carries until it is dropped.
pub(super) struct Cable {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pulled: AtomicBool,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl State {
    fn hang_up(&self) {
        for wire in self.open.lock().expect("no panic while held").drain(..) {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }
}

impl Cable {
    /// To `http://host:port`.
    pub(super) fn to(base: &str) -> Self {
        let node: SocketAddr = base.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                if !shared.pulled.load(Ordering::Relaxed)
                    && let Ok(server) = TcpStream::connect(node)
                {
                    let ends = [&client, &server].map(|wire| wire.try_clone().expect("a second handle"));
                    shared.open.lock().expect("no panic while held").extend(ends);
                    carry(&client, &server);
                    carry(&server, &client);
                }
            }
        });
        Self { address, state }
    }

    /// `http://host:port` on this side.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn pull(&self) {
        self.state.pulled.store(true, Ordering::Relaxed);
        self.state.hang_up();
    }

    pub(super) fn plug_in(&self) {
        self.state.pulled.store(false, Ordering::Relaxed);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes the listener
        self.state.hang_up();
    }
}

fn carry(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().expect("a second handle"), to.try_clone().expect("a second handle"));
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
