//! The contract: what every transport does, whatever carries the bytes. Cases have a region each, so that all run at once on one server.

mod commits;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::time::{sleep, timeout};

use super::*;
use crate::{
    bus::memory::Memory,
    clock,
    model::cluster::{Commit, Committed, Item, Kept, Shelf},
};

/// More than a loaded machine takes for what should be at once.
const SOON: Duration = Duration::from_secs(10);

use commits::{
    a_commit_of_another_with_the_same_fence_is_refused, a_commit_on_another_version_is_refused,
    the_same_commit_once_more_is_done_and_another_one_of_its_version_is_not,
};

type Link = Arc<dyn Transport>;
type Case = fn(Link, RegionName) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), |link, region| $name(link, region).boxed())),*];
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(std::sync::Arc::new(super::Memory::new(crate::clock::own)), stringify!($name).into()).await;
            })*
        }
    };
}

cases![
    entries_come_in_the_order_they_were_written,
    a_stream_is_bounded,
    without_a_place_only_the_last_seconds_are_read,
    a_place_ahead_of_the_clock_is_no_place,
    a_reader_wakes_when_there_is_news,
    nothing_new_ends_with_the_wait,
    one_leads_and_goes_on_leading,
    the_lease_of_the_dead_goes_to_another_with_a_higher_fence,
    who_goes_gives_the_lease_up_at_once,
    the_dead_are_no_members,
    two_of_one_name_are_told,
    a_commit_of_a_former_leader_is_refused,
    a_commit_on_another_version_is_refused,
    a_commit_of_another_with_the_same_fence_is_refused,
    the_same_commit_once_more_is_done_and_another_one_of_its_version_is_not,
    a_commit_changes_what_it_names_and_is_told,
    anew_replaces_all,
    after_a_wipe_the_newest_copy_leads,
    of_equal_copies_the_smallest_name_leads,
    versions_only_grow,
];

/// All cases at once on that server.
pub(crate) async fn hold(link: Link) {
    let run = |(name, case): &(&'static str, Case)| {
        let (name, work) = (*name, tokio::spawn(case(link.clone(), (*name).into())));
        async move { work.await.map_err(|error| format!("{name}: {error}")) }
    };
    let broken: Vec<String> = join_all(CASES.iter().map(run)).await.into_iter().filter_map(Result::err).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

pub(crate) fn beat(region: &RegionName, node: &str, boot: u64) -> Beat {
    Beat { region: region.clone(), node: node.into(), boot, leaving: false, gone: false, wire: 2, wants_lease: true, version: 0 }
}

pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let looking = async {
        while !holds().await {
            sleep(Duration::from_millis(30)).await;
        }
    };
    assert!(timeout(SOON, looking).await.is_ok(), "it never happened that {what}");
}

/// Beats until this node leads, and says with which fence.
pub(crate) async fn lead(link: &Link, beat: &Beat) -> u64 {
    let led = async {
        loop {
            let leader = link.tend(beat.clone()).await.unwrap().leader;
            match leader {
                Some((node, boot, fence)) if (&node, boot) == (&beat.node, beat.boot) => return fence,
                _ => sleep(Duration::from_millis(30)).await,
            }
        }
    };
    timeout(SOON, led).await.expect("it leads in the end")
}

pub(crate) fn item(id: &str, json: Option<&str>) -> Item {
    Item { shelf: Shelf::Incidents, id: id.into(), json: json.map(Into::into) }
}

pub(crate) fn holder(node: &str, boot: u64) -> Holder {
    Holder { node: node.into(), boot }
}

pub(crate) fn commit(fence: u64, base: u64, version: u64, items: Vec<Item>) -> Commit {
    Commit { fence, base, version, anew: false, items: Arc::new(items) }
}

pub(crate) fn anew(fence: u64, version: u64, items: Vec<Item>) -> Commit {
    Commit { anew: true, ..commit(fence, 0, version, items) }
}

pub(crate) fn cursor(region: &RegionName, stream: Stream, last: Option<&str>) -> Cursor {
    Cursor { region: region.clone(), stream, last: last.map(Into::into) }
}

fn says(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| std::str::from_utf8(&entry.bytes).unwrap()).collect()
}

