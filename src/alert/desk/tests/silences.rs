//! Silences and maintenance hold back what is new, never the end of what was told.

use std::time::Duration;

use super::room::*;
use crate::{
    alert::{
        Settings,
        settings::{PlannedSilence, When},
    },
    model::alert::{AlertRefusal, Matchers, NewSilence, Silence},
};

fn all_of(target: &str) -> Matchers {
    Matchers { target: Some(target.into()), ..Matchers::default() }
}

fn new(matchers: Matchers, lasts: u64) -> NewSilence {
    let (by, reason) = ("ana".into(), "moving house".into());
    NewSilence { matchers, starts_at: None, ends_at: None, lasts: Some(Duration::from_secs(lasts)), by, reason }
}

fn silence(room: &mut Room, command: &NewSilence) -> Silence {
    let silence = room.desk.silence(room.now(), command).expect("silenced");
    room.collect();
    silence
}

#[test]
fn a_silence_holds_back_until_it_ends() {
    let mut room = Room::new();
    let made = silence(&mut room, &new(all_of("a*"), 60));
    room.breach("app", "pool_waiting", "critical");
    room.breach("shop", "pool_waiting", "high");
    room.run(30.0);
    assert_eq!(room.incident("app", "pool_waiting").suppressed_by, Some(format!("silence/{}", made.id)));
    room.run(40.0);
    room.expect(&["0 slack firing shop/pool_waiting high", "60 slack firing app/pool_waiting critical"]);
    let said = room.incident("app", "pool_waiting").steps.iter().find(|step| step.what == "suppressed").expect("a step");
    assert!(said.text.ends_with("by ana: moving house"), "{}", said.text);
}

#[test]
fn what_was_told_before_the_silence_is_told_to_be_over_and_goes_no_further_until_then() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_waiting", "high");
    room.run(30.0);
    silence(&mut room, &new(all_of("app"), 3_600));
    room.run(100.0);
    room.clear("app", "pool_waiting");
    room.run(30.0);
    room.expect(&["0 chat firing app/pool_waiting high", "145 chat resolved app/pool_waiting high"]);
}

#[test]
fn steps_that_fell_into_a_silence_come_after_it_and_are_not_late() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 60 mail"]);
    room.breach("app", "pool_waiting", "high");
    room.run(30.0);
    let made = silence(&mut room, &new(all_of("app"), 3_600));
    room.run(100.0);
    room.desk.end_silence(room.now(), &made.id).expect("ended");
    room.collect();
    room.expect(&["0 chat firing app/pool_waiting high", "130 mail firing app/pool_waiting high"]);
    assert_eq!(room.desk.silences(room.now()), []);
}

#[test]
fn a_nightly_window_holds_back_what_happens_in_it() {
    // The script begins at 11:06:40 in UTC.
    let when = When::Recurring { cron: "7 12 * * *".into(), lasts: Duration::from_mins(2), zone: chrono_tz::Europe::Berlin };
    let (name, reason, matchers) = ("batch".into(), "the batch".into(), Matchers::default());
    let planned = vec![PlannedSilence { name, maintenance: true, matchers, when, reason }];
    let mut room = Room::with(Settings { planned, ..Settings::default() }, ways("slack"));
    assert!(!room.desk.silences(room.now())[0].active);
    room.run(20.0);
    room.breach("app", "pool_saturated", "critical");
    room.run(60.0);
    assert_eq!(room.incident("app", "pool_saturated").suppressed_by.as_deref(), Some("maintenance/batch"));
    room.expect(&[]);
    let shown = room.desk.silences(room.now());
    assert!(
        shown[0].active && shown[0].schedule.as_deref().is_some_and(|text| text.ends_with("for 2m Europe/Berlin")),
        "{shown:?}"
    );
    room.run(61.0);
    assert_eq!(room.told().len(), 1);
}

#[test]
fn a_silence_that_makes_no_sense_is_refused() {
    let mut room = Room::new();
    let at = |room: &Room, seconds: i64| Some(time(room.now().wall.unix_ms() + seconds * 1_000));
    let good = new(all_of("app"), 60);
    let rule = |rule: &str| new(Matchers { rule: Some(rule.into()), ..Matchers::default() }, 60);
    let severity = |text: &str| new(Matchers { severity: Some(text.into()), ..Matchers::default() }, 60);
    for (command, why) in [
        (new(Matchers::default(), 60), "no matcher"),
        (new(all_of(""), 60), "`target` must have"),
        (rule("pool_wating"), "no rule is called `pool_wating`"),
        (severity("bad"), "no severity is called `bad`"),
        (NewSilence { by: String::new(), ..good.clone() }, "`by` is empty"),
        (NewSilence { reason: "x".repeat(2_001), ..good.clone() }, "`reason` is longer"),
        (NewSilence { lasts: None, ..good.clone() }, "give either an end"),
        (NewSilence { ends_at: at(&room, 60), ..good.clone() }, "not both"),
        (NewSilence { lasts: None, ends_at: at(&room, -1), ..good.clone() }, "ends before it starts"),
        (NewSilence { lasts: None, starts_at: at(&room, -60), ends_at: at(&room, -1), ..good.clone() }, "has passed"),
        (new(all_of("app"), 367 * 86_400), "a year at most"),
        (NewSilence { lasts: None, ends_at: at(&room, 367 * 86_400), ..good.clone() }, "a year from now"),
    ] {
        let refused = room.desk.silence(room.now(), &command).expect_err(why);
        assert!(matches!(&refused, AlertRefusal::Invalid(text) if text.contains(why)), "{refused:?}, not {why}");
    }
    for command in [rule("pool_*"), rule("delivery_failing"), severity("critical"), severity("?igh")] {
        assert!(room.desk.silence(room.now(), &command).is_ok(), "{command:?}");
    }
    assert!(matches!(room.desk.end_silence(room.now(), "s0"), Err(AlertRefusal::NotFound(_))));
}
