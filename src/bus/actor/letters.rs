//! Questions between nodes, and their answers. A question is written to the streams more than once while nobody answers, since the lease
//! may just be moving; whoever answers does it once, and gives the same answer again when it is asked again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    forwarder,
    room::{Room, lock},
};
use crate::{
    bus::{
        message::{Message, Sender},
        outbox::PATIENCE,
    },
    clock,
    model::{
        NodeName, RegionName,
        alert::AlertRefusal,
        cluster::{Answer, Ask, Asked, Command},
    },
};

type Answered = Result<Answer, AlertRefusal>;
/// Who asked, in which life, and the number it gave to the question.
type Number = (RegionName, NodeName, u64, u64);

/// How often a question is put while nobody answers.
const TIMES: u32 = 3;
/// For so long it is remembered which questions were taken, and what the answers were: longer than anybody asks.
const REMEMBER: Duration = Duration::from_secs(30);
/// A call to a provider takes up to 20 s there, and then its end must come back.
const CALL: Duration = Duration::from_secs(25);

/// See the module.
pub(super) struct Letters {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answered>>>,
    taken: Mutex<HashMap<Number, (Instant, Option<Answered>)>>,
}

impl Letters {
    pub(super) fn new(boot: u64) -> Self {
        // An actor that is started anew, or the next life of this node, must not take answers to the questions before.
        let first = boot.rotate_left(32) ^ clock::own().unix_ms().cast_unsigned();
        Self { next: AtomicU64::new(first), waiting: Mutex::default(), taken: Mutex::default() }
    }
}

/// Asks whoever is meant, this node itself among them.
pub(super) async fn ask(room: Arc<Room>, ask: Ask) -> Answered {
    let id = room.letters.next.fetch_add(1, Ordering::Relaxed);
    let (answer, mut answered) = oneshot::channel();
    lock(&room.letters.waiting).insert(id, answer);
    let (limit, asked) = (patience(&ask.command), clock::now());
    let mut outcome = None;
    for time in 1..=TIMES {
        if let Some(region) = mine(&room, &ask.to) {
            outcome = Some(local(&room, &region, ask.clone(), limit).await);
            break;
        }
        if let Some(home) = room.links.homes.first() {
            room.post(home, Message::Ask { id, to: ask.to.clone(), command: ask.command.clone() });
        }
        let wait =
            if time < TIMES { PATIENCE / TIMES } else { limit.saturating_sub(clock::now().saturating_duration_since(asked)) };
        if let Ok(Ok(answer)) = tokio::time::timeout(wait, &mut answered).await {
            outcome = Some(answer);
            break;
        }
    }
    lock(&room.letters.waiting).remove(&id);
    outcome.unwrap_or_else(|| Err(nobody(&ask.to, limit)))
}

/// Says something once that nobody answers.
pub(super) fn say(room: &Room, home: &RegionName, to: Asked, command: Command) {
    let id = room.letters.next.fetch_add(1, Ordering::Relaxed);
    room.post(home, Message::Ask { id, to, command });
}

/// How long the answer to a command may take.
const fn patience(command: &Command) -> Duration {
    if matches!(command, Command::Deliver(_)) { CALL } else { PATIENCE }
}

/// Takes a question or an answer from another node.
pub(super) fn receive(room: &Arc<Room>, from: Sender, letter: Message) {
    match letter {
        Message::Reply { to: (region, node), id, answer } if node == room.links.node && room.homes.contains_key(&region) => {
            if let Some(asked) = lock(&room.letters.waiting).remove(&id) {
                let _ = asked.send(answer);
            }
        }
        Message::Ask { to, command: Command::Applications(told), .. } if mine(room, &to).is_some() => forwarder::hear(room, told),
        Message::Ask { id, to, command } => {
            let Some(region) = mine(room, &to) else { return };
            // A region's own affair: others ask for what people ask for.
            let is_own = matches!(command, Command::Deliver(_) | Command::Merge(_));
            if is_own && from.region != region {
                return;
            }
            let (now, mut taken) = (clock::now(), lock(&room.letters.taken));
            taken.retain(|_, (at, _)| now.saturating_duration_since(*at) < REMEMBER);
            let number = (from.region.clone(), from.node.clone(), from.boot, id);
            if let Some((_, answer)) = taken.get(&number) {
                // The answer got lost, or is not there yet.
                if let Some(answer) = answer.clone() {
                    room.post(&region, Message::Reply { to: (from.region, from.node), id, answer });
                }
                return;
            }
            taken.insert(number.clone(), (now, None));
            drop(taken);
            let room = Arc::clone(room);
            room.links.io.clone().spawn(async move {
                let limit = patience(&command);
                let answer = local(&room, &region, Ask { to, command }, limit).await;
                if let Some((_, known)) = lock(&room.letters.taken).get_mut(&number) {
                    *known = Some(answer.clone());
                }
                room.post(&region, Message::Reply { to: (from.region, from.node), id, answer });
            });
        }
        _ => {}
    }
}

/// The home region whose alert actor is to answer; none when another node is meant.
fn mine(room: &Room, to: &Asked) -> Option<RegionName> {
    let region = match to {
        Asked::Leader(region) => room.leads(region).then_some(region),
        Asked::Node(region, node) => (*node == room.links.node && room.homes.contains_key(region)).then_some(region),
    };
    region.cloned()
}

/// The answer of this node's own alert actor.
async fn local(room: &Room, region: &RegionName, ask: Ask, limit: Duration) -> Answered {
    let not_ready = || AlertRefusal::Invalid(format!("the alert stage of region {region} does not answer; try again"));
    let doors = room.doors.load_full();
    let Some(door) = doors.asked.get(region) else { return Err(not_ready()) };
    match tokio::time::timeout(limit, door.send(ask)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(not_ready()),
    }
}

fn nobody(to: &Asked, limit: Duration) -> AlertRefusal {
    let seconds = limit.as_secs();
    AlertRefusal::Invalid(match to {
        Asked::Leader(region) => {
            format!("the leader of region {region} did not answer within {seconds} s; it may have been done")
        }
        Asked::Node(region, node) => {
            format!("node {node} of region {region} did not answer within {seconds} s; it may have been done")
        }
    })
}
