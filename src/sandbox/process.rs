//! One server process and the children it forks: signals that reach all of them, and the processor time they took.
//!
//! PostgreSQL's backends are each in a session of their own, so there is no group to signal: the children are found in `/proc`
//! by their parent. The parent is stopped first, so that it forks no more while we look.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Error, PATIENCE, tail, wait_until};

/// The unit of times in `/proc/PID/stat`: `USER_HZ`, which Linux shows as 100 whatever the kernel runs at.
const TICK: Duration = Duration::from_millis(10);

/// How long a killed process may take to be gone: the kernel has only to free its memory.
const DYING: Duration = Duration::from_secs(5);

/// How long a server may take to end when it is asked to: some 50 ms are usual; beyond this it hangs, and is killed.
const ENDING: Duration = Duration::from_secs(3);

/// A started program. Whoever owns it ends it.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts it, with what it says appended to the log, and waits until it answers.
    pub(super) fn start(what: &str, command: Command, log: &Path, mut answers: impl FnMut() -> bool) -> Result<Self, Error> {
        let mut process = Self::launch(command, log)?;
        let mut ended = false;
        let up = wait_until(PATIENCE, || {
            ended = process.has_ended();
            ended || answers()
        });
        if up && !ended {
            return Ok(process);
        }
        process.kill();
        let how = if ended { "did not start" } else { "does not answer" };
        Err(Error::Failed { what: what.into(), how: how.into(), log: tail(log) })
    }

    fn launch(mut command: Command, log: &Path) -> Result<Self, Error> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.map_err(Error::io(format!("open {}", log.display())))?;
        let copy = file.try_clone().map_err(Error::io("share the log"))?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        spawn(command).map(Self)
    }

    pub(super) fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Whether it has ended; takes note of its end.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// It and its children, itself first.
    pub(super) fn pids(&self) -> Vec<i32> {
        let own = self.pid();
        std::iter::once(own).chain(children(own)).collect()
    }

    /// Stops all of it where it stands; it keeps its sockets, locks and memory.
    pub(super) fn freeze(&self) {
        let own = self.pid();
        signal(own, Signal::SIGSTOP);
        wait_until(DYING, || stands_still(own));
        let children = children(own);
        signal_all(&children, Signal::SIGSTOP);
        wait_until(DYING, || children.iter().all(|&pid| stands_still(pid)));
    }

    /// Lets all of it go on.
    pub(super) fn thaw(&self) {
        signal_all(&children(self.pid()), Signal::SIGCONT);
        signal(self.pid(), Signal::SIGCONT);
    }

    /// Kills all of it, and returns when it is gone.
    pub(super) fn kill(&mut self) {
        self.freeze();
        let pids = self.pids();
        signal_all(&pids, Signal::SIGKILL);
        let _ = self.0.wait();
        wait_until(DYING, || pids.iter().all(|&pid| !is_alive(pid)));
    }

    /// Asks it to end with the signal; kills it when it does not.
    fn end(&mut self, with: Signal) {
        signal(self.pid(), with);
        self.thaw();
        if !wait_until(ENDING, || self.has_ended()) {
            self.kill();
        }
    }

    /// Processor time of it, its children, and the children that have ended.
    pub(super) fn cpu_time(&self) -> Duration {
        let own = self.pid();
        // A child that ends between two looks would be counted twice or never, so the sum counts when nobody came or went.
        let mut sum = Duration::ZERO;
        for _ in 0..10 {
            let before: BTreeSet<i32> = children(own).into_iter().collect();
            let reaped = stat(own).map_or(Duration::ZERO, |stat| stat.reaped);
            sum = before.iter().chain([&own]).map(|&pid| own_cpu_time(pid)).sum::<Duration>() + reaped;
            if children(own).into_iter().eq(before) {
                break;
            }
        }
        sum
    }
}

/// The process of a server that runs or does not, for callers on any thread: one at a time starts or ends it.
#[derive(Debug, Default)]
pub(super) struct Guarded(Mutex<Option<Process>>);

impl Guarded {
    /// Ends the one that runs, then starts one.
    pub(super) fn restart(&self, with: Signal, start: impl FnOnce() -> Result<Process, Error>) -> Result<(), Error> {
        let mut process = self.lock();
        end(&mut process, with);
        *process = Some(start()?);
        Ok(())
    }

    /// Starts one, then ends the one that ran before.
    pub(super) fn replace(&self, with: Signal, start: impl FnOnce() -> Result<Process, Error>) -> Result<(), Error> {
        let mut process = self.lock();
        end(&mut process.replace(start()?), with);
        Ok(())
    }

