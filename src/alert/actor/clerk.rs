//! The clerk of a clustered node: takes what people and providers ask of any region's alerts, and gives it to that region's leader, wherever
//! it runs. To the web it looks like an alert actor.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use actix::{Actor, Addr, Context, Handler, Message, Recipient, ResponseFuture};

use super::{AlertActor, cluster::Route, library::Library};
use crate::{
    alert::{
        channels::{self, CallbackAction},
        settings::ChannelSettings,
        silence,
    },
    clock,
    model::{
        RegionName,
        alert::{Acknowledge, Alert, AlertRefusal, Callback, EndSilence, NewSilence, Silence, TestChannel},
        cluster::{Answer, Ask, Asked, Command},
    },
};

/// Whom the clerk knows. Sent again as mail when an alert actor was started anew, or the settings changed.
#[derive(Debug, Clone)]
pub struct Desks {
    /// This node's alert actors by region.
    pub homes: BTreeMap<RegionName, Addr<AlertActor>>,
    /// All regions, those of this node among them.
    pub regions: Vec<RegionName>,
    /// To the leaders of other regions: the bus.
    pub ask: Recipient<Ask>,
    /// The settings of the channels, whose secrets verify a provider's call.
    pub channels: Vec<ChannelSettings>,
}

impl Message for Desks {
    type Result = ();
}

/// See the module. Its mail: [`Acknowledge`], [`NewSilence`], [`EndSilence`], [`TestChannel`], [`Callback`], [`Desks`].
pub struct Clerk {
    desks: Desks,
    library: Library,
}

type Answered<T> = ResponseFuture<Result<T, AlertRefusal>>;

impl Clerk {
    /// Who knows these.
    pub fn new(desks: Desks, library: Library) -> Self {
        Self { desks, library }
    }
}

impl Desks {
    /// Asks a region's leader: through this node's own actor of it, which knows whether it leads, or through the bus.
    fn ask(&self, region: &RegionName, command: Command) -> Answered<Answer> {
        let gone = || AlertRefusal::Invalid("the alert desk has just ended; try again soon".to_owned());
        if let Some(home) = self.homes.get(region) {
            let answer = home.send(Route(command));
            return Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) });
        }
        let answer = self.ask.send(Ask { to: Asked::Leader(region.clone()), command });
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) })
    }

    /// Asks several; all answers with who gave them.
    fn ask_all(
        &self,
        regions: Vec<RegionName>,
        command: &Command,
    ) -> impl Future<Output = Vec<(RegionName, Result<Answer, AlertRefusal>)>> + use<> {
        let asked = regions.into_iter().map(|region| {
            let answer = self.ask(&region, command.clone());
            async move { (region, answer.await) }
        });
        futures_util::future::join_all(asked.collect::<Vec<_>>())
    }
}

impl Actor for Clerk {
    type Context = Context<Self>;
}

impl Handler<Desks> for Clerk {
    type Result = ();

    fn handle(&mut self, desks: Desks, _: &mut Self::Context) {
        self.desks = desks;
    }
}

impl Handler<Acknowledge> for Clerk {
    type Result = Answered<Arc<Alert>>;

    fn handle(&mut self, command: Acknowledge, _: &mut Self::Context) -> Self::Result {
        let Some(region) = self.library.region_of(&command.id) else {
            return Box::pin(std::future::ready(Err(AlertRefusal::NotFound(format!("no alert `{}`", command.id)))));
        };
        let answer = self.desks.ask(&region, Command::Acknowledge(command));
        Box::pin(async move {
            match answer.await? {
                Answer::Alert(alert) => Ok(alert),
                Answer::Refused(refusal) => Err(refusal),
                _ => Err(astray()),
            }
        })
    }
}

impl Handler<NewSilence> for Clerk {
    type Result = Answered<Silence>;

