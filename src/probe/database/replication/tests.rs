use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::*;
use crate::model::{
    Timestamp,
    vitals::{Replication, Upstream},
};

/// Servers of one node, and a clock.
struct Stage {
    kin: Arc<Kin>,
    start: Instant,
}

struct Server {
    seat: Seat,
    watch: Watch,
    start: Instant,
}

impl Stage {
    fn new() -> Self {
        Self { kin: Arc::default(), start: crate::clock::now() }
    }

    fn server(&self) -> Server {
        self.server_at("here:5432")
    }

    fn server_at(&self, address: &str) -> Server {
        Server { seat: Seat::among(&self.kin, address), watch: Watch::default(), start: self.start }
    }

    /// What another node says in that second of its servers.
    fn hear(&self, second: u64, said: &[(&str, &Arc<Replication>)]) {
        self.kin.hear(self.start + Duration::from_secs(second), said.iter().map(|(server, said)| (*server, Some(*said))));
    }
}

impl Server {
    fn at(&mut self, second: u64, standing: Standing) -> Replication {
        self.read(second, Read { standing, ..Read::default() })
    }

    fn read(&mut self, second: u64, read: Read) -> Replication {
        let wall = Timestamp(chrono::DateTime::UNIX_EPOCH + Duration::from_secs(second));
        self.watch.step(self.start + Duration::from_secs(second), wall, read, &self.seat)
    }

    fn lag(&mut self, second: u64, standing: Standing) -> Option<f64> {
        self.at(second, standing).upstream.and_then(|upstream: Upstream| upstream.lag_seconds)
    }
}

fn primary(end: u64) -> Standing {
    Standing { system: Some(7), timeline: Some(1), end: Some(end), ..Standing::default() }
}

/// It received so far, has replayed so far, and what it replayed last is so old.
fn replica(end: u64, replayed: u64, age: f64) -> Standing {
    let (end, replayed, replayed_age) = (Some(end), Some(replayed), Some(age));
    Standing { role: Role::Replica, streaming: true, follows: Some(true), replayed, replayed_age, ..primary(0) }.with(end)
}

fn cut_off(end: u64) -> Standing {
    Standing { streaming: false, ..replica(end, end, 900.0) }
}

impl Standing {
    fn with(self, end: Option<u64>) -> Self {
        Self { end, ..self }
    }
}

#[test]
fn an_idle_primary_is_no_lag_however_long() {
    let mut server = Stage::new().server();
    for second in [0, 10, 3_600] {
        assert_eq!(server.lag(second, replica(100, 100, second as f64)), Some(0.0), "after {second} s");
    }
    // Replay that is ahead of what was received since a restart is up to date too.
    assert_eq!(server.lag(3_601, replica(50, 100, 3_601.0)), Some(0.0));
}

#[test]
fn a_replica_behind_is_as_late_as_what_it_replayed_last_is_old() {
    assert_eq!(Stage::new().server().lag(0, replica(200, 100, 42.0)), Some(42.0));
}

#[test]
fn the_first_write_after_an_idle_hour_is_not_an_hour_late() {
    let mut server = Stage::new().server();
    assert_eq!(server.lag(0, replica(100, 100, 3_600.0)), Some(0.0));
    assert_eq!(server.lag(2, replica(200, 100, 3_602.0)), Some(2.0));
    assert_eq!(server.lag(4, replica(200, 100, 3_604.0)), Some(4.0));
}

#[test]
fn one_that_replayed_nothing_yet_is_late_since_it_was_up_to_date() {
    let mut server = Stage::new().server();
    let unknown = |end| Standing { replayed_age: None, ..replica(end, 100, 0.0) };
    assert_eq!(server.lag(0, unknown(200)), None);
    assert_eq!(server.lag(1, unknown(100)), Some(0.0));
    assert_eq!(server.lag(9, unknown(200)), Some(8.0));
}

#[test]
fn a_replica_that_is_cut_off_is_late_once_its_primary_moved_on() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    let mut step = |second, written, standing| {
        main.at(second, primary(written));
        copy.lag(second, standing)
    };
    assert_eq!(step(0, 100, replica(100, 100, 5.0)), Some(0.0));
    assert_eq!(step(100, 100, cut_off(100)), Some(0.0), "the primary is idle");
    assert_eq!(step(110, 101, cut_off(100)), Some(0.0), "and moves on now");
    assert_eq!(step(125, 150, cut_off(100)), Some(15.0));
    assert_eq!(step(126, 150, replica(150, 150, 0.1)), Some(0.0), "it is back");
    assert_eq!(step(127, 160, cut_off(150)), Some(0.0), "and gone again");
}

#[test]
fn a_primary_that_died_moves_on_no_more() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    main.at(0, primary(110));
    for second in [1, 60, 600] {
        assert_eq!(copy.lag(second, cut_off(100)), Some(0.0), "after {second} s");
    }
}