    /// Asks it to end with the signal, and returns when it has.
    pub(super) fn end(&self, with: Signal) {
        end(&mut self.lock(), with);
    }

    /// The same, and does that before anybody can start it again.
    pub(super) fn end_and(&self, with: Signal, then: impl FnOnce()) {
        let mut process = self.lock();
        end(&mut process, with);
        then();
    }

    /// Kills it, and returns when it is gone.
    pub(super) fn kill(&self) {
        if let Some(mut running) = self.lock().take() {
            running.kill();
        }
    }

    /// Stops it where it stands.
    pub(super) fn freeze(&self) {
        self.lock().iter().for_each(Process::freeze);
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.lock().iter().for_each(Process::thaw);
    }

    /// It and its children, itself first; empty when it does not run.
    pub(super) fn pids(&self) -> Vec<i32> {
        self.lock().as_ref().map(Process::pids).unwrap_or_default()
    }

    /// Processor time it took since it started.
    pub(super) fn cpu_time(&self) -> Duration {
        self.lock().as_ref().map(Process::cpu_time).unwrap_or_default()
    }

    /// A test that panicked while it held this left nothing half done: a process is there or it is not.
    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(process: &mut Option<Process>, with: Signal) {
    if let Some(mut running) = process.take() {
        running.end(with);
    }
}

/// Starts a program from a thread that lives as long as we do: the kernel sends the parent-death signal when the thread that
/// started the program ends, and threads of tests and pools end early.
fn spawn(command: Command) -> Result<Child, Error> {
    type Job = (Command, mpsc::SyncSender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || inbox.into_iter().for_each(|(mut command, reply)| drop(reply.send(command.spawn()))));
        jobs
    });
    let (reply, answer) = mpsc::sync_channel(1);
    spawner.send((command, reply)).expect("the thread ends with the process");
    match answer.recv().expect("each job is answered") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::Missing { program: "setpriv".into(), fix: "install the package util-linux".into() })
        }
        started => started.map_err(Error::io("start a server")),
    }
}

/// Runs a program to its end, as the server's user when the command says so.
pub(super) fn run(what: &str, mut command: Command) -> Result<(), Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let output = spawn(command)?.wait_with_output().map_err(Error::io(format!("wait for {what}")))?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    Err(Error::Failed { what: what.into(), how: format!("ended with {}", output.status), log })
}

/// Whether there is such a process; one that has ended and only waits to be noted does not count.
pub(super) fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| stat.state != 'Z' && stat.state != 'X')
}

fn stands_still(pid: i32) -> bool {
    stat(pid).is_none_or(|stat| "TtZX".contains(stat.state))
}

/// Kills the processes that have the path among their arguments, and their children; returns when they are gone.
pub(super) fn end_all_started_with(path: &Path) {
    let path = path.as_os_str().as_encoded_bytes();
    let named = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.windows(path.len()).any(|window| window == path)
    };
    let pids: Vec<i32> = all().filter(named).flat_map(|pid| std::iter::once(pid).chain(children(pid))).collect();
    signal_all(&pids, Signal::SIGKILL);
    wait_until(DYING, || pids.iter().all(|&pid| !is_alive(pid)));
}

fn signal(pid: i32, signal: Signal) {
    // The only failure is that it is gone already.
    let _ = kill(Pid::from_raw(pid), signal);
}

fn signal_all(pids: &[i32], with: Signal) {
    for &pid in pids {
        signal(pid, with);
    }
}

struct Stat {
    state: char,
    parent: i32,
    own: Duration,
    reaped: Duration,
}

fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ppid ...`; the name may hold anything, brackets included.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse().ok().map(|ticks: u32| TICK * ticks);
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        reaped: ticks(13)? + ticks(14)?,
    })
}

/// Nanoseconds exact where the kernel keeps them, else in ticks.
fn own_cpu_time(pid: i32) -> Duration {
    let exact = || fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?.split(' ').next()?.parse().ok();
    exact().map(Duration::from_nanos).or_else(|| Some(stat(pid)?.own)).unwrap_or_default()
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn children(parent: i32) -> Vec<i32> {
    let mut children: Vec<i32> = all().filter(|&pid| stat(pid).is_some_and(|stat| stat.parent == parent)).collect();
    children.sort_unstable();
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_called_anything() {
        let line = "17 (a) R (b) S 3 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99";
        let stat = parse(line).unwrap();
        assert_eq!((stat.state, stat.parent, stat.own, stat.reaped), ('S', 3, TICK * 11, TICK * 15));
        assert!(parse("17 (a").is_none() && parse("17 (a) S 3").is_none());
    }
}