async fn write(link: &Link, region: &RegionName, texts: &[&'static str]) {
    let entries = texts.iter().map(|text| (Stream::World, Bytes::from_static(text.as_bytes()))).collect();
    link.append(region.clone(), entries, vec![]).await.unwrap();
}

async fn entries_come_in_the_order_they_were_written(link: Link, region: RegionName) {
    write(&link, &region, &["a", "b"]).await;
    link.append(region.clone(), vec![(Stream::Raw, Bytes::from_static(&[0, 255]))], vec![]).await.unwrap();
    let cursors = vec![cursor(&region, Stream::World, None), cursor(&region, Stream::Raw, None)];
    let (all, now) = link.read(cursors, Duration::ZERO).await.unwrap();
    let (world, raw): (Vec<Entry>, Vec<Entry>) = all.into_iter().partition(|entry| entry.stream == Stream::World);
    assert_eq!((says(&world), &raw[0].bytes[..]), (vec!["a", "b"], &[0, 255][..]));
    assert!((now.unix_ms() - clock::own().unix_ms()).abs() < 5_000);
    write(&link, &region, &["c"]).await;
    let (after, _) = link.read(vec![cursor(&region, Stream::World, Some(&world[0].id))], Duration::ZERO).await.unwrap();
    assert_eq!(says(&after), ["b", "c"]);
}

async fn a_stream_is_bounded(link: Link, region: RegionName) {
    let most = Stream::Raw.length() * 4;
    let entries = (0..most).map(|number| (Stream::Raw, Bytes::from(number.to_string()))).collect();
    link.append(region.clone(), entries, vec![]).await.unwrap();
    let (mut kept, mut place) = (Vec::new(), "0-1".to_owned());
    loop {
        let (more, _) = link.read(vec![cursor(&region, Stream::Raw, Some(&place))], Duration::ZERO).await.unwrap();
        let Some(last) = more.last() else { break };
        place.clone_from(&last.id);
        kept.extend(more);
    }
    assert!((Stream::Raw.length()..most / 2).contains(&kept.len()), "{} kept", kept.len());
    assert_eq!(says(&kept).last(), Some(&(most - 1).to_string().as_str()));
}

async fn without_a_place_only_the_last_seconds_are_read(link: Link, region: RegionName) {
    write(&link, &region, &["old"]).await;
    until("the first entry is too old", || {
        let (link, region) = (link.clone(), region.clone());
        async move { link.read(vec![cursor(&region, Stream::World, None)], Duration::ZERO).await.unwrap().0.is_empty() }
    })
    .await;
    write(&link, &region, &["new"]).await;
    let (read, _) = link.read(vec![cursor(&region, Stream::World, None)], Duration::ZERO).await.unwrap();
    assert_eq!(says(&read), ["new"]);
    let (read, _) = link.read(vec![cursor(&region, Stream::World, Some("0-1"))], Duration::ZERO).await.unwrap();
    assert_eq!(says(&read), ["old", "new"]);
}

async fn a_place_ahead_of_the_clock_is_no_place(link: Link, region: RegionName) {
    write(&link, &region, &["after another Redis"]).await;
    let ahead = format!("{}-0", clock::own().unix_ms() + 600_000);
    until("it is read", || {
        let (link, cursors) = (link.clone(), vec![cursor(&region, Stream::World, Some(&ahead))]);
        async move { link.read(cursors, Duration::ZERO).await.unwrap().0.len() == 1 }
    })
    .await;
}

async fn a_reader_wakes_when_there_is_news(link: Link, region: RegionName) {
    let wait = Duration::from_millis(500);
    let mut place = None;
    // A loaded machine may be late once; a reader that sleeps through its wait is late each time.
    for _ in 0..10 {
        let cursors = vec![cursor(&region, Stream::Shelf, None), cursor(&region, Stream::World, place.as_deref())];
        let reader = link.clone();
        let reading = tokio::spawn(async move { (reader.read(cursors, wait).await.unwrap().0, clock::now()) });
        sleep(Duration::from_millis(50)).await;
        let written = clock::now();
        write(&link, &region, &["news"]).await;
        let (read, seen) = timeout(SOON, reading).await.unwrap().unwrap();
        assert!(says(&read).iter().all(|text| *text == "news"));
        if !read.is_empty() && seen.saturating_duration_since(written) < Duration::from_millis(200) {
            return;
        }
        let (rest, _) = link.read(vec![cursor(&region, Stream::World, place.as_deref())], Duration::ZERO).await.unwrap();
        place = rest.last().map(|entry| entry.id.clone());
    }
    panic!("a reader waits until its wait is over");
}

async fn nothing_new_ends_with_the_wait(link: Link, region: RegionName) {
    let began = clock::now();
    let (read, _) = link.read(vec![cursor(&region, Stream::World, None)], Duration::from_millis(200)).await.unwrap();
    assert!(read.is_empty());
    let waited = clock::now().saturating_duration_since(began);
    assert!((Duration::from_millis(150)..Duration::from_secs(2)).contains(&waited), "{waited:?}");
}

async fn one_leads_and_goes_on_leading(link: Link, region: RegionName) {
    let (a, b) = (beat(&region, "a", 1), beat(&region, "b", 2));
    let fence = lead(&link, &a).await;
    for _ in 0..5 {
        assert_eq!(link.tend(b.clone()).await.unwrap().leader, Some(("a".into(), 1, fence)));
        let mine = link.tend(a.clone()).await.unwrap();
        assert_eq!(mine.leader, Some(("a".into(), 1, fence)));
        assert!(mine.lasts > Duration::from_secs(3) && mine.lasts <= LEASE, "{:?}", mine.lasts);
    }
    let follower = Beat { wants_lease: false, ..a };
    assert_eq!(link.tend(follower).await.unwrap().leader, None, "who wants it no more gives it up");
    assert!(lead(&link, &b).await > fence);
}

async fn the_lease_of_the_dead_goes_to_another_with_a_higher_fence(link: Link, region: RegionName) {
    let (a, b) = (beat(&region, "a", 1), beat(&region, "b", u64::MAX));
    let fence = lead(&link, &a).await;
    let died = clock::now();
    assert!(lead(&link, &b).await > fence);
    let vacant = clock::now().saturating_duration_since(died);
    assert!((Duration::from_millis(3_900)..LEASE + Duration::from_secs(3)).contains(&vacant), "{vacant:?}");
    assert_eq!(link.tend(a).await.unwrap().leader.unwrap().1, u64::MAX);
}

async fn who_goes_gives_the_lease_up_at_once(link: Link, region: RegionName) {
    let (a, b) = (beat(&region, "a", 1), beat(&region, "b", 2));
    let fence = lead(&link, &a).await;
    link.keeper(region.clone(), holder("a", 1), 0).commit(anew(fence, fence << 32, vec![])).await.unwrap();
    link.tend(b.clone()).await.unwrap();
    link.tend(Beat { gone: true, ..a }).await.unwrap();
    let then = link.tend(b).await.unwrap();
    assert_eq!(then.leader.map(|(node, ..)| node), Some("b".into()));
    assert_eq!(then.members.len(), 1);
}

async fn the_dead_are_no_members(link: Link, region: RegionName) {
    let (a, b) = (Beat { leaving: true, wire: 1, ..beat(&region, "a", 1) }, beat(&region, "b b", 2));
    link.tend(a).await.unwrap();
    let died = clock::now();
    let both = link.tend(b.clone()).await.unwrap();
    let names = |tended: &Tended| tended.members.iter().map(|(member, _)| member.node.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&both), ["a", "b b"]);
    let (first, ago) = &both.members[0];
    assert!(first.leaving && first.wire == 1 && first.boot == 1 && *ago < HEARD && !both.name_taken);
    until("the dead one vanishes", || {
        let (link, beat) = (link.clone(), b.clone());
        async move { link.tend(beat).await.unwrap().members.len() == 1 }
    })
    .await;
    let lived = clock::now().saturating_duration_since(died);
    assert!((Duration::from_millis(1_400)..Duration::from_secs(3)).contains(&lived), "{lived:?}");
}

