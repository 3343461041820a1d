//! What people ask of several regions, from a node that leads none of them.

use super::*;
use crate::{
    alert::outbox::tests::alert,
    model::alert::{Callback, Provider},
    model::cluster::Command,
    model::cluster::NewsItem,
};

/// The bus: each region's leader answers, or nobody does.
struct Leaders {
    away: Vec<RegionName>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Actor for Leaders {
    type Context = Context<Self>;
}

impl Handler<Ask> for Leaders {
    type Result = Result<Answer, AlertRefusal>;

    fn handle(&mut self, ask: Ask, _: &mut Self::Context) -> Self::Result {
        let Asked::Leader(region) = ask.to else { return Err(AlertRefusal::Invalid("no leader".into())) };
        if self.away.contains(&region) {
            return Err(AlertRefusal::Invalid(format!("the leader of region {region} did not answer")));
        }
        let (word, answer) = match ask.command {
            Command::Acknowledge(command) => ("ack", Answer::Alert(alert(&command.id))),
            Command::Silence(wish) => ("silence", Answer::Silence(made(&wish))),
            Command::EndSilence(id) if id.0 == "s1" => ("end", Answer::Text(String::new())),
            Command::EndSilence(_) => ("end", Answer::Refused(AlertRefusal::NotFound("no silence".into()))),
            other => panic!("{other:?}"),
        };
        locked(&self.asked).push(format!("{word} {region}"));
        Ok(answer)
    }
}

fn made(wish: &NewSilence) -> crate::model::alert::Silence {
    crate::model::alert::Silence {
        id: "s1".into(),
        kind: crate::model::alert::SilenceKind::Api,
        matchers: wish.matchers.clone(),
        starts_at: wish.starts_at,
        ends_at: None,
        schedule: None,
        by: wish.by.clone(),
        reason: wish.reason.clone(),
        active: true,
    }
}

struct Front {
    clerk: Addr<Clerk>,
    library: Library,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A node that leads nothing.
fn front(away: &[&str]) -> Front {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let away = away.iter().map(|region| RegionName::from(*region)).collect();
    let ask = Leaders { away, asked: Arc::clone(&asked) }.start().recipient();
    let library = Library::new(Arc::default(), Steady::start());
    let regions = vec!["ap".into(), "eu".into(), "us".into()];
    let desks = Desks { homes: BTreeMap::new(), regions, ask, channels: Vec::new() };
    Front { clerk: Clerk::new(desks, library.clone()).start(), library, asked }
}

impl Front {
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *locked(&self.asked));
        asked.sort();
        asked
    }

    async fn silence(&self, region: Option<&str>) -> Result<crate::model::alert::Silence, AlertRefusal> {
        let matchers = Matchers { region: region.map(Into::into), ..Matchers::default() };
        let lasts = Some(Duration::from_mins(1));
        let wish = NewSilence { matchers, starts_at: None, ends_at: None, lasts, by: "eva".into(), reason: "work".into() };
        self.clerk.send(wish).await.expect("alive")
    }
}

#[actix_web::test]
async fn a_silence_is_made_wherever_it_may_match_and_says_where_it_was_not() {
    let all = front(&[]);
    let silence = all.silence(Some("*")).await.expect("made");
    assert!(silence.starts_at.is_some(), "the same moment in all regions");
    assert_eq!(all.asked(), ["silence ap", "silence eu", "silence us"]);
    all.clerk.send(EndSilence(silence.id)).await.expect("alive").expect("ended");
    assert_eq!(all.asked(), ["end ap", "end eu", "end us"]);
    let unknown = all.clerk.send(EndSilence("s9".into())).await.expect("alive");
    assert!(matches!(unknown, Err(AlertRefusal::NotFound(_))), "{unknown:?}");

    let some = front(&["us"]);
    some.silence(Some("eu")).await.expect("what is away has nothing to do with it");
    let partly = some.silence(Some("*")).await.expect_err("not everywhere").to_string();
    assert!(partly.contains("s1") && partly.contains("us:"), "{partly}");
    let none = front(&["ap", "eu", "us"]);
    none.silence(None).await.expect_err("nobody answers");
}

#[actix_web::test]
async fn an_alert_of_another_region_is_taken_there() {
    let front = front(&[]);
    let librarian = Librarian::new(front.library.clone(), None).start();
    let unknown = Acknowledge { id: "i1".into(), by: "eva".into(), note: None };
    let refused = front.clerk.send(unknown.clone()).await.expect("alive");
    assert!(matches!(refused, Err(AlertRefusal::NotFound(_))), "{refused:?}");
    let items = vec![NewsItem { event: String::new(), alert: alert("i1"), steps: Arc::default() }];
    librarian.send(AlertNews { region: Some("us".into()), items, silences: None }).await.expect("alive");
    let taken = front.clerk.send(unknown).await.expect("alive").expect("taken");
    assert_eq!((taken.id.as_str(), front.asked()), ("i1", vec!["ack us".to_owned()]));
    let stranger = Callback { headers: Vec::new(), body: Vec::new(), provider: Provider::Slack };
    assert!(front.clerk.send(stranger).await.expect("alive").is_err(), "nobody signed it");
}
