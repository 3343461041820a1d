//! The loads of the trial: who asks how often for what, and what advice is right for it.

/// How long a statement sleeps or computes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Sleeps so many milliseconds each time.
    Fixed(f64),
    /// Sleeps exponential times with this mean.
    Exponential(f64),
    /// Sleeps the first, and the second for this share of the calls.
    Two(f64, f64, f64),
    /// Computes for about so many milliseconds of an idle processor.
    Computes(f64),
    /// Takes one row's lock and sleeps with it.
    Locks(f64),
    /// Sleeps so many milliseconds alone, and by this part longer for each other one that is at work: something is shared that no wait event
    /// names.
    Shares(f64, f64),
}

/// When transactions come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrivals {
    /// So many a second, whoever waits: Poisson.
    Open(f64),
    /// Poisson too, of one rate for so many seconds, then of the other.
    Waves(f64, f64, f64),
    /// Bunches of so many at once, so many bunches a second.
    Bunches(usize, f64),
    /// So many clients who ask, are served and think for so many milliseconds, exponential.
    Closed(usize, f64),
    /// The same, each time over a fresh connection on which so many statements run.
    Sessions(usize, f64, usize),
}

/// One application.
#[derive(Debug, Clone, Copy)]
pub(super) struct Application {
    pub(super) name: &'static str,
    pub(super) user: &'static str,
    pub(super) arrivals: Arrivals,
    pub(super) work: Work,
}

/// What advice is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// A larger pool, with a prediction.
    Enlarge,
    /// A larger pool; what would come is hidden by a full pool, so that a bound without a prediction is right too.
    Bound,
    /// No larger pool: it would not help.
    Stay,
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) mode: &'static str,
    pub(super) pool: u32,
    pub(super) applications: &'static [Application],
    pub(super) right: Right,
}

const fn app(arrivals: Arrivals, work: Work) -> Application {
    Application { name: "web", user: "app", arrivals, work }
}

const fn load(name: &'static str, says: &'static str, pool: u32, applications: &'static [Application], right: Right) -> Load {
    Load { name, says, mode: "transaction", pool, applications, right }
}

/// All of them.
pub(super) const LOADS: &[Load] = &[
    load("open-fixed", "170/s Poisson, each 20 ms", 4, &[app(Arrivals::Open(170.0), Work::Fixed(20.0))], Right::Enlarge),
    load(
        "open-exponential",
        "170/s Poisson, 20 ms exponential",
        4,
        &[app(Arrivals::Open(170.0), Work::Exponential(20.0))],
        Right::Enlarge,
    ),
    load("open-short", "460/s Poisson, each 5 ms", 3, &[app(Arrivals::Open(460.0), Work::Fixed(5.0))], Right::Enlarge),
    load("open-long", "20/s Poisson, each 150 ms", 4, &[app(Arrivals::Open(20.0), Work::Fixed(150.0))], Right::Enlarge),
    load(
        "mixed",
        "220/s Poisson, 90% 5 ms and 10% 100 ms",
        5,
        &[app(Arrivals::Open(220.0), Work::Two(5.0, 100.0, 0.1))],
        Right::Enlarge,
    ),
    load(
        "bursty",
        "16 bunches of 8 a second, each 20 ms",
        4,
        &[app(Arrivals::Bunches(8, 16.0), Work::Fixed(20.0))],
        Right::Enlarge,
    ),
    load(
        "closed-few",
        "8 clients, pause 20 ms, 20 ms exponential",
        4,
        &[app(Arrivals::Closed(8, 20.0), Work::Exponential(20.0))],
        Right::Enlarge,
    ),
    load(
        "closed-many",
        "40 clients, pause 195 ms, each 20 ms",
        4,
        &[app(Arrivals::Closed(40, 195.0), Work::Fixed(20.0))],
        Right::Enlarge,
    ),
    load(
        "closed-greedy",
        "10 clients without a pause, each 20 ms",
        4,
        &[app(Arrivals::Closed(10, 0.0), Work::Fixed(20.0))],
        Right::Bound,
    ),
    load(
        "overload",
        "280/s Poisson, each 20 ms: more than fit",
        4,
        &[app(Arrivals::Open(280.0), Work::Fixed(20.0))],
        Right::Bound,
    ),
    load(
        "cpu-closed",
        "12 clients without a pause, 10 ms of a processor",
        4,
        &[app(Arrivals::Closed(12, 0.0), Work::Computes(10.0))],
        Right::Stay,
    ),
    load("cpu-open", "110/s Poisson, 10 ms of a processor", 2, &[app(Arrivals::Open(110.0), Work::Computes(10.0))], Right::Stay),
    load(
        "shared-in-part",
        "70/s and 170/s Poisson, 12 ms alone, a fifth longer for each other at work",
        4,
        &[app(Arrivals::Waves(70.0, 170.0, 7.5), Work::Shares(12.0, 0.2))],
        Right::Enlarge,
    ),
    load(
        "shared-all",
        "45/s and 100/s Poisson, 8 ms alone, as much longer for each other at work",
        4,
        &[app(Arrivals::Waves(45.0, 100.0, 7.5), Work::Shares(8.0, 1.0))],
        Right::Stay,
    ),
    load(
        "locks",
        "12 clients, pause 20 ms, 10 ms with one row's lock",
        4,
        &[app(Arrivals::Closed(12, 20.0), Work::Locks(10.0))],
        Right::Stay,
    ),
    load(
        "two-applications",
        "one user: 150/s each 5 ms, and 12/s each 200 ms",
        4,
        &[
            Application { name: "web", user: "app", arrivals: Arrivals::Open(150.0), work: Work::Fixed(5.0) },
            Application { name: "reports", user: "app", arrivals: Arrivals::Open(12.0), work: Work::Fixed(200.0) },
        ],
        Right::Enlarge,
    ),
    load(
        "two-users",
        "a pool each: 165/s each 20 ms, and 20/s each 20 ms",
        4,
        &[
            Application { name: "web", user: "app", arrivals: Arrivals::Open(165.0), work: Work::Fixed(20.0) },
            Application { name: "jobs", user: "jobs", arrivals: Arrivals::Open(20.0), work: Work::Fixed(20.0) },
        ],
        Right::Enlarge,
    ),
    Load {
        name: "session",
        says: "session mode: 12 clients, pause 150 ms, 3 statements of 20 ms per connection",
        mode: "session",
        pool: 4,
        applications: &[app(Arrivals::Sessions(12, 150.0, 3), Work::Fixed(20.0))],
        right: Right::Enlarge,
    },
];
