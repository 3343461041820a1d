//! Doubles of the services that tell people: real servers on 127.0.0.1 that hold to their provider's documented rules and remember, in
//! order, everything they took. What they refused is not a message.
//!
//! Each has `start()`, addresses and secrets for the settings, `messages()`, `expect(n, within)` (all of them, and an extra one
//! fails), `stays(n, during)`, and `refuse_next(Refusal)`, once for each call that is to go wrong.

#![allow(dead_code, unused_imports)] // each test, and each bench, uses some of it

mod alertmanager;
mod collector;
mod console;
mod front;
mod heartbeat;
mod http;
mod log;
mod management;
mod pagerduty;
mod pages;
mod patroni;
mod qstash;
mod receiver;
mod slack;
mod tinybird;

pub(crate) use alertmanager::{Alertmanager, Posted};
pub(crate) use collector::Collector;
pub(crate) use console::Console;
pub(crate) use front::Front;
pub(crate) use heartbeat::Heartbeat;
pub(crate) use http::Refusal;
pub(crate) use management::Management;
pub(crate) use pagerduty::{Incident, Pagerduty};
pub(crate) use pages::{Lie, Pages};
pub(crate) use patroni::{Node as PatroniNode, Patroni};
pub(crate) use qstash::{Published, Qstash};
pub(crate) use receiver::{Received, Receiver};
pub(crate) use slack::{Call, Message, Slack};
pub(crate) use tinybird::{Mood, Tinybird};
