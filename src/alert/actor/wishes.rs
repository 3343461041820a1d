//! What people and providers ask of the alert stage. A wish is answered after what came of it is on disk.

use std::{collections::BTreeSet, sync::Arc};

use actix::{AsyncContext, Context, Handler, Message, ResponseFuture};

use super::{AlertActor, calls::make};
use crate::{
    alert::{
        Now,
        channels::{self, CallbackAction, Failure, Parcel, Shared},
        order::{Lane, Order},
        outbox::Ended,
    },
    clock,
    model::{
        AlertType, Evidence, Rule, Severity,
        alert::{
            Acknowledge, Alert, AlertEvent, AlertMetrics, AlertRefusal, AlertState, Callback, Chart, EndSilence, NewSilence,
            Silence, TestChannel,
        },
    },
};

/// A test message went through to these.
struct Works(Vec<Lane>);

impl Message for Works {
    type Result = ();
}

/// What providers get for an answer.
pub(super) const TAKEN: &str = "{}";

impl Handler<Acknowledge> for AlertActor {
    type Result = Result<Arc<Alert>, AlertRefusal>;

    fn handle(&mut self, command: Acknowledge, ctx: &mut Context<Self>) -> Self::Result {
        let taken = self.desk.acknowledge(self.now(), &command)?;
        self.turn(ctx);
        self.publish_at_once(self.now());
        Ok(self.pages.alert(&command.id).unwrap_or(taken))
    }
}

impl Handler<NewSilence> for AlertActor {
    type Result = Result<Silence, AlertRefusal>;

    fn handle(&mut self, command: NewSilence, ctx: &mut Context<Self>) -> Self::Result {
        let made = self.desk.silence(self.now(), &command)?;
        self.turn(ctx);
        self.publish_at_once(self.now());
        Ok(made)
    }
}

impl Handler<EndSilence> for AlertActor {
    type Result = Result<(), AlertRefusal>;

    fn handle(&mut self, command: EndSilence, ctx: &mut Context<Self>) -> Self::Result {
        self.desk.end_silence(self.now(), &command.0)?;
        self.turn(ctx);
        self.publish_at_once(self.now());
        Ok(())
    }
}

impl Handler<Callback> for AlertActor {
    type Result = Result<String, AlertRefusal>;

    fn handle(&mut self, callback: Callback, ctx: &mut Context<Self>) -> Self::Result {
        match channels::callback(&self.settings.channels, &callback, clock::wall())? {
            CallbackAction::Acknowledge { id, by } => {
                self.desk.acknowledge(self.now(), &Acknowledge { id, by, note: None })?;
            }
            CallbackAction::Delivered { message_id, failed } => {
                let now = self.now();
                self.carrier.outbox.confirmed(&message_id, failed.as_deref(), now);
            }
            CallbackAction::Nothing => {}
        }
        self.turn(ctx);
        self.publish_at_once(self.now());
        Ok(TAKEN.to_owned())
    }
}

impl Handler<TestChannel> for AlertActor {
    type Result = ResponseFuture<Result<String, AlertRefusal>>;

    fn handle(&mut self, command: TestChannel, ctx: &mut Context<Self>) -> Self::Result {
        let Some(channel) = self.carrier.channels().get(&command.0).cloned() else {
            let known: Vec<&str> = self.carrier.channels().keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "none is configured".to_owned() } else { format!("there are {}", known.join(", ")) };
            let refusal = AlertRefusal::NotFound(format!("no channel `{}`: {known}", command.0));
            return Box::pin(std::future::ready(Err(refusal)));
        };
        let (now, io, mail) = (self.now(), self.links.io.clone(), ctx.address());
        Box::pin(async move {
            let (works, said) = test(&command.0, channel, now, &io).await;
            mail.do_send(Works(works));
            said
        })
    }
}

impl Handler<Works> for AlertActor {
    type Result = ();

    fn handle(&mut self, works: Works, ctx: &mut Context<Self>) {
        works.0.iter().for_each(|lane| self.carrier.outbox.works(lane));
        self.turn(ctx);
    }
}

/// Sends one message to each address of the channel, and tells which took it and what the provider said.
async fn test(name: &str, channel: Shared, now: Now, io: &tokio::runtime::Handle) -> (Vec<Lane>, Result<String, AlertRefusal>) {
    let addresses: BTreeSet<Option<String>> = channel.recipients().into_iter().map(Some).collect();
    let addresses = if addresses.is_empty() { BTreeSet::from([None]) } else { addresses };
    let calls = addresses.into_iter().map(|recipient| {
        let (channel, parcel) = (Arc::clone(&channel), Arc::new(test_parcel(name, recipient, now)));
        async move { (parcel.order.lane.clone(), make(channel, parcel, io).await) }
    });
    let (mut works, mut said, mut failed) = (Vec::new(), Vec::new(), false);
    for (lane, ended) in futures_util::future::join_all(calls).await {
        let answer = match ended {
            Ended::Answered(Ok(receipt)) => {
                works.push(lane.clone());
                receipt.answer
            }
            Ended::Answered(Err(Failure::Permanent(why) | Failure::Doubt { why } | Failure::Retry { why, .. }))
            | Ended::Unknown(why) => {
                failed = true;
                why
            }
        };
        tracing::info!(channel = name, event = "test", failed, answer, "test message");
        said.push(lane.recipient.map_or_else(|| answer.clone(), |recipient| format!("{recipient}: {answer}")));
    }
    let said = said.join("; ");
    (works, if failed { Err(AlertRefusal::Invalid(said)) } else { Ok(said) })
}

/// What a test says: a plausible alert that nobody can take for a real one.
fn test_parcel(channel: &str, recipient: Option<String>, now: Now) -> Parcel {
    let id = format!("test-{:x}", now.wall.unix_ms());
    let points = (0..30).map(|second| (now.wall.unix_ms() - (30 - second) * 1_000, Some(40.0 + (second * second) as f64 / 15.0)));
    let alert = Alert {
        id: id.clone(),
        kind: AlertType::ConnectionPool,
        severity: Severity::Low,
        message: "This is a test: nothing is wrong, and nothing needs to be done".to_owned(),
        metrics: AlertMetrics::default(),
        timestamp: now.wall,
        resolved: false,
        rule: Rule::PoolSaturated,
        fingerprint: "test".to_owned(),
        region: "test-region".into(),
        target: Some("test-target".into()),
        server: None,
        state: AlertState::Firing,
        started_at: now.wall,
        resolved_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        acknowledged_until: None,
        value: Some(0.97),
        threshold: Some(0.8),
        evidence: Evidence::default(),
        suppressed_by: None,
        affects: vec!["test-target".into()],
        flaps: 0,
        flapping: false,
        deliveries: Vec::new(),
        runbook: String::new(),
        dashboard: None,
        chart: Chart { figure: "utilization".to_owned(), unit: "%".to_owned(), points: points.collect() },
    };
    let order = Order {
        lane: Lane { about: id, channel: channel.to_owned(), recipient },
        event: AlertEvent::Test,
        level: String::new(),
        severity: Severity::Low,
        due: now.steady,
        decided: now.steady,
        alerts: vec![Arc::new(alert)],
        notes: vec!["This is a test message.".to_owned()],
    };
    let key = order.key();
    Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now: now.wall }
}
