//! What one watched server pays.

use std::time::{Duration, Instant};

use isobar::{
    probe::pool::activity::Reader,
    sandbox::{Postgres, runtime},
};
use tokio_postgres::NoTls;

use crate::{
    crowd::{self, Crowd, Session},
    meter::{Bill, Meter},
    peer,
    report::{Section, ms, percent},
    support::{Node, pass, secs},
};

/// Samples a second.
const RATE: f64 = 4.0;

/// A minute holds a whole number of every schedule: one size, six readings of statements, twelve client checks.
const WINDOW: Duration = secs(60);

/// For the floor, which has one schedule only, and for the server alone.
const SHORT: Duration = secs(15);

/// After this the texts of statements are known and all lanes are at their own pace.
const WARM_UP: Duration = secs(12);

pub(crate) fn run() -> Section {
    let server = crowd::server(1);
    let mut crowd = Crowd::new();
    let url = server.superuser_url("d0");
    crowd.join(60, &url, "SELECT 1", None);
    crowd.join(10, &url, "BEGIN; SELECT 1", None);
    crowd.join(30, &url, "SELECT 1", Some(("SELECT sum(n) FROM generate_series(1, 500) n", secs(1))));
    crowd::fill_statements(&server, 5_000);
    let session = Session::open(&server.superuser_url("postgres"));
    let entries = Session::open(&url).sql("SELECT count(*) FROM pg_stat_statements(false)");
    let entries = entries[0].get(0).unwrap_or_default().to_owned();

    let alone = measure(&server, &session, "nobody", SHORT);
    let floor = floor(&server, &session);
    let (bill, impact) = isobar(&server, &session);

    let mut section = Section::new(
        "Cost to a watched server",
        format!(
            "PostgreSQL {} with 100 sessions (60 idle, 10 idle in transaction, 30 that work a little each second) and {entries} \
             entries in `pg_stat_statements`; Isobar with its defaults, 4 samples a second. Processor time of the server, as a share of one core; \
             the floor is the fast lane's own reading in a bare loop at the same pace, over one connection.",
            server.major()
        ),
    );
    section.held("all that Isobar costs", "≤ 0.50%", percent(bill.share()), bill.share() <= 0.005);
    section.beside("- of it the fast lane (sessions, 4/s)", percent(bill.of(bill.fast)));
    section.beside("- of it the slow lane (counters 1/s, statements each 10 s, size each 60 s)", percent(bill.of(bill.other)));
    section.beside("- of it knocks (each 10 s) and fresh clients (each 40 s)", percent(bill.of(bill.forks)));
    section.beside("server time per sample, all lanes", ms(bill.per(RATE)));
    section.beside("the floor: the bare loop", format!("{}, {} per reading", percent(floor.share()), ms(floor.per(RATE))));
    section.beside("Isobar / floor", format!("{:.1}", bill.share() / floor.share()));
    section.beside("what `probe.impact` says it costs", impact.map_or("nothing".to_owned(), percent));
    section.beside(
        "the whole server, without and with Isobar",
        format!("{} and {}", percent(alone.of(alone.whole)), percent(bill.of(bill.whole))),
    );
    match peer::scrape(&server, &session) {
        Ok((peer, version)) => {
            let own = bill.per(RATE);
            section.beside(
                format!("peer: {version}, scraped each second, statements off"),
                format!(
                    "{}, {} per scrape: {:.0} samples of Isobar's",
                    percent(peer.share()),
                    ms(peer.per(1.0)),
                    peer.per(1.0).as_secs_f64() / own.as_secs_f64()
                ),
            );
        }
        Err(why) => section.note(format!("No peer in this run: {why}.")),
    }
    section
}

fn measure(server: &Postgres, session: &Session, role: &'static str, window: Duration) -> Bill {
    let meter = Meter::start(server, session, role);
    pass(window);
    meter.stop()
}

/// The fast lane's reading at its pace, and nothing else.
fn floor(server: &Postgres, session: &Session) -> Bill {
    let url = server.url("d0");
    let (told, began) = std::sync::mpsc::sync_channel(1);
    let floor = runtime::handle().spawn(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a session");
        tokio::spawn(connection);
        let reader = Reader::prepare(&client).await.expect("the statements are prepared");
        let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / RATE));
        loop {
            beat.tick().await;
            reader.read(&client, false).await.expect("a reading");
            let _ = told.try_send(Instant::now());
        }
    });
    began.recv().expect("the floor is read");
    pass(secs(2));
    let bill = measure(server, session, "isobar", SHORT);
    floor.abort();
    bill
}

fn isobar(server: &Postgres, session: &Session) -> (Bill, Option<f64>) {
    let node = Node::watch(&[&server.url("d0")]);
    node.expect_status("local/d0", "healthy", "", secs(15));
    pass(WARM_UP);
    let bill = measure(server, session, "isobar", WINDOW);
    let probe = node.sample("local/d0")["probe"].clone();
    assert_eq!(probe["intervalMs"], 250, "the governor slowed Isobar: {}", probe["throttled"]);
    (bill, probe["impact"].as_f64())
}
