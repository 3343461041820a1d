//! The timer around the adviser: it looks at the newest picture and publishes what it finds.

use std::{sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use arc_swap::ArcSwap;

use super::{Settings, adviser::Adviser};
use crate::{
    clock,
    model::{advice::Advice, history::Notes, world::World},
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
    notes: Option<Arc<dyn Notes>>,
}

/// Under what name its memory is kept.
const NOTE: &str = "advice";

impl Counsel {
    /// One that looks at this world and publishes there; with notes it remembers over restarts what came of its advice.
    pub fn new(
        world: Arc<ArcSwap<World>>,
        advice: Arc<ArcSwap<Advice>>,
        settings: Settings,
        notes: Option<Arc<dyn Notes>>,
    ) -> Self {
        let kept = notes.as_ref().and_then(|notes| notes.read(NOTE));
        Self { world, advice, adviser: Adviser::new(settings, kept.as_deref()), notes }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.adviser.settings().every, Self::look);
        let (now, world) = (clock::now(), self.world.load_full());
        // Advice about a picture that nobody keeps would be about yesterday.
        let advice = if world.is_kept(now) { self.adviser.step(now, clock::wall(), &world) } else { Advice::default() };
        self.advice.store(Arc::new(advice));
        if let Some((notes, text)) = self.notes.as_ref().and_then(|notes| Some((notes, self.adviser.worth_keeping(now)?))) {
            notes.write(NOTE, text);
        }
    }
}

/// A mean of what works takes many looks; the picture is made anew more often than this.
const PEEK_EVERY: Duration = Duration::from_secs(1);

impl Actor for Counsel {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(PEEK_EVERY, |counsel, _| counsel.adviser.peek(&counsel.world.load()));
    }
}

impl Handler<Follow> for Counsel {
    type Result = ();

    fn handle(&mut self, Follow(settings): Follow, _: &mut Self::Context) {
        self.adviser.change(settings);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Mutex, PoisonError},
    };

    use super::*;

    /// Notes in memory.
    #[derive(Debug, Default)]
    struct Slip(Mutex<BTreeMap<String, String>>);

    impl Notes for Slip {
        fn read(&self, name: &str) -> Option<String> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
        }

        fn write(&self, name: &'static str, text: String) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), text);
        }
    }

    #[actix_web::test]
    async fn a_new_actor_goes_on_with_what_the_one_before_noted() {
        let (slip, past) = (Arc::new(Slip::default()), super::super::adviser::tests::noted());
        slip.write(NOTE, past.clone());
        let world = World::unseen([], clock::wall(), clock::now());
        let (world, advice) = (Arc::new(ArcSwap::from_pointee(world)), Arc::new(ArcSwap::from_pointee(Advice::default())));
        let settings = Settings { every: Duration::from_millis(5), ..Settings::default() };
        Counsel::new(world, Arc::clone(&advice), settings, Some(slip.clone())).start();
        let began = clock::now();
        while advice.load().past.is_empty() && clock::now() - began < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(advice.load().past.len(), 1);
        assert_eq!(slip.read(NOTE), Some(past), "and notes it again");
    }
}
