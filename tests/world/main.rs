//! World tests: the real binary watching real servers, one test binary for all of them. Each test starts its own throw-away
//! servers and kills them; nothing sleeps for a fixed time, everything waits for a condition with a deadline.

#![allow(clippy::disallowed_methods)] // these tests measure how long things really take
#![allow(clippy::format_collect, clippy::format_push_string)] // and write files and SQL, where clarity beats an allocation

mod support;

mod advice;
mod alerts;
mod alerts_crash;
mod channels;
mod cli;
mod cluster;
mod consoles;
mod copies;
mod dashboard;
mod deployed;
mod discovery;
mod doubles;
mod email;
mod errors;
mod exporters;
mod faults;
mod freshness;
mod history;
mod hostile;
mod http;
mod management;
mod otlp;
mod pooled;
mod quiet;
mod recommendations;
mod replication;
mod report;
mod smoke;
mod stream;
mod supabase;
mod supavisor;
mod tinybird;
mod truth;
mod upkeep;
mod versions;
