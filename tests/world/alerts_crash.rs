//! `kill -9` at random points of the alert stage's life, most of them around a delivery: before the call, during it, after it, before its
//! record. What the receiver wrote down and what the book says at the end must agree: nothing critical lost, no end before its beginning,
//! a repeat only after a crash or an error, with the same key, or with words that say so.
//!
//! Each life is this very program once more, told by its environment to be one ([`life`]).

mod life;
mod receiver;
mod verdict;

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::support::{Life, secs, until};
use life::Wish;
use receiver::{Receiver, SLOWEST};
use verdict::World;

/// Stages that live and die side by side: whether each tells Slack, and how often it is killed. 200 times in all.
const WORLDS: [(bool, usize); 3] = [(false, 70), (false, 70), (true, 60)];
/// No life is longer.
const LONGEST: Duration = Duration::from_millis(400);

/// Where a life begins.
const LIFE: &str = concat!(module_path!(), "::life::a_life");

fn begin(wish: &Wish) -> Life {
    Life::begin(LIFE, wish, Stdio::piped())
}

/// Waits until it lives.
fn alive(one: &mut Life) {
    let mut said = BufReader::new(one.0.stdout.as_mut().expect("a pipe")).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains(life::ALIVE)), "it does not live");
}

/// Lives a world's lives to its calm end.
fn live(slack: bool, kills: usize, seed: u64) -> World {
    let mut rng = SmallRng::seed_from_u64(seed);
    let receiver = Receiver::start(seed);
    let dir = tempfile::tempdir().expect("a folder");
    let wish = Wish { folder: dir.path().into(), port: receiver.port, life: 0, slack, seed, began: life::unix_ms(), last: false };
    for life in 0..kills {
        let mut one = begin(&Wish { life, ..wish.clone() });
        // Some die before they have begun.
        if rng.random_bool(0.9) {
            alive(&mut one);
        }
        let (before, born) = (receiver.count(), Instant::now());
        let in_a_call = rng.random_bool(0.6);
        let longest = if in_a_call { LONGEST } else { LONGEST.mul_f64(rng.random_range(0.08..1.0)) };
        while born.elapsed() < longest && !(in_a_call && receiver.count() > before) {
            thread::park_timeout(Duration::from_millis(1));
        }
        if in_a_call {
            thread::park_timeout(SLOWEST.mul_f64(rng.random_range(0.0..1.3)));
        }
        drop(one);
    }
    let mut last = begin(&Wish { life: kills, last: true, ..wish });
    let (ended, _) = until("the calm", secs(40), || match last.0.try_wait() {
        Ok(Some(status)) => Ok(status),
        other => Err(format!("{other:?}, {} messages", receiver.count())),
    });
    assert!(ended.success(), "the last life: {ended}");
    let book = std::fs::read(dir.path().join("book.json")).expect("a book");
    let noted = std::fs::read_to_string(dir.path().join("noted")).expect("notes");
    World {
        posts: receiver.posts(),
        kills,
        alerts: serde_json::from_slice(&book).expect("JSON"),
        noted: noted.lines().map(Into::into).collect(),
    }
}

#[test]
fn two_hundred_kills_lose_nothing_critical_and_repeat_nothing_without_doubt() {
    let worlds: Vec<World> = thread::scope(|scope| {
        let lives: Vec<_> =
            (1..).zip(WORLDS).map(|(seed, (slack, kills))| scope.spawn(move || live(slack, kills, seed))).collect();
        lives.into_iter().map(|life| life.join().expect("no complaint")).collect()
    });
    for (world, (slack, _)) in worlds.iter().zip(WORLDS) {
        let (posts, ends, repeats) = (world.posts.len(), world.ends(), world.repeats());
        println!("{posts} messages, {ends} ends, {repeats} repeats, {} marked, {} counted on", world.marks(), world.counted_on());
        if slack { world.judge_unkeyed() } else { world.judge_keyed() }
    }
    let sum = |count: fn(&World) -> usize| worlds.iter().map(count).sum::<usize>();
    let (posts, ends, repeats) = (sum(|world| world.posts.len()), sum(World::ends), sum(World::repeats));
    let (marks, counted_on) = (sum(World::marks), sum(World::counted_on));
    assert_eq!(sum(|world| world.kills), 200);
    assert!(posts >= 300 && ends >= 80 && repeats >= 30, "too little to prove anything: {posts}, {ends} ends, {repeats} repeats");
    assert!(marks >= 1 && counted_on >= 1, "no doubt about Slack: {marks} marked, {counted_on} counted on");
}
