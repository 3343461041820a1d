//! What this process takes from its machine, from `/proc`.

use std::fs;

/// Ticks of `/proc/self/stat` per second; Linux shows 100 to user space on every architecture.
const USER_HZ: f64 = 100.0;

/// The process now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Process {
    /// User and system time since the start.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
}

/// Reads it; none where there is no `/proc`.
pub(super) fn now() -> Option<Process> {
    parse(&fs::read_to_string("/proc/self/stat").ok()?, &fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(stat: &str, status: &str) -> Option<Process> {
    // The second field is the program's name in brackets and may hold anything, so fields are counted behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    let cpu_seconds = (ticks()? + ticks()?) / USER_HZ;
    let kib: u64 = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(Process { cpu_seconds, resident_bytes: kib * 1024 })
}

/// How many connections a worker may hold: at most a quarter of the file descriptors each, so that strangers can never take
/// those that the probes need.
pub(super) fn connections(most: usize) -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    descriptors(&limits).map_or(most, |all| most.min((all / 4).max(16)))
}

fn descriptors(limits: &str) -> Option<usize> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 200";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t4\n";
        assert_eq!(parse(stat, status), Some(Process { cpu_seconds: 3.0, resident_bytes: 2 << 20 }));
    }

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        assert_eq!(descriptors("Limit  Soft  Hard\nMax open files            1024                 4096     files\n"), Some(1024));
        assert_eq!(descriptors("Max open files   unlimited   unlimited   files"), None);
    }

    #[test]
    fn this_process_is_seen() {
        assert!(now().is_some_and(|process| process.resident_bytes > 1 << 20));
    }
}
