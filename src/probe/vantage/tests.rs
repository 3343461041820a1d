use super::*;
use crate::sandbox::Postgres;

const PACE: Pace = Pace { every: Duration::from_millis(200), failing: Duration::from_millis(50), within: Duration::from_secs(1) };

/// Hands on what it hears.
struct Ear(tokio::sync::mpsc::UnboundedSender<(TargetId, View)>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Viewed> for Ear {
    type Result = ();

    fn handle(&mut self, viewed: Viewed, _: &mut Self::Context) {
        viewed.0.into_iter().for_each(|view| drop(self.0.send(view)));
    }
}

#[actix_web::test]
async fn another_regions_database_is_looked_at_again_and_again_by_phase_and_cause() {
    let server = Postgres::start().expect("PostgreSQL");
    let id = TargetId::new("far", "app");
    let to = ConnInfo::parse(&server.url("postgres")).expect("a url");
    let (ear, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let ear = Ear(ear).start().recipient();
    let prober = VantageProbe::new("here".into(), PACE, ear, Handle::current()).start();
    prober.do_send(Watch(vec![(id.clone(), to)]));
    let mut until = async |wanted: fn(&View) -> bool| {
        let deadline = clock::now() + Duration::from_secs(20);
        loop {
            let next = tokio::time::timeout_at(deadline.into(), heard.recv()).await.expect("a view in time").expect("alive");
            assert_eq!((&next.0, &next.1.from), (&id, &"here".into()));
            if wanted(&next.1) {
                return next.1;
            }
        }
    };
    let well = until(|view| view.outcome == Outcome::Ok).await;
    assert!(well.phases.tcp.is_some() && well.phases.first_query.is_some(), "{well:?}");
    assert_eq!((well.failed_phase, &well.message), (None, &None));
    server.freeze();
    let frozen = until(|view| view.outcome == Outcome::Unresponsive).await;
    assert!(frozen.phases.tcp.is_some() && frozen.failed_phase.is_some(), "the network is well, the database is not: {frozen:?}");
    server.thaw();
    until(|view| view.outcome == Outcome::Ok).await;
    server.kill();
    let refused = until(|view| view.outcome == Outcome::TcpRefused).await;
    assert!(refused.message.is_some() && refused.phases.tcp.is_none(), "{refused:?}");
    prober.do_send(StopProbe);
}
