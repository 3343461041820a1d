//! Every incident does what it says, and ends.

use std::{cell::RefCell, time::Duration};

use super::{
    script::{self, Event, Incident},
    world::{DATABASES, Region, World},
};

/// More than anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

type Look = fn(&Region) -> bool;

fn count(region: &Region, query: &str) -> u32 {
    let rows = region.server.sql("postgres", query).unwrap();
    rows[0].get(0).unwrap().parse().unwrap()
}

fn sessions(region: &Region, what: &str) -> u32 {
    count(region, &format!("SELECT count(*) FROM pg_stat_activity WHERE {what}"))
}

fn waiting(region: &Region) -> u32 {
    let pools = region.pooler.console("SHOW POOLS").unwrap();
    pools.iter().map(|pool| pool.get("cl_waiting").unwrap().parse::<u32>().unwrap()).sum()
}

async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, holds).await.expect("soon");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_incident_is_real_and_ends() {
    let told = RefCell::new(Vec::new());
    let world = World::start(|_| ()).unwrap();
    assert_eq!(world.targets().len(), 9);
    let region = &world.regions()[0];
    let database = DATABASES[0];
    until(|| count(region, "SELECT sum(xact_commit)::int FROM pg_stat_database WHERE datname = 'storefront'") > 50).await;

    let looks: [(Incident, Look); 3] = [
        (Incident::PoolSqueeze, |region| waiting(region) > 10),
        (Incident::Leak, |region| {
            sessions(region, "application_name = 'invoice-worker' AND state = 'idle in transaction'") == 8
                && sessions(region, "application_name = 'mail-sender' AND cardinality(pg_blocking_pids(pid)) = 1") == 1
        }),
        (Incident::SlowQueries, |region| sessions(region, "application_name = 'monthly-report' AND state = 'active'") == 5),
    ];
    for (incident, look) in looks {
        let tell = |event: &Event| told.borrow_mut().push(event.clone());
        let play = script::play(incident, region, database, Some(SOON), &tell);
        tokio::select! {
            () = play => panic!("{incident:?} was over before it was seen"),
            () = until(|| look(region)) => {}
        }
        script::play(incident, region, database, Some(Duration::ZERO), &tell).await;
        let applications = "application_name IN ('invoice-worker', 'mail-sender', 'monthly-report', 'flash-sale')";
        until(|| waiting(region) == 0 && sessions(region, &format!("{applications} AND state <> 'idle'")) == 0).await;
    }

    let tell = |event: &Event| told.borrow_mut().push(event.clone());
    let before = region.server.pids();
    script::play(Incident::Killed, region, database, Some(Duration::ZERO), &tell).await;
    assert_ne!(before[0], region.server.pids()[0]);
    assert!(matches!(told.borrow().last(), Some(Event::Ends(Incident::Killed, _))));
    until(|| sessions(region, "application_name = 'web'") > 0).await;

    let folders: Vec<_> = world.regions().iter().map(|region| region.server.folder().to_owned()).collect();
    drop(world);
    assert!(folders.iter().all(|folder| !folder.exists()));
}

#[test]
fn two_worlds_at_once_do_not_collide() {
    let start = || std::thread::spawn(|| World::start(|_| ()).unwrap());
    let worlds = [start(), start()].map(|thread| thread.join().unwrap());
    let addresses = worlds.iter().flat_map(World::targets).map(|target| target.url.address());
    assert_eq!(addresses.collect::<std::collections::BTreeSet<_>>().len(), 6);
}
