//! The receiver of webhooks that the world tests have.

#![allow(dead_code, unused_imports, clippy::format_push_string)] // the tests use more of it

#[path = "../tests/world/doubles/http.rs"]
mod http;
#[path = "../tests/world/doubles/log.rs"]
mod log;
#[path = "../tests/world/doubles/receiver.rs"]
mod receiver;

pub(crate) use receiver::Receiver;
