//! An alert actor among others: what joins it to the region's other nodes, and their mail.

use std::sync::{Arc, atomic::AtomicU64};

use actix::{Context, Handler, Message, Recipient, ResponseFuture};

use super::{AlertActor, library::Library};
use crate::model::{
    RegionName,
    alert::AlertRefusal,
    cluster::{AlertNews, Answer, Ask, Command, Keeper, Membership, Replica},
};

/// What joins the alert actor of one region to those of the other nodes.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The region whose alerts it tells.
    pub home: RegionName,
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

impl Handler<Route> for AlertActor {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, _route: Route, _: &mut Context<Self>) -> Self::Result {
        Box::pin(std::future::ready(Err(AlertRefusal::Invalid("not yet".to_owned()))))
    }
}

impl Handler<Ask> for AlertActor {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, _ask: Ask, _: &mut Context<Self>) -> Self::Result {
        Box::pin(std::future::ready(Err(AlertRefusal::Invalid("not yet".to_owned()))))
    }
}

impl Handler<Membership> for AlertActor {
    type Result = ();

    fn handle(&mut self, _membership: Membership, _: &mut Context<Self>) {}
}

impl Handler<Replica> for AlertActor {
    type Result = ();

    fn handle(&mut self, _replica: Replica, _: &mut Context<Self>) {}
}
