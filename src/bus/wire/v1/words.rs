//! News, questions and answers of version 1: a frozen frame around JSON that is a contract already.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    bus::{
        message::Message,
        wire::{MOST, Refusal, word::Word},
    },
    model::{
        NodeName, RegionName,
        alert::{AlertRefusal, Silence},
        cluster::{Answer, Asked, Command, NewsItem},
    },
};

/// JSON of a value; owned while it is written, borrowed when it was read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::bus::wire) struct Json<'a>(#[serde(borrow)] Cow<'a, str>);

impl Json<'_> {
    pub(in crate::bus::wire) fn of(value: &impl Serialize) -> Option<Self> {
        serde_json::to_string(value).ok().map(|json| Self(json.into()))
    }

    pub(in crate::bus::wire) fn value<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_str(&self.0).map_err(|_| Refusal::Broken("JSON that cannot be read"))
    }
}

/// What a region's leader tells.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bus::wire) struct News<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    silences: Option<Json<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item<'a> {
    event: &'a str,
    #[serde(borrow)]
    alert: Json<'a>,
    #[serde(borrow)]
    steps: Json<'a>,
}

impl<'a> News<'a> {
    pub(in crate::bus::wire) fn said(items: &'a [NewsItem], silences: Option<&[Silence]>) -> Option<Self> {
        let item = |of: &'a NewsItem| Some(Item { event: &of.event, alert: Json::of(&of.alert)?, steps: Json::of(&of.steps)? });
        let silences = match silences {
            Some(silences) => Some(Json::of(&silences)?),
            None => None,
        };
        Some(Self { items: items.iter().map(item).collect::<Option<_>>()?, silences })
    }

    /// What a newer node says in words that this one does not know is left out, and counted: the other alerts are news all the same.
    pub(in crate::bus::wire) fn heard(self) -> Result<Message, Refusal> {
        if self.items.len() > MOST {
            return Err(Refusal::Broken("a list that is too long"));
        }
        let item = |of: &Item| {
            let (alert, steps) = (Arc::new(of.alert.value().ok()?), Arc::new(of.steps.value().ok()?));
            Some(NewsItem { event: of.event.to_owned(), alert, steps })
        };
        let items: Vec<NewsItem> = self.items.iter().filter_map(item).collect();
        let silences = self.silences.as_ref().and_then(|silences| silences.value().ok());
        let unreadable = self.items.len() - items.len() + usize::from(self.silences.is_some() && silences.is_none());
        Ok(Message::News { items, silences, unreadable })
    }
}

/// A question; without a node it is for the region's leader.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bus::wire) struct Ask<'a> {
    id: u64,
    region: &'a str,
    node: Option<&'a str>,
    #[serde(borrow)]
    command: Json<'a>,
}

impl<'a> Ask<'a> {
    pub(in crate::bus::wire) fn said(id: u64, to: &'a Asked, command: &Command) -> Option<Self> {
        let (region, node) = match to {
            Asked::Leader(region) => (region, None),
            Asked::Node(region, node) => (region, Some(node.as_str())),
        };
        Some(Self { id, region: region.as_str(), node, command: Json::of(command)? })
    }

    pub(in crate::bus::wire) fn heard(self) -> Result<Message, Refusal> {
        let region = self.region.into();
        let to = match self.node {
            Some(node) => Asked::Node(region, node.into()),
            None => Asked::Leader(region),
        };
        Ok(Message::Ask { id: self.id, to, command: self.command.value()? })
    }
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bus::wire) struct Reply<'a> {
    region: &'a str,
    node: &'a str,
    id: u64,
    #[serde(borrow)]
    answer: Json<'a>,
}

impl<'a> Reply<'a> {
    pub(in crate::bus::wire) fn said(
        (region, node): &'a (RegionName, NodeName),
        id: u64,
        answer: &Result<Answer, AlertRefusal>,
    ) -> Option<Self> {
        Some(Self { region: Word::of(region), node: Word::of(node), id, answer: Json::of(answer)? })
    }

    pub(in crate::bus::wire) fn heard(self) -> Result<Message, Refusal> {
        Ok(Message::Reply { to: (self.region.thaw()?, self.node.thaw()?), id: self.id, answer: self.answer.value()? })
    }
}
