use super::*;

fn now(ms: i64) -> Now {
    let at = Timestamp(chrono::DateTime::from_timestamp_millis(ms).expect("in range"));
    Now { steady: at, wall: at }
}

fn turn(id: &str) -> Turn {
    Turn { incidents: [(id.to_owned(), None)].into(), ..Turn::default() }
}

fn ids(commit: &Commit) -> Vec<&str> {
    commit.items.iter().map(|item| item.id.as_str()).collect()
}

const VERSION: u64 = (7 << 32) | 1;

#[test]
fn a_call_is_made_when_its_intent_is_written_and_what_comes_meanwhile_is_the_next_commit() {
    let mut ledger = Ledger::new(7, 0, false);
    ledger.put(turn("a"), vec!["call a"], true);
    let first = ledger.next(Turn::default, now(0)).expect("due");
    assert_eq!((first.fence, first.base, first.version, first.anew), (7, 0, VERSION, false));
    ledger.put(turn("b"), vec!["call b"], true);
    assert_eq!(ledger.next(Turn::default, now(0)), None, "one at a time");
    assert_eq!(ledger.done(&Ok(Committed::Done)), Outcome::Written(vec!["call a"]));
    let second = ledger.next(Turn::default, now(0)).expect("due");
    assert_eq!((second.base, second.version, ids(&second)), (VERSION, VERSION + 1, vec!["b"]));
}

#[test]
fn what_nobody_knows_the_end_of_is_written_again_as_it_was() {
    let mut ledger = Ledger::new(7, 0, false);
    ledger.put(turn("a"), vec!["call a"], true);
    let first = ledger.next(Turn::default, now(0)).expect("due");
    assert_eq!(ledger.done(&Err(Unreachable("gone".into()))), Outcome::Again);
    assert_eq!(ledger.again(), Some(first));
    assert_eq!(ledger.done(&Ok(Committed::Done)), Outcome::Written(vec!["call a"]));
}

#[test]
fn what_somebody_else_wrote_under_the_same_version_is_not_taken_for_its_own() {
    let mut ledger = Ledger::new(7, 0, false);
    ledger.put(turn("a"), vec!["call a"], true);
    ledger.next(Turn::default, now(0)).expect("due");
    assert_eq!(ledger.done(&Ok(Committed::Behind(VERSION))), Outcome::Again);
    let anew = ledger.next(|| turn("all"), now(0)).expect("at once");
    assert_eq!((anew.anew, anew.base, anew.version), (true, VERSION, VERSION + 1));
}

#[test]
fn calls_that_are_made_without_the_shelves_are_not_given_out_again_when_it_is_written() {
    let mut ledger = Ledger::new(7, 0, false);
    ledger.put(turn("a"), vec!["call a"], true);
    ledger.next(Turn::default, now(0)).expect("due");
    ledger.put(turn("b"), vec!["call b"], true);
    assert_eq!(ledger.release(), ["call a", "call b"]);
    assert_eq!(ledger.done(&Ok(Committed::Done)), Outcome::Written(Vec::new()));
}

#[test]
fn shelves_that_were_wiped_or_hold_something_else_are_written_anew_and_calls_wait_for_that() {
    for (answer, base) in [(Committed::Wiped, 0), (Committed::Behind(3), 3)] {
        let mut ledger = Ledger::new(7, 5, false);
        ledger.put(turn("a"), vec!["call a"], true);
        ledger.next(Turn::default, now(0)).expect("due");
        ledger.put(turn("b"), vec!["call b"], true);
        assert_eq!(ledger.done(&Ok(answer)), Outcome::Again);
        assert_eq!(ledger.again(), None);
        let anew = ledger.next(|| turn("all"), now(0)).expect("at once");
        assert_eq!((anew.anew, anew.base, ids(&anew)), (true, base, vec!["all"]));
        assert_eq!(ledger.done(&Ok(Committed::Done)), Outcome::Written(vec!["call a", "call b"]));
    }
}

#[test]
fn who_is_fenced_makes_no_call_and_gives_back_what_was_not_written() {
    let mut ledger = Ledger::new(7, 0, false);
    ledger.put(turn("a"), vec!["call a"], true);
    ledger.next(Turn::default, now(0)).expect("due");
    ledger.put(turn("b"), vec!["call b"], true);
    assert_eq!(ledger.done(&Ok(Committed::Fenced)), Outcome::Fenced);
    let (turn, calls, anew) = ledger.close();
    assert_eq!((turn.incidents.len(), calls, anew), (2, vec!["call a", "call b"], false));
}

#[test]
fn figures_alone_are_written_once_a_second() {
    let mut ledger = Ledger::<()>::new(7, 0, false);
    let mut commits = 0;
    for ms in (0..10_000).step_by(100) {
        ledger.put(turn("a"), Vec::new(), false);
        if ledger.next(Turn::default, now(ms)).is_some() {
            commits += 1;
            ledger.done(&Ok(Committed::Done));
        }
    }
    assert_eq!(commits, 10);
}
