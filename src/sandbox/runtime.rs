//! The sandbox's own tokio runtime. It lets plain code wait for async work, lets async code do so inside any runtime (a
//! runtime refuses to block within another), and keeps the demo's load off the threads that watch it.

use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime; it lives as long as the process.
pub fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let make = || Builder::new_multi_thread().worker_threads(1).thread_name("sandbox").enable_all().build();
    RUNTIME.get_or_init(|| make().expect("threads and file descriptors for a runtime")).handle()
}

/// Runs the work to its end and waits for it, whatever runtime the calling thread is in.
///
/// # Panics
/// When the work panics.
pub fn block_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (done, wait) = mpsc::sync_channel(1);
    handle().spawn(async move { done.send(work.await) });
    wait.recv().expect("the work panicked")
}
