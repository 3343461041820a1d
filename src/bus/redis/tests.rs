//! The contract on a real Redis, and what only a real one does: freeze, die, fail over, refuse.

use std::time::Instant;

use super::*;
use crate::{
    bus::transport::tests::{anew, beat, commit, cursor, hold, holder, item, lead, until},
    model::cluster::{Commit, Committed},
    sandbox::{self, redis::Watched},
};

fn at(url: &str) -> Arc<dyn Transport> {
    Arc::new(Redis::new(&url.into(), Handle::current()).unwrap())
}

async fn write(link: &Arc<dyn Transport>, text: &'static str) -> Result<(), Unreachable> {
    link.append("r".into(), vec![(Stream::World, Bytes::from_static(text.as_bytes()))], vec![]).await
}

fn passed(since: Instant) -> Duration {
    clock::now().saturating_duration_since(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_redis_holds_the_contract() {
    let redis = sandbox::Redis::start().unwrap();
    hold(at(&redis.url())).await;
    write(&at(&redis.url()), "x").await.unwrap();
    at(&redis.url()).append("r".into(), vec![], vec![("database:health:latest".into(), "{}".into())]).await.unwrap();
    assert_eq!(redis.ask::<String>(&["GET", "database:health:latest"]).unwrap(), "{}");
    assert!((55..=60).contains(&redis.ask::<i64>(&["TTL", "database:health:latest"]).unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_often_asks_for_the_time_seldom_and_tells_it_all_the_same() {
    let redis = sandbox::Redis::start().unwrap();
    let link = at(&redis.url());
    let (began, mut last) = (clock::now(), 0);
    // A stream on which nothing ever was has no place to go on from.
    let cursors = [(Stream::World, Some("0-1")), (Stream::Shelf, None)].map(|(stream, last)| cursor(&"r".into(), stream, last));
    for nth in 0..50 {
        write(&link, "x").await.unwrap();
        let (_, time) = link.read(cursors.to_vec(), Duration::from_millis(100)).await.unwrap();
        assert!(time.unix_ms() + 100 >= last, "read {nth}");
        last = time.unix_ms();
    }
    let (seconds, micros): (i64, u32) = redis.ask(&["TIME"]).unwrap();
    assert!((seconds * 1_000 + i64::from(micros / 1_000)).abs_diff(last) < 200);
    let asked = redis.ask::<String>(&["INFO", "commandstats"]).unwrap();
    let asked = asked.lines().find_map(|line| line.strip_prefix("cmdstat_time:calls=")?.split(',').next()?.parse::<u64>().ok());
    assert!(asked.unwrap() <= 2 + 2 * passed(began).as_secs(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_holds_the_contract() {
    let redis = sandbox::Redis::builder().cluster().start().unwrap();
    let link = at(&redis.url().replace("redis://", "redis+cluster://"));
    hold(link.clone()).await;
    link.append("r".into(), vec![(Stream::World, "x".into())], vec![("a".into(), "1".into()), ("b".into(), "2".into())])
        .await
        .unwrap();
    assert_eq!(redis.ask::<String>(&["GET", "b"]).unwrap(), "2");
    link.append("s".into(), vec![(Stream::World, "y".into())], vec![]).await.unwrap();
    let cursors = ["r", "s"].map(|region| cursor(&region.into(), Stream::World, Some("0-1")));
    let (both, _) = link.read(cursors.to_vec(), Duration::from_millis(300)).await.unwrap();
    assert_eq!(both.len(), 2, "of regions in different slots");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed_and_found_again() {
    let redis = sandbox::Redis::start().unwrap();
    let link = at(&redis.url());
    write(&link, "before").await.unwrap();
    redis.freeze();
    let frozen = clock::now();
    for _ in 0..4 {
        let asked = clock::now();
        let error = link.ping().await.unwrap_err();
        assert!(passed(asked) < Duration::from_secs(3) && error.0.contains("within"), "{error}");
    }
    link.read(vec![cursor(&"r".into(), Stream::World, Some("0-1"))], WAIT).await.unwrap_err();
    assert!(passed(frozen) > Duration::from_secs(3));
    redis.thaw();
    let thawed = clock::now();
    until("it answers", || async { link.ping().await.is_ok() }).await;
    assert!(passed(thawed) < Duration::from_secs(2), "{:?}", passed(thawed));
    link.read(vec![cursor(&"r".into(), Stream::World, Some("0-1"))], Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_found_again_with_its_data_or_wiped() {
    let redis = sandbox::Redis::builder().keeps_data().start().unwrap();
    let link = at(&redis.url());
    let a = beat(&"r".into(), "a", 1);
    let fence = lead(&link, &a).await;
    let keeper = link.keeper("r".into(), holder("a", 1), 0);
    assert_eq!(keeper.commit(anew(fence, fence << 32, vec![item("x", Some("1"))])).await.unwrap(), Committed::Done);

    redis.kill();
    let error = link.tend(a.clone()).await.unwrap_err();
    assert!(!error.0.contains("within"), "a connection that is gone is no silence: {error}");
    redis.restart().unwrap();
    let back = clock::now();
    until("it answers", || async { link.tend(a.clone()).await.is_ok() }).await;
    assert!(passed(back) < Duration::from_secs(2));
    until("it has all", || async { keeper.load().await.is_ok_and(|kept| kept.items == [item("x", Some("1"))]) }).await;
    let next = commit(fence, fence << 32, (fence << 32) + 1, vec![item("y", Some("2"))]);
    assert_eq!(keeper.commit(next.clone()).await.unwrap(), Committed::Done, "the lease outlived it");

    redis.restart_empty().unwrap();
    until("it answers", || async { link.tend(a.clone()).await.is_ok_and(|tended| tended.wiped) }).await;
    until("nobody leads", || async { keeper.commit(next.clone()).await == Ok(Committed::Fenced) }).await;
    let again = lead(&link, &Beat { version: (fence << 32) + 1, ..a }).await;
    assert!(again > fence, "the copies' fence counts, since Redis lost its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_without_it() {
    let redis = sandbox::Redis::builder().with_password().start().unwrap();
    let link = at(&redis.url());
    link.ping().await.unwrap();
    assert_eq!(format!("{link:?}"), "Redis(Single)");
    for wrong in [format!("redis://:hunter2@127.0.0.1:{}", redis.port()), format!("redis://127.0.0.1:{}", redis.port())] {
        let error = at(&wrong).ping().await.unwrap_err();
        assert!(error.0.contains("refuses") && !error.0.contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_verified_by_the_authority_that_was_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let redis = sandbox::Redis::builder().tls(&made.cert.pem(), &made.signing_key.serialize_pem()).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let url = format!("rediss://localhost:{}", redis.tls_port().unwrap());
    at(&format!("{url}?ca={}", ca.display())).ping().await.unwrap();
    at(&url).ping().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lead_to_the_primary_of_the_moment() {
    let watched = Watched::start().unwrap();
    let link = at(&watched.url());
    let fence = lead(&link, &beat(&"r".into(), "a", 1)).await;
    let keeper = link.keeper("r".into(), holder("a", 1), 1);
    assert_eq!(keeper.commit(anew(fence, fence << 32, vec![item("x", Some("1"))])).await.unwrap(), Committed::Done);
    watched.primary.kill();
    until("the replica is written to", || async { write(&link, "after").await.is_ok() }).await;
    until("it has all", || async { keeper.load().await.is_ok_and(|kept| kept.items == [item("x", Some("1"))]) }).await;
    assert!(watched.replica.ask::<String>(&["INFO", "replication"]).unwrap().contains("role:master"));
}

#[test]
fn a_url_is_judged_without_asking_anybody() {
    assert_eq!(super::super::check_url("memory:x"), Ok(()));
    assert_eq!(super::super::check_url("redis://:hunter2@h/x"), Err(UrlError::Database));
    assert!(!UrlError::Database.to_string().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_many_megabytes_gets_through_in_pieces_and_counts_as_one() {
    let redis = sandbox::Redis::start().unwrap();
    // The least that there is: no command may be longer.
    redis.ask::<String>(&["CONFIG", "SET", "client-query-buffer-limit", "1mb"]).unwrap();
    let link = at(&redis.url());
    let fence = lead(&link, &beat(&"r".into(), "a", 1)).await;
    let keeper = link.keeper("r".into(), holder("a", 1), 0);
    let old = anew(fence, fence << 32 | 1, vec![item("old", Some("1"))]);
    assert_eq!(keeper.commit(old).await.unwrap(), Committed::Done);
    let items = (0..300).map(|number| item(&format!("{number:03}"), Some(&"x".repeat(10_000)))).collect::<Vec<_>>();
    let great = anew(fence, fence << 32 | 2, items.clone());
    for time in ["at first", "again"] {
        assert_eq!(keeper.commit(great.clone()).await, Ok(Committed::Done), "{time}");
    }
    let mut kept = keeper.load().await.unwrap();
    kept.items.sort_by(|one, other| one.id.cmp(&other.id));
    assert!((kept.version, kept.items) == (great.version, items), "all of it and nothing else");
    let more = (0..200).map(|number| item(&format!("{number:03}"), (number > 0).then(|| "y".repeat(10_000)).as_deref()));
    let more = commit(fence, great.version, great.version + 1, more.collect());
    assert_eq!(keeper.commit(more).await, Ok(Committed::Done));
    assert_eq!(keeper.load().await.unwrap().items.len(), 299);
    let (told, _) = link.read(vec![cursor(&"r".into(), Stream::Shelf, Some("0-1"))], Duration::ZERO).await.unwrap();
    let told: Vec<Commit> = told.iter().map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect();
    let to_load = |told: &&Commit| !told.anew && told.base == told.version && told.items.is_empty();
    assert_eq!((told.len(), told.iter().filter(to_load).count()), (3, 2), "the other nodes load it");
}