    fn handle(&mut self, mut command: NewSilence, _: &mut Self::Context) -> Self::Result {
        // From the same moment everywhere, and so with the same id where the clocks agree.
        command.starts_at = command.starts_at.or_else(|| Some(clock::wall()));
        let matchers = command.matchers.clone();
        // Others need it too, since they tell of this region when nobody sees it; but they may be away.
        let answers = self.desks.ask_all(self.desks.regions.clone(), &Command::Silence(command));
        Box::pin(async move {
            let (mut made, mut refused) = (None, Vec::new());
            for (region, answer) in answers.await {
                match answer {
                    Ok(Answer::Silence(silence)) => made = made.or(Some(silence)),
                    Ok(Answer::Refused(refusal)) | Err(refusal) => refused.push((region, refusal)),
                    Ok(_) => refused.push((region, astray())),
                }
            }
            if made.is_some() {
                refused.retain(|(region, _)| silence::concerns(&matchers, region));
            }
            match (made, refused.as_slice()) {
                (Some(silence), []) => Ok(silence),
                (None, [(_, refusal), ..]) => Err(refusal.clone()),
                (Some(silence), _) => Err(partly(&format!("silence `{}` was made", silence.id), &refused)),
                (None, []) => Err(astray()),
            }
        })
    }
}

impl Handler<EndSilence> for Clerk {
    type Result = Answered<()>;

    fn handle(&mut self, command: EndSilence, _: &mut Self::Context) -> Self::Result {
        let answers = self.desks.ask_all(self.desks.regions.clone(), &Command::EndSilence(command.clone()));
        Box::pin(async move {
            let (mut ended, mut missing, mut refused) = (false, None, Vec::new());
            for (region, answer) in answers.await {
                match answer {
                    Ok(Answer::Refused(refusal @ AlertRefusal::NotFound(_))) | Err(refusal @ AlertRefusal::NotFound(_)) => {
                        missing = Some(refusal);
                    }
                    Ok(Answer::Refused(refusal)) | Err(refusal) => refused.push((region, refusal)),
                    Ok(_) => ended = true,
                }
            }
            match (ended, refused.as_slice(), missing) {
                (true, [], _) => Ok(()),
                (true, _, _) => Err(partly(&format!("silence `{}` was ended", command.0), &refused)),
                (false, [(_, refusal), ..], _) => Err(refusal.clone()),
                (false, [], missing) => Err(missing.unwrap_or_else(astray)),
            }
        })
    }
}

impl Handler<TestChannel> for Clerk {
    type Result = Answered<String>;

    fn handle(&mut self, command: TestChannel, _: &mut Self::Context) -> Self::Result {
        let Some(home) = self.desks.homes.values().next() else {
            return Box::pin(std::future::ready(Err(astray())));
        };
        let answer = home.send(command);
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(astray())) })
    }
}

impl Handler<Callback> for Clerk {
    type Result = Answered<String>;

    /// Its signature is verified here, and again by the leader, whose settings decide.
    fn handle(&mut self, callback: Callback, _: &mut Self::Context) -> Self::Result {
        let refuse = |refusal| -> Self::Result { Box::pin(std::future::ready(Err(refusal))) };
        let action = match channels::callback(&self.desks.channels, &callback, clock::wall()) {
            Ok(action) => action,
            Err(refusal) => return refuse(refusal),
        };
        let regions = match &action {
            CallbackAction::Nothing => return Box::pin(std::future::ready(Ok(super::wishes::TAKEN.to_owned()))),
            CallbackAction::Acknowledge { id, .. } => match self.library.region_of(id) {
                Some(region) => vec![region],
                None => return refuse(AlertRefusal::NotFound(format!("no alert `{id}`"))),
            },
            // Whose message it was only its leader knows; to the others it says nothing.
            CallbackAction::Delivered { .. } => self.desks.regions.clone(),
        };
        let answers = self.desks.ask_all(regions, &Command::Callback(callback));
        Box::pin(async move {
            let mut refusal = astray();
            for (_, answer) in answers.await {
                match answer {
                    Ok(Answer::Text(said)) => return Ok(said),
                    Ok(Answer::Refused(why)) | Err(why) => refusal = why,
                    Ok(_) => {}
                }
            }
            Err(refusal)
        })
    }
}

fn astray() -> AlertRefusal {
    AlertRefusal::Invalid("nobody could answer; try again soon".to_owned())
}

/// Done in some regions only: whoever asked must know where not.
fn partly(done: &str, refused: &[(RegionName, AlertRefusal)]) -> AlertRefusal {
    let refused: Vec<String> = refused.iter().map(|(region, why)| format!("{region}: {why}")).collect();
    AlertRefusal::Invalid(format!("{done}, but not everywhere: {}", refused.join("; ")))
}