#[test]
fn a_primary_that_another_node_watches_counts_like_one_of_this_node() {
    let (here, there) = (Stage::new(), Stage::new());
    let (mut main, mut copy) = (there.server_at("main:5432"), here.server_at("copy:5432"));
    let said = Arc::new(main.at(0, primary(100)));
    here.hear(0, &[("main:5432", &said)]);
    for second in [1, 60, 600] {
        here.hear(second, &[("main:5432", &said)]);
        assert_eq!(copy.lag(second, cut_off(100)), Some(0.0), "it died, after {second} s");
    }
    here.kin.hear(here.start, [("main:5432", None)].into_iter());
    assert_eq!(copy.lag(601, cut_off(100)), Some(0.0), "nothing can be read of it now");
    let moved = Arc::new(main.at(610, primary(200)));
    here.hear(610, &[("main:5432", &moved)]);
    let again = Arc::new(main.at(640, primary(300)));
    here.hear(640, &[("main:5432", &again)]);
    assert_eq!(copy.lag(640, cut_off(100)), Some(30.0), "it went on");
    here.hear(700, &[]);
    copy.lag(700, cut_off(100));
    assert_eq!(copy.lag(720, cut_off(100)), Some(719.0), "nobody watches it any more, so all of the silence counts");
}

#[test]
fn a_copy_that_another_node_watches_is_not_judged_by_its_primary() {
    let (here, there) = (Stage::new(), Stage::new());
    let (mut main, mut copy) = (here.server_at("main:5432"), there.server_at("copy:5432"));
    let standing = Standing { slot: Some("copy".into()), address: Some("10.0.0.2".into()), ..replica(100, 100, 1.0) };
    let said = Arc::new(copy.at(0, standing));
    let follower = Replica { slot: Some("copy".into()), replay_lag_bytes: Some(0), ..Replica::default() };
    let mut marked = |second| {
        let read = Read { standing: primary(100), followers: vec![follower.clone()], ..Read::default() };
        main.read(second, read).replicas[0].watched
    };
    assert!(!marked(0));
    // It has two databases, of which each brings the same news, and an address of the primary is of no matter.
    here.hear(1, &[("copy:5432", &said), ("copy:5432", &Arc::new((*said).clone())), ("main:5432", &Arc::default())]);
    assert!(marked(1));
    assert!(!marked(60), "nobody has heard of it for long");
}

#[test]
fn without_sight_of_the_primary_silence_counts_as_lag() {
    let mut copy = Stage::new().server();
    assert_eq!(copy.lag(0, cut_off(100)), Some(0.0));
    assert_eq!(copy.lag(30, cut_off(100)), Some(30.0));
    assert_eq!(copy.lag(40, cut_off(120)), Some(0.0), "something came, from an archive");
    assert_eq!(copy.lag(50, cut_off(120)), Some(10.0));
}

#[test]
fn the_lag_behind_an_archive_alone_is_not_known() {
    let standing = Standing { follows: Some(false), end: None, ..cut_off(0) };
    assert_eq!(Stage::new().server().lag(0, standing), None);
}

#[test]
fn of_another_system_nothing_is_concluded() {
    let stage = Stage::new();
    let (mut other, mut copy) = (stage.server(), stage.server());
    other.at(0, Standing { system: Some(8), ..primary(5_000) });
    copy.lag(0, cut_off(100));
    other.at(20, Standing { system: Some(8), ..primary(9_000) });
    assert_eq!(copy.lag(20, cut_off(100)), Some(20.0), "by silence, not by that one's position");
}

#[test]
fn after_a_failover_the_newest_timeline_is_the_primary() {
    let stage = Stage::new();
    let (mut old, mut new, mut copy) = (stage.server(), stage.server(), stage.server());
    old.at(0, primary(900));
    new.at(1, Standing { timeline: Some(2), ..primary(100) });
    copy.lag(2, cut_off(100));
    assert_eq!(copy.lag(60, cut_off(100)), Some(0.0), "what only the old one had is gone");
    new.at(61, Standing { timeline: Some(2), ..primary(200) });
    copy.lag(61, cut_off(100));
    new.at(71, Standing { timeline: Some(2), ..primary(300) });
    assert_eq!(copy.lag(71, cut_off(100)), Some(10.0));
}

#[test]
fn a_promotion_is_noted_and_begins_anew() {
    let mut server = Stage::new().server();
    assert_eq!(server.at(0, replica(200, 100, 42.0)).change, None);
    let promoted = server.at(5, Standing { timeline: Some(2), ..primary(200) });
    assert_eq!((promoted.role, promoted.timeline, &promoted.upstream), (Role::Primary, Some(2), &None));
    let change = promoted.change.expect("noted");
    assert_eq!((change.role, change.timeline, change.at.unix_ms(), change.other_system), (Role::Replica, Some(1), 5_000, false));
    assert_eq!(server.at(6, Standing { timeline: Some(2), ..primary(210) }).change, Some(change), "until the next one");
}

