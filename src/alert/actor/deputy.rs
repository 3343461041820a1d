//! A deputy: another node of the region makes a call that did not get through from here. What cannot reach a provider may be this node's
//! own way out.

use std::time::Duration;

use actix::Recipient;

use super::{
    AlertActor,
    calls::{Call, Called, Of},
};
use crate::{
    alert::{
        channels::{Failure, Parcel},
        outbox::Ended,
    },
    model::cluster::{Answer, Ask, Asked, Command},
};

/// Longer than a call takes there, and the way there and back: after this nobody knows.
const LONGEST: Duration = Duration::from_secs(25);

/// What is longer is not sent through the bus, whose messages end at 4 MiB.
const MOST: usize = 2 << 20;

/// Who it is.
pub(super) struct Deputy {
    bus: Recipient<Ask>,
    to: Asked,
}

impl AlertActor {
    /// Who is to make this call, when it is not this node.
    pub(super) fn deputy(&mut self, call: &Call) -> Option<Deputy> {
        let Of::Row { attempt, .. } = call.of else { return None };
        let seat = self.seat.as_mut().filter(|seat| seat.leads())?;
        if !seat.elsewhere.remove(&call.parcel.key) {
            return None;
        }
        let others = seat.others();
        let node = others.get(attempt as usize % others.len().max(1))?.clone();
        Some(Deputy { bus: seat.cluster.ask.clone(), to: Asked::Node(seat.cluster.home.clone(), node) })
    }

    /// What did not get through from here may from elsewhere; and what did not there is tried here again.
    pub(super) fn learn(&mut self, called: &Called) {
        let Of::Row { .. } = called.of else { return };
        let Some(seat) = &mut self.seat else { return };
        let is_cut_off =
            matches!(&called.ended, Ended::Answered(Err(Failure::Retry { after: None, why })) if why.starts_with(NO_WAY));
        if is_cut_off && !called.by_deputy && !seat.others().is_empty() {
            seat.elsewhere.insert(called.key.clone());
        } else {
            seat.elsewhere.remove(&called.key);
        }
    }
}

/// What channels say when they found no way to the provider.
const NO_WAY: &str = "no connection";

impl Deputy {
    /// Has the call made.
    pub(super) async fn make(self, parcel: &Parcel) -> Ended {
        let Ok(text) = serde_json::to_string(parcel) else {
            return Ended::Answered(Err(Failure::Permanent("it cannot be written down for another node".to_owned())));
        };
        if text.len() > MOST {
            let why = "it is too long for another node to make the call".to_owned();
            return Ended::Answered(Err(Failure::Retry { why, after: None }));
        }
        let asked = self.bus.send(Ask { to: self.to, command: Command::Deliver(text) });
        match tokio::time::timeout(LONGEST, asked).await {
            Ok(Ok(Ok(Answer::Text(text)))) => {
                serde_json::from_str(&text).unwrap_or_else(|_| Ended::Unknown("another node's answer cannot be read".to_owned()))
            }
            Ok(Ok(Ok(Answer::Refused(refusal)) | Err(refusal))) => Ended::Unknown(format!("another node: {refusal}")),
            _ => Ended::Unknown("no answer from another node".to_owned()),
        }
    }
}
