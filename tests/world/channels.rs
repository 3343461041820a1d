//! The ways to people, each against a double of its provider: what arrives, what a refusal means, and that nothing secret is said.

mod alertmanager;
mod calls;
mod fixture;
mod golden;
mod outcomes;
mod pagerduty;
mod secrets;
mod slack;
mod webhook;
