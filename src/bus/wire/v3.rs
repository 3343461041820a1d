//! Version 3, where it differs from [`v2`](super::v2): it also carries slow signals. They come once in seconds and grow with every signal that
//! is read, so they are JSON in a frozen frame, with a default for every part that a reader or a writer does not know.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{MOST, Refusal, v1::Json, word::Word};
use crate::{
    bus::message::Message,
    model::{TargetName, vitals},
};

/// Slow signals of some targets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Vitals<'a>(#[serde(borrow)] Vec<TargetVitals<'a>>);

#[derive(Debug, Serialize, Deserialize)]
struct TargetVitals<'a> {
    target: &'a str,
    #[serde(borrow)]
    vitals: Json<'a>,
}

impl<'a> Vitals<'a> {
    pub(super) fn said(all: &'a [(TargetName, Arc<vitals::Vitals>)]) -> Option<Self> {
        let said = |(target, vitals): &'a (TargetName, Arc<vitals::Vitals>)| {
            Some(TargetVitals { target: Word::of(target), vitals: Json::of(vitals)? })
        };
        all.iter().map(said).collect::<Option<_>>().map(Self)
    }

    pub(super) fn heard(self) -> Result<Message, Refusal> {
        if self.0.len() > MOST {
            return Err(Refusal::Broken("a list that is too long"));
        }
        let heard = |of: TargetVitals<'_>| Ok((of.target.thaw()?, Arc::new(of.vitals.value()?)));
        Ok(Message::Vitals(self.0.into_iter().map(heard).collect::<Result<_, Refusal>>()?))
    }
}
