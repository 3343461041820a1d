//! The timer around the adviser: it looks at the newest picture and publishes what it finds.

use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use arc_swap::ArcSwap;

use super::{Settings, adviser::Adviser};
use crate::{
    clock,
    model::{advice::Advice, world::World},
};

/// From now on it looks so often, and so far back.
#[derive(Debug, Clone, Copy)]
pub struct Follow(pub Settings);

impl Message for Follow {
    type Result = ();
}

/// See the module.
pub struct Counsel {
    world: Arc<ArcSwap<World>>,
    advice: Arc<ArcSwap<Advice>>,
    adviser: Adviser,
}

impl Counsel {
    /// One that looks at this world and publishes there.
    pub fn new(world: Arc<ArcSwap<World>>, advice: Arc<ArcSwap<Advice>>, settings: Settings) -> Self {
        Self { world, advice, adviser: Adviser::new(settings) }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.adviser.settings().every, Self::look);
        let (now, world) = (clock::now(), self.world.load_full());
        // Advice about a picture that nobody keeps would be about yesterday.
        let advice = if world.is_kept(now) { self.adviser.step(now, clock::wall(), &world) } else { Advice::default() };
        self.advice.store(Arc::new(advice));
    }
}

impl Actor for Counsel {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Follow> for Counsel {
    type Result = ();

    fn handle(&mut self, Follow(settings): Follow, _: &mut Self::Context) {
        self.adviser.change(settings);
    }
}
