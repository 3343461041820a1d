//! Every kind in every version there and back, what is damaged or hostile is refused, and the bytes as files.

mod arbitrary;
mod golden;
mod hostile;
mod trips;

use std::sync::Arc;

use crate::{
    bus::message::{Message, Sender},
    model::{Outcome, Report, TargetId, cluster::Asked},
};
use arbitrary::Arbitrary;

fn sender() -> Sender {
    Sender { region: "eu-west-1".into(), node: "eu-1".into(), boot: 0x0102_0304_0506_0708, sequence: 41 }
}

/// One message of each kind, made up.
fn messages(of: &mut Arbitrary) -> Vec<Message> {
    vec![
        Message::Beat { reads: 2, roster: of.any() },
        Message::Reports(sayable(of.any())),
        Message::Figures(of.any()),
        Message::Removed(of.any()),
        Message::Views(of.any()),
        Message::News { items: of.news(), silences: of.any(), unreadable: 0 },
        Message::Ask { id: of.any(), to: of.any(), command: of.any() },
        Message::Reply { to: of.any(), id: of.any(), answer: of.any() },
        Message::Vitals(of.any()),
    ]
}

/// Of a pooler nobody knows whether it is up without knowing why, and one that is not up has something wrong with it.
fn sayable(mut reports: Vec<Report>) -> Vec<Report> {
    for report in &mut reports {
        for pooler in &mut Arc::make_mut(&mut report.sample).poolers {
            if pooler.up.is_none() || matches!((pooler.up, pooler.outcome), (_, None) | (Some(false), Some(Outcome::Ok))) {
                (pooler.up, pooler.outcome) = (None, None);
            }
        }
    }
    reports
}

fn asked(target: &str) -> Message {
    let command = crate::model::cluster::Command::Deliver(target.to_owned());
    Message::Ask { id: 7, to: Asked::Leader("eu-west-1".into()), command }
}

fn removed(target: &str) -> Message {
    Message::Removed(vec![TargetId::new("eu-west-1", target)])
}

/// What a message says, to compare: reports have no equality.
fn told(message: &Message) -> String {
    format!("{message:?}")
}

fn reports(message: Message) -> Vec<Report> {
    match message {
        Message::Reports(reports) => reports,
        other => panic!("no reports: {other:?}"),
    }
}
