//! Targets that nobody wrote down: databases that come and go, members of a cluster, whichever of several hosts is the right one.

mod databases;
mod hosts;
mod pair;
mod patroni;