async fn two_of_one_name_are_told(link: Link, region: RegionName) {
    let (first, second) = (beat(&region, "a", 1), beat(&region, "a", 2));
    lead(&link, &first).await;
    let told = link.tend(second.clone()).await.unwrap();
    assert!(told.name_taken && told.members[0].0.boot == 1);
    assert_eq!(told.leader.unwrap().1, 1);
    assert!(!link.tend(first).await.unwrap().name_taken, "the one that was there stays");
    until("the name is free again", || {
        let (link, beat) = (link.clone(), second.clone());
        async move { !link.tend(beat).await.unwrap().name_taken }
    })
    .await;
}

async fn a_commit_of_a_former_leader_is_refused(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let a = beat(&region, "a", 1);
    let fence = lead(&link, &a).await;
    assert_eq!(keeper.commit(commit(fence, 0, 1, vec![])).await.unwrap(), Committed::Wiped);
    assert_eq!(keeper.commit(anew(fence - 1, 1, vec![])).await.unwrap(), Committed::Fenced);
    assert_eq!(keeper.commit(anew(fence + 1, 1, vec![])).await.unwrap(), Committed::Fenced);
    link.tend(Beat { gone: true, ..a }).await.unwrap();
    assert_eq!(keeper.commit(anew(fence, 1, vec![])).await.unwrap(), Committed::Fenced, "nobody leads");
    assert_eq!(keeper.load().await.unwrap(), Kept::default());
}

