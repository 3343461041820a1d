//! An alert actor among others: what joins it to the region's other nodes, and their mail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{AsyncContext, Context, Handler, Message, Recipient, ResponseFuture, WrapFuture};
use tokio::sync::oneshot;

use super::{
    AlertActor,
    calls::make,
    library::Library,
    seat::{Seat, Stage},
    wishes::TAKEN,
};
use crate::{
    alert::{
        channels::{Failure, Parcel},
        outbox::Ended,
        turn::{self, Turn},
    },
    clock,
    model::{
        NodeName, RegionName,
        alert::{Acknowledge, AlertRefusal, Callback, EndSilence, NewSilence},
        cluster::{AlertNews, Answer, Ask, Asked, Command, Item, Keeper, Membership, Replica},
    },
};

type Answered = ResponseFuture<Result<Answer, AlertRefusal>>;
/// What is wished, and who waits for the answer.
pub(super) type Wish = (Command, oneshot::Sender<Result<Answer, AlertRefusal>>);

/// As long as people wait for the answer of a node elsewhere; a new leader gathers for three seconds at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// What joins the alert actor of one region to those of the other nodes.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The region whose alerts it tells.
    pub home: RegionName,
    /// This node: calls of several are told apart by it.
    pub node: NodeName,
    /// Who keeps the region's shelves.
    pub keeper: Arc<dyn Keeper>,
    /// To the bus: what a leader tells of its alerts.
    pub news: Recipient<AlertNews>,
    /// To the bus: what other nodes are asked.
    pub ask: Recipient<Ask>,
    /// The book of this node.
    pub library: Library,
    /// The version of the shelves on this node's own disk.
    pub version: Arc<AtomicU64>,
}

/// A wish for whoever leads the region of this actor, from this node: done here, or given to the leader.
#[derive(Debug)]
pub(super) struct Route(pub(super) Command);

impl Message for Route {
    type Result = Result<Answer, AlertRefusal>;
}

impl AlertActor {
    /// Does what is asked of the leader.
    fn wish(&mut self, command: Command, ctx: &mut Context<Self>) -> Result<Answer, AlertRefusal> {
        match command {
            Command::Acknowledge(command) => Handler::<Acknowledge>::handle(self, command, ctx).map(Answer::Alert),
            Command::Silence(command) => Handler::<NewSilence>::handle(self, command, ctx).map(Answer::Silence),
            Command::EndSilence(command) => {
                Handler::<EndSilence>::handle(self, command, ctx).map(|()| Answer::Text(TAKEN.to_owned()))
            }
            Command::Callback(command) => Handler::<Callback>::handle(self, command, ctx).map(Answer::Text),
            Command::Merge(_) | Command::Deliver(_) | Command::Applications(_) => {
                Err(AlertRefusal::Invalid("that is no wish".to_owned()))
            }
        }
    }

    /// The same, answered when what came of it is on the region's shelves.
    fn wish_kept(&mut self, command: Command, ctx: &mut Context<Self>) -> Answered {
        let answer = self.wish(command, ctx);
        let awaited = self.seat.as_mut().filter(|_| answer.is_ok()).and_then(|seat| {
            let ledger = seat.ledger()?;
            let version = ledger.awaited()?;
            let (done, awaited) = oneshot::channel();
            seat.waiting.push((version, done));
            Some(awaited)
        });
        Box::pin(async move {
            if let Some(awaited) = awaited {
                awaited.await.map_err(|_| between())?;
            }
            answer
        })
    }

    /// The same, once this node leads: it has the lease, and does not know enough yet.
    fn wish_later(&mut self, command: Command) -> Answered {
        let (done, answered) = oneshot::channel();
        if let Some(seat) = &mut self.seat {
            seat.wishes.push((command, done));
        }
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(answer) => answer.unwrap_or_else(|_| Err(not_leading())),
                Err(_) => Err(between()),
            }
        })
    }

    /// Does what was wished while it gathered; not for whoever waits no longer.
    pub(super) fn answer_wishes(&mut self, ctx: &mut Context<Self>) {
        let wishes = self.seat.as_mut().map(|seat| std::mem::take(&mut seat.wishes)).unwrap_or_default();
        for (command, who) in wishes.into_iter().filter(|(_, who)| !who.is_closed()) {
            let answer = self.wish_kept(command, ctx);
            let told = async move {
                let _ = who.send(answer.await);
            };
            ctx.spawn(told.into_actor(self));
        }
    }

    /// Takes in what another node did while it was apart. Answered when that is on the shelves: until then the other one must not forget it.
    fn merge(&mut self, items: &[Item], ctx: &mut Context<Self>) -> Answered {
        let now = self.now();
        let Some(seat) = self.seat.as_mut().filter(|seat| matches!(seat.stage, Stage::Lead(_) | Stage::Gather(_))) else {
            return Box::pin(std::future::ready(Err(not_leading())));
        };
        let (turn, unreadable) = Turn::read(items, now);
        if unreadable > 0 {
            tracing::error!(region = %seat.cluster.home, unreadable, "items of another node cannot be read and are left out");
        }
        seat.heard.extend(turn::signed(items));
        let awaited = (!turn.is_empty()).then(|| {
            let (done, awaited) = oneshot::channel();
            seat.merges.push(turn);
            seat.merging.push(done);
            awaited
        });
        self.attend(ctx);
        Box::pin(async move {
            if let Some(awaited) = awaited {
                awaited.await.map_err(|_| between())?;
            }
            Ok(Answer::Text(TAKEN.to_owned()))
        })
    }

    /// Makes a call in the leader's place.
    fn deliver(&self, parcel: &str) -> Answered {
        // No call was made, and whoever asked must know that.
        let refuse = |why: &str| -> Answered {
            let ended = Ended::Answered(Err(Failure::Retry { why: why.to_owned(), after: None }));
            Box::pin(std::future::ready(Ok(Answer::Text(serde_json::to_string(&ended).unwrap_or_default()))))
        };
        let Ok(parcel) = serde_json::from_str::<Parcel>(parcel) else { return refuse("another node cannot read it") };
        let Some(channel) = self.carrier.channels().get(&parcel.order.lane.channel).cloned() else {
            return refuse("another node does not have the channel");
        };
        let io = self.links.io.clone();
        Box::pin(async move {
            let ended = make(channel, Arc::new(parcel), &io).await;
            serde_json::to_string(&ended).map(Answer::Text).map_err(|error| AlertRefusal::Invalid(error.to_string()))
        })
    }
}