#[test]
fn another_system_behind_the_address_is_noted_as_such() {
    let mut server = Stage::new().server();
    server.at(0, primary(500));
    let change = server.at(1, Standing { system: Some(8), ..primary(3) }).change.expect("noted");
    assert!(change.other_system);
}

#[test]
fn a_replica_that_forgets_its_timeline_has_not_gone_back() {
    let mut server = Stage::new().server();
    server.at(0, Standing { timeline: Some(2), ..replica(100, 100, 0.0) });
    let cut = server.at(1, Standing { timeline: Some(1), ..cut_off(100) });
    assert_eq!((cut.timeline, cut.change), (Some(2), None));
    let hidden = server.at(2, Standing { timeline: None, system: None, ..cut_off(100) });
    assert_eq!(hidden.change, None, "what may not be seen any more is no change either");
}

#[test]
fn a_follower_that_is_watched_itself_is_marked_and_others_are_not() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    let named = |slot: Option<&str>| Replica { slot: slot.map(Into::into), replay_lag_bytes: Some(0), ..Replica::default() };
    let slots = || vec![Slot { name: "feed".into(), kind: "logical".into(), ..Slot::default() }];
    let mut watched = |second, followers| {
        let read = Read { standing: primary(100), followers, slots: slots(), ..Read::default() };
        main.read(second, read).replicas.iter().map(|it| it.watched).collect::<Vec<_>>()
    };
    assert_eq!(watched(0, vec![named(None)]), [false]);
    copy.at(1, replica(100, 100, 0.0));
    assert_eq!(watched(1, vec![named(None), named(Some("feed"))]), [true, false], "a logical follower is no server of ours");
    assert_eq!(watched(2, vec![named(None), named(None)]), [false, false], "nobody knows which of the two it is");
    assert_eq!(watched(60, vec![named(None)]), [false], "it was not seen for a minute");
    drop(copy);
    assert_eq!(watched(61, vec![named(None)]), [false]);
}

#[test]
fn wal_that_comes_late_is_lag_though_all_that_came_is_replayed() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    let mut step = |second, written, came| {
        main.at(second, primary(written));
        copy.lag(second, replica(came, came, 0.1))
    };
    assert_eq!(step(0, 1_000, 1_000), Some(0.0));
    // The primary writes 50 a second, and the way carries 10.
    assert_eq!(step(5, 1_250, 1_050), Some(0.0), "beyond it only now");
    assert_eq!(step(10, 1_500, 1_100), Some(5.0));
    assert_eq!(step(15, 1_750, 1_150), Some(10.0));
    assert_eq!(step(20, 2_000, 1_200), Some(15.0), "it had 1,250 after 5 s");
    assert_eq!(step(120, 4_250, 4_250), Some(0.0), "it caught up");
    assert_eq!(step(3_720, 4_250, 4_250), Some(0.0), "and an idle primary is no lag");
}

#[test]
fn what_the_primary_measured_counts_while_it_is_ahead() {
    let (slot, none) = (Some("copy"), None);
    let of = |slot: Option<&str>, lag| Replica {
        slot: slot.map(Into::into),
        address: Some("10.0.0.2".into()),
        replay_lag_seconds: Some(lag),
        ..Replica::default()
    };
    for (own, followers, late) in [
        (slot, vec![of(none, 20.0), of(slot, 12.0)], 12.0),
        (none, vec![of(none, 12.0), of(slot, 20.0)], 12.0),
        (none, vec![of(none, 12.0), of(none, 20.0)], 2.0),
        (slot, vec![of(slot, 0.5)], 2.0),
    ] {
        let stage = Stage::new();
        let (mut main, mut copy) = (stage.server(), stage.server());
        let mut step = |second, written, came| {
            main.read(second, Read { standing: primary(written), followers: followers.clone(), ..Read::default() });
            let (slot, address) = (own.map(Into::into), Some("10.0.0.2".into()));
            copy.lag(second, Standing { slot, address, ..replica(came, came, 0.1) })
        };
        step(0, 100, 100);
        step(2, 200, 100);
        assert_eq!(step(4, 300, 150), Some(late), "{own:?} {followers:?}");
        assert_eq!(step(6, 300, 300), Some(0.0), "it caught up, and the measure is of before");
    }
}

