//! World tests: the real binary watching real servers, one test binary for all of them. Each test starts its own throw-away
//! servers and kills them; nothing sleeps for a fixed time, everything waits for a condition with a deadline.

#![allow(clippy::disallowed_methods)] // these tests measure how long things really take

mod support;

mod faults;
mod smoke;
mod truth;
mod versions;