async fn a_commit_changes_what_it_names_and_is_told(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let fence = lead(&link, &beat(&region, "a", 1)).await;
    let version = fence << 32;
    let mark = Item { shelf: Shelf::Marks, id: "x".into(), json: Some("\"ö\"".into()) };
    let first = anew(fence, version, vec![item("x", Some("1")), item("y", Some("{}")), mark.clone()]);
    let second = commit(fence, version, version + 1, vec![item("x", None), item("z", Some("3"))]);
    for commit in [&first, &second] {
        assert_eq!(keeper.commit(commit.clone()).await.unwrap(), Committed::Done);
    }
    let mut kept = keeper.load().await.unwrap();
    kept.items.sort_by(|a, b| (a.shelf, &a.id).cmp(&(b.shelf, &b.id)));
    assert_eq!(kept, Kept { version: version + 1, items: vec![item("y", Some("{}")), item("z", Some("3")), mark] });
    let (told, _) = link.read(vec![cursor(&region, Stream::Shelf, None)], Duration::ZERO).await.unwrap();
    let told: Vec<Commit> = told.iter().map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect();
    assert_eq!(told, [first, second]);
}

async fn anew_replaces_all(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let a = beat(&region, "a", 1);
    let fence = lead(&link, &a).await;
    assert!(link.tend(a.clone()).await.unwrap().wiped);
    keeper.commit(anew(fence, fence << 32, vec![item("x", Some("1"))])).await.unwrap();
    assert!(!link.tend(a).await.unwrap().wiped);
    let again = anew(fence, (fence << 32) + 5, vec![item("y", Some("2")), item("z", None)]);
    assert_eq!(keeper.commit(again).await.unwrap(), Committed::Done);
    assert_eq!(keeper.load().await.unwrap(), Kept { version: (fence << 32) + 5, items: vec![item("y", Some("2"))] });
}

async fn after_a_wipe_the_newest_copy_leads(link: Link, region: RegionName) {
    let old = Beat { version: 3 << 32 | 1, ..beat(&region, "a", 1) };
    let new = Beat { version: 3 << 32 | 2, ..beat(&region, "b", 2) };
    let began = clock::now();
    let leader = async {
        loop {
            for beat in [&old, &new] {
                let tended = link.tend(beat.clone()).await.unwrap();
                assert!(tended.wiped);
                if let Some((node, _, fence)) = tended.leader {
                    return (node, fence);
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let (node, fence) = timeout(SOON, leader).await.unwrap();
    assert_eq!((node, fence), ("b".into(), 4), "the fence is above those of all copies");
    assert!(clock::now().saturating_duration_since(began) + Duration::from_millis(50) >= OFFERS, "all had the time to offer");
}

async fn of_equal_copies_the_smallest_name_leads(link: Link, region: RegionName) {
    let nodes = [beat(&region, "c", 1), beat(&region, "a", 2), beat(&region, "b", 3)];
    let leader = async {
        loop {
            for beat in &nodes {
                if let Some((node, ..)) = link.tend(beat.clone()).await.unwrap().leader {
                    return node;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(timeout(SOON, leader).await.unwrap(), "a".into());
}

async fn versions_only_grow(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let a = beat(&region, "a", 1);
    let fence = lead(&link, &a).await;
    keeper.commit(anew(fence, 40 << 32, vec![])).await.unwrap();
    link.tend(Beat { gone: true, ..a.clone() }).await.unwrap();
    assert_eq!(lead(&link, &Beat { boot: 2, ..a.clone() }).await, 41);
    link.tend(Beat { gone: true, boot: 2, ..a.clone() }).await.unwrap();
    link.tend(Beat { wants_lease: false, version: 50 << 32, ..beat(&region, "b", 3) }).await.unwrap();
    assert_eq!(lead(&link, &Beat { boot: 4, ..a }).await, 51, "a member has a newer copy");
}

#[tokio::test]
async fn a_link_fails_as_it_is_told_to() {
    let memory = Memory::new(clock::own);
    let (mine, region) = (memory.link(), RegionName::from("r"));
    let write = |text: &'static str| mine.append("r".into(), vec![(Stream::World, Bytes::from_static(text.as_bytes()))], vec![]);
    let read = || async {
        let (read, _) = memory.read(vec![cursor(&region, Stream::World, None)], Duration::ZERO).await.unwrap();
        says(&read).join(" ")
    };
    mine.faults().cut(true);
    write("lost").await.unwrap_err();
    mine.faults().cut(false);
    mine.faults().lose_answers(true);
    write("a").await.unwrap_err();
    mine.faults().lose_answers(false);
    mine.faults().delay(Duration::from_millis(20));
    write("b").await.unwrap();
    write("c").await.unwrap();
    assert_eq!(read().await, "a b c");
    memory.faults().reorder(true);
    assert_eq!(read().await, "b a c");
    memory.faults().duplicate(true);
    assert_eq!(read().await, "b b a a c c");
    memory.wipe();
    assert_eq!(read().await, "");
}