#[test]
fn a_follower_is_known_by_its_slot_and_what_only_keeps_wal_counts_for_nobody() {
    let stage = Stage::new();
    let (mut main, mut copy, mut cut) = (stage.server(), stage.server(), stage.server());
    let by_slot = |slot: &str| Standing { slot: Some(slot.into()), ..replica(100, 100, 0.0) };
    copy.at(0, by_slot("one"));
    // Another watched replica is detached: it is none of the followers.
    cut.at(0, cut_off(90));
    let follower = |slot: Option<&str>, replays: bool| Replica {
        slot: slot.map(Into::into),
        replay_lag_bytes: replays.then_some(0),
        ..Replica::default()
    };
    let followers = vec![follower(Some("one"), true), follower(Some("other"), true), follower(None, true), follower(None, false)];
    let read = Read { standing: primary(100), followers, ..Read::default() };
    let seen: Vec<_> = main.read(1, read).replicas.iter().map(|it| it.watched).collect();
    assert_eq!(seen, [true, false, false, false]);
}

#[test]
fn without_sight_of_the_primary_the_sender_s_word_tells_that_wal_comes_late() {
    let mut copy = Stage::new().server();
    let mut step = |second, sent, came, age| {
        let standing = Standing { sender_end: Some(sent), ..replica(came, came, age) };
        copy.lag(second, standing)
    };
    assert_eq!(step(0, 1_000, 1_000, 3_600.0), Some(0.0), "idle");
    assert_eq!(step(3_600, 1_000, 1_000, 7_200.0), Some(0.0), "for an hour more");
    assert_eq!(step(3_605, 1_250, 1_050, 0.1), Some(0.0));
    assert_eq!(step(3_610, 1_500, 1_100, 0.1), Some(5.0));
    assert_eq!(step(3_615, 1_750, 1_250, 0.1), Some(5.0), "it had 1,500 after 10 s");
    assert_eq!(step(3_620, 1_750, 1_750, 0.1), Some(0.0));
}

#[test]
fn one_that_was_late_before_it_was_watched_is_as_late_as_what_it_shows_is_old() {
    let mut copy = Stage::new().server();
    let mut step = |second, sent, came, age| copy.lag(second, Standing { sender_end: Some(sent), ..replica(came, came, age) });
    assert_eq!(step(0, 9_000, 1_000, 240.0), Some(0.0), "perhaps it is just on its way");
    assert_eq!(step(5, 9_200, 1_050, 244.0), Some(244.0), "it is not");
    assert_eq!(step(10, 9_400, 9_100, 4.0), Some(5.0), "the rest was seen to pass");
}

#[test]
fn a_late_replica_that_is_cut_off_stays_as_late() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    let mut step = |second, written, standing| {
        main.at(second, primary(written));
        copy.lag(second, standing)
    };
    step(0, 100, replica(100, 100, 0.1));
    step(5, 200, replica(110, 110, 0.1));
    assert_eq!(step(65, 900, replica(120, 120, 0.1)), Some(60.0));
    assert_eq!(step(67, 900, cut_off(120)), Some(62.0));
}

#[test]
fn without_slots_a_follower_is_known_by_its_address() {
    let stage = Stage::new();
    let (mut main, mut copy) = (stage.server(), stage.server());
    let at = |address: &str| Replica { address: Some(address.into()), replay_lag_bytes: Some(0), ..Replica::default() };
    let mut watched = |second, own: Option<&str>, followers| {
        copy.at(second, Standing { address: own.map(Into::into), ..replica(100, 100, 0.0) });
        let read = Read { standing: primary(100), followers, ..Read::default() };
        main.read(second, read).replicas.iter().map(|it| it.watched).collect::<Vec<_>>()
    };
    assert_eq!(watched(0, Some("10.0.0.1"), vec![at("10.0.0.1"), at("10.0.0.2")]), [true, false]);
    assert_eq!(watched(1, Some("10.0.0.1"), vec![at("10.0.0.2")]), [false], "as many, and not the same");
    assert_eq!(watched(2, Some("10.0.0.1"), vec![at("10.0.0.1"), at("10.0.0.1")]), [false, false], "one of the two, but which");
    assert_eq!(watched(3, None, vec![at("10.0.0.1")]), [true], "nothing speaks against it");
    assert_eq!(watched(4, None, vec![at("10.0.0.1"), at("10.0.0.2")]), [false, false]);
}

#[test]
fn more_ends_of_wal_than_are_kept_are_known_less_exactly() {
    let (mut ends, start) = (ends::Ends::default(), crate::clock::now());
    let second = |nth: u64| start + Duration::from_secs(nth);
    (0..1_000).for_each(|nth| ends.push(nth, second(nth)));
    assert_eq!(ends.passed(998), Some(second(999)));
    let early = ends.passed(100).expect("passed");
    assert!((second(101)..second(165)).contains(&early), "{:?}", early - start);
    assert!(!ends.began_beyond(0) && ends.passed(999).is_none());
    ends.push(5, second(1_000));
    assert_eq!((ends.passed(4), ends.began_beyond(4)), (Some(second(1_000)), true), "another history");
}