impl Handler<Route> for AlertActor {
    type Result = Answered;

    fn handle(&mut self, route: Route, ctx: &mut Context<Self>) -> Self::Result {
        let Some(seat) = &self.seat else {
            let answer = self.wish(route.0, ctx);
            return Box::pin(std::future::ready(answer));
        };
        match &seat.stage {
            Stage::Lead(_) => self.wish_kept(route.0, ctx),
            // Whoever takes an alert is heard everywhere; a silence that one node knows is none.
            Stage::Apart if matches!(route.0, Command::Acknowledge(_) | Command::Callback(_)) => {
                let answer = self.wish(route.0, ctx);
                Box::pin(std::future::ready(answer))
            }
            Stage::Apart => Box::pin(std::future::ready(Err(AlertRefusal::Invalid(format!(
                "the Redis of region {} does not answer; try again when it does",
                seat.cluster.home
            ))))),
            Stage::Gather(_) => self.wish_later(route.0),
            Stage::Follow => {
                let ask = Ask { to: Asked::Leader(seat.cluster.home.clone()), command: route.0 };
                let answer = seat.cluster.ask.send(ask);
                Box::pin(async move { answer.await.unwrap_or_else(|_| Err(between())) })
            }
        }
    }
}

impl Handler<Ask> for AlertActor {
    type Result = Answered;

    fn handle(&mut self, ask: Ask, ctx: &mut Context<Self>) -> Self::Result {
        match ask.command {
            Command::Deliver(parcel) => self.deliver(&parcel),
            Command::Merge(items) => self.merge(&items, ctx),
            command if self.seat.as_ref().is_some_and(Seat::leads) => self.wish_kept(command, ctx),
            command if self.seat.as_ref().is_some_and(|seat| matches!(seat.stage, Stage::Gather(_))) => self.wish_later(command),
            _ => Box::pin(std::future::ready(Err(not_leading()))),
        }
    }
}

impl Handler<Membership> for AlertActor {
    type Result = ();

    fn handle(&mut self, membership: Membership, ctx: &mut Context<Self>) {
        if let Some(seat) = self.seat.as_mut().filter(|seat| seat.cluster.home == membership.region) {
            seat.hear(membership, clock::now());
            self.attend(ctx);
        }
    }
}

impl Handler<Replica> for AlertActor {
    type Result = ();

    fn handle(&mut self, replica: Replica, _: &mut Context<Self>) {
        let now = self.now();
        let Some(seat) = self.seat.as_mut().filter(|seat| matches!(seat.stage, Stage::Follow)) else { return };
        let commit = replica.commit;
        if commit.version <= seat.version || replica.region != seat.cluster.home {
            return;
        }
        if !commit.anew && commit.base != seat.version {
            // Something was missed.
            (seat.is_stale, seat.load_next) = (true, None);
            return;
        }
        let (turn, unreadable) = Turn::read(&commit.items, now);
        if unreadable > 0 {
            tracing::error!(region = %seat.cluster.home, unreadable, "items of the leader cannot be read and are left out");
        }
        seat.version = commit.version;
        if commit.anew {
            (seat.copy, seat.is_stale) = (turn.copy(), false);
            self.carrier.write_copy(&seat.copy, seat.version, now);
        } else {
            self.carrier.follow(turn, &mut seat.copy, seat.version, now);
        }
        seat.cluster.version.store(seat.version, Ordering::Relaxed);
    }
}

fn not_leading() -> AlertRefusal {
    AlertRefusal::Invalid("this node does not lead the region's alerts; try again soon".to_owned())
}

fn between() -> AlertRefusal {
    AlertRefusal::Invalid(
        "another node has come to lead the region's alerts; look whether it was done before you try again".to_owned(),
    )
}
