mod turns;

use std::sync::Arc;

use rand::{SeedableRng, rngs::SmallRng};

use super::*;
use crate::{alert::desk::Settled, model::alert::Alert};

pub(crate) fn at(ms: i64) -> Now {
    let at = Timestamp(chrono::DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("a moment"));
    Now { steady: at, wall: at }
}

pub(crate) fn alert(id: &str) -> Arc<Alert> {
    let text = format!(
        r#"{{"id":"{id}","type":"region_health","severity":"critical","message":"down","metrics":{{}},
        "timestamp":"2026-11-23T08:46:00.123Z","resolved":false,"rule":"database_down","fingerprint":"f","region":"r","target":"t",
        "state":"firing","startedAt":"2026-11-23T08:46:00.123Z","evidence":{{"sessions":[],"holders":[],"queries":[]}},
        "affects":[],"flaps":0,"flapping":false,"deliveries":[],"runbook":"","chart":{{"figure":"","unit":"","points":[]}}}}"#
    );
    Arc::new(serde_json::from_str(&text).expect("an alert"))
}

pub(crate) fn order(about: &str, channel: &str, event: AlertEvent, level: &str, severity: Severity, ms: i64) -> Order {
    let lane = Lane { about: about.into(), channel: channel.into(), recipient: None };
    let (due, decided) = (at(ms).steady, at(ms).steady);
    Order { lane, event, level: level.into(), severity, due, decided, alerts: vec![alert(about)], notes: vec![] }
}

pub(crate) fn nature(keyed: bool) -> Nature {
    Nature { keyed, edits: keyed, refresh: None, burst: 1000, every: Duration::ZERO }
}

pub(crate) fn route(name: &str, nature: Nature) -> Route {
    Route { name: name.into(), kind: "webhook", nature, confirms: false }
}

/// An outbox with the keyed channel `hook`, which edits too, and the unkeyed `slack`, driven by words.
struct Script {
    outbox: Outbox,
    lent: Vec<Consignment>,
    now: i64,
    rng: SmallRng,
}

impl Script {
    fn new() -> Self {
        Self::with(vec![route("hook", nature(true)), route("slack", nature(false))])
    }

    fn with(routes: Vec<Route>) -> Self {
        let outbox = Outbox::new(routes, Duration::from_mins(5));
        Self { outbox, lent: Vec::new(), now: 0, rng: SmallRng::seed_from_u64(1) }
    }

    /// `slack i1 firing critical`
    fn tell(&mut self, words: &str) -> &mut Self {
        let words: Vec<&str> = words.split(' ').collect();
        let event = serde_json::from_str(&format!("\"{}\"", words[2])).expect("an event");
        let severity = serde_json::from_str(&format!("\"{}\"", words[3])).expect("a severity");
        let level = words.get(4).copied().unwrap_or("0");
        let orders = vec![order(words[1], words[0], event, level, severity, self.now)];
        self.outbox.take(&Changes { orders, ..Changes::default() }, at(self.now));
        self
    }

    fn settle(&mut self, id: &str, settled: Settled) -> &mut Self {
        self.outbox.take(&Changes { settled: vec![(id.into(), settled)], ..Changes::default() }, at(self.now));
        self
    }

    fn wait(&mut self, ms: i64) -> &mut Self {
        self.now += ms;
        self
    }

    /// Lends what is due: `slack i1 firing`, with `!` for a possible repeat and `+` for beginning and end in one.
    fn offer(&mut self) -> String {
        let offered = self.outbox.offer(at(self.now));
        let word = |one: &Consignment| {
            let Parcel { order, possible_repeat, fired_and_recovered, .. } = &one.parcel;
            let marks = [(*possible_repeat, "!"), (*fired_and_recovered, "+")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{} {} {}{marks}", order.lane.channel, order.lane.about, order.event.as_str())
        };
        let words: Vec<String> = offered.iter().map(word).collect();
        self.lent.extend(offered);
        words.join(", ")
    }

    /// Ends the oldest call.
    fn end(&mut self, ended: Ended) -> &mut Self {
        let one = self.lent.remove(0);
        self.outbox.settle(one.seq, one.attempt, ended, at(self.now), &mut self.rng);
        self
    }

    fn ok(&mut self) -> &mut Self {
        self.end(took(None))
    }

    fn states(&self) -> String {
        let word = |row: &Row| format!("{} {:?}", row.order.event.as_str(), row.state).to_lowercase();
        self.outbox.rows().map(word).collect::<Vec<_>>().join(", ")
    }

    /// The process ends at once; the next one goes on from what was journaled.
    fn crash(&mut self) -> &mut Self {
        let rows: Vec<Row> = self.outbox.rows().cloned().collect();
        *self = Self { now: self.now, ..Self::new() };
        self.outbox.restore(rows, at(self.now));
        self
    }
}

fn took(reference: Option<&str>) -> Ended {
    Ended::Answered(Ok(Receipt { answer: "200 ok".into(), reference: reference.map(Into::into) }))
}

fn retry(after: Option<Duration>) -> Ended {
    Ended::Answered(Err(Failure::Retry { why: "503".into(), after }))
}

fn refused() -> Ended {
    Ended::Answered(Err(Failure::Permanent("403 invalid_token".into())))
}

#[test]
fn an_end_waits_for_its_beginning_whatever_that_takes() {
    let mut script = Script::new();
    script.tell("hook i1 firing high").tell("hook i1 resolved high");
    assert_eq!(script.offer(), "hook i1 firing");
    assert_eq!(script.offer(), "");
    script.end(retry(None)).wait(1_000);
    assert_eq!(script.offer(), "hook i1 firing");
    assert_eq!(script.ok().offer(), "hook i1 resolved");
    assert_eq!(script.ok().offer(), "");
    assert_eq!(script.states(), "firing sent, resolved sent");
}

#[test]
fn what_was_begun_by_nobody_is_told_in_one_when_critical_and_dropped_otherwise() {
    for (severity, offered, states) in [
        ("critical", "slack i1 resolved+", "firing cancelled, resolved sending"),
        ("high", "", "firing cancelled, resolved cancelled"),
    ] {
        let mut script = Script::new();
        script.tell(&format!("slack i1 firing {severity}")).settle("i1", Settled::Resolved);
        script.tell(&format!("slack i1 resolved {severity}"));
        assert_eq!((script.offer().as_str(), script.states().as_str()), (offered, states), "{severity}");
    }
}

#[test]
fn an_end_that_comes_during_the_call_depends_on_how_the_call_ends() {
    for (ended, then) in [
        (took(None), "slack i1 resolved"),
        (retry(None), "slack i1 resolved+"),
        (refused(), "slack i1 resolved+"),
        (Ended::Unknown("no answer".into()), "slack i1 firing!"),
    ] {
        let mut script = Script::new();
        script.tell("slack i1 firing critical");
        assert_eq!(script.offer(), "slack i1 firing");
        script.settle("i1", Settled::Resolved).tell("slack i1 resolved critical").end(ended.clone()).wait(1_000);
        assert_eq!(script.offer(), then, "{ended:?}");
    }
}

#[test]
fn taken_incidents_get_no_reminder_but_their_first_notice() {
    let mut script = Script::new();
    script
        .tell("slack i1 firing high")
        .tell("slack i1 reminder high")
        .tell("hook i1 escalation high")
        .tell("hook i2 reminder high");
    script.settle("i1", Settled::Acknowledged).tell("slack i1 acknowledged high");
    assert_eq!(script.offer(), "hook i2 reminder, slack i1 firing");
    script.ok().ok();
    assert_eq!(script.offer(), "slack i1 acknowledged");
}

#[test]
fn edits_replace_each_other_and_go_only_where_something_can_be_edited() {
    let mut script = Script::new();
    script.tell("hook i1 firing high").tell("hook i1 update high 1").tell("hook i1 update high 2").tell("slack i1 update high 2");
    assert_eq!(script.offer(), "hook i1 firing");
    script.end(took(Some("ts1")));
    assert_eq!(script.offer(), "hook i1 update");
    let parcel = &script.lent[0].parcel;
    assert_eq!((parcel.order.level.as_str(), parcel.reference.as_deref()), ("2", Some("ts1")));
    script.end(took(Some("ts1")));
    assert_eq!(script.states(), "firing sent", "edits leave no trace");
    assert!(!script.outbox.changes().dropped.is_empty());
}

#[test]
fn an_edit_of_what_nobody_got_is_no_beginning() {
    let mut script = Script::new();
    script.tell("hook i1 firing critical").offer();
    script.end(refused()).tell("hook i1 update critical 1").offer();
    script.ok().settle("i1", Settled::Resolved).tell("hook i1 resolved critical");
    assert_eq!(script.offer(), "hook i1 resolved+");
}

#[test]
fn the_reference_of_a_beginning_outlives_a_crash() {
    let mut script = Script::new();
    script.tell("slack i1 firing high").offer();
    script.end(took(Some("C1 17.5"))).crash().tell("slack i1 resolved high").offer();
    assert_eq!(script.lent[0].parcel.reference.as_deref(), Some("C1 17.5"));
}

#[test]
fn what_was_refused_for_good_or_took_too_long_is_given_to_the_desk() {
    let mut script = Script::new();
    script.tell("slack i1 firing critical").offer();
    script.end(refused());
    let news = script.outbox.news();
    assert_eq!(news.undeliverable[0].1, "403 invalid_token");
    assert_eq!(news.undeliverable[0].0.alerts.len(), 1, "the next channel needs what it says");
    assert!(news.notes.iter().any(|(id, step)| id == "i1" && step.what == "failed"));

    script.tell("hook i2 firing low").offer();
    for _ in 0..40 {
        if !script.lent.is_empty() {
            script.end(retry(None));
        }
        script.wait(10_000).offer();
    }
    let news = script.outbox.news();
    assert_eq!(news.undeliverable.len(), 1);
    assert!(news.undeliverable[0].1.contains("not delivered within 5m") && news.undeliverable[0].1.contains("503"), "{news:?}");
    let attempts = script.outbox.rows().last().expect("a row").attempts;
    assert!((7..=20).contains(&attempts), "{attempts} attempts in five minutes");
}

#[test]
fn retry_after_holds_the_whole_channel_and_no_other() {
    let mut script = Script::new();
    script.tell("slack i1 firing high").tell("slack i2 firing critical").tell("hook i1 firing high");
    assert_eq!(script.offer(), "hook i1 firing, slack i2 firing", "one call at a time, the critical one first");
    script.ok().end(retry(Some(Duration::from_secs(30)))).tell("hook i2 firing high");
    assert_eq!(script.wait(29_000).offer(), "hook i2 firing");
    assert_eq!(script.wait(1_000).offer(), "slack i2 firing");
    script.ok().end(retry(Some(Duration::from_hours(1))));
    assert_eq!(script.outbox.news().undeliverable.len(), 1, "an hour is longer than it may take: the next channel is told now");
}

#[test]
fn criticals_overtake_others_when_tokens_are_scarce_but_not_within_their_lane() {
    let scarce = Nature { burst: 1, every: Duration::from_secs(1), ..nature(true) };
    let mut script = Script::with(vec![route("hook", scarce)]);
    script
        .tell("hook i1 firing high")
        .tell("hook i2 firing high")
        .tell("hook i3 firing critical")
        .tell("hook i2 severity critical");
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(script.offer());
        if !script.lent.is_empty() {
            script.ok();
        }
        script.wait(1_000);
    }
    assert_eq!(told, ["hook i2 firing", "hook i3 firing", "hook i2 severity", "hook i1 firing", ""]);
}

#[test]
fn after_a_crash_in_a_call_only_what_is_keyed_or_critical_is_sent_again() {
    for (channel, severity, offered) in [
        ("hook", "low", "hook i1 firing"),
        ("hook", "critical", "hook i1 firing"),
        ("slack", "critical", "slack i1 firing!"),
        ("slack", "high", "slack i1 resolved"),
    ] {
        let mut script = Script::new();
        script.tell(&format!("{channel} i1 firing {severity}"));
        script.offer();
        let key = script.lent[0].parcel.key.clone();
        script.crash().settle("i1", Settled::Resolved).tell(&format!("{channel} i1 resolved {severity}"));
        assert_eq!(script.offer(), offered, "{channel} {severity}");
        assert_eq!(script.lent[0].parcel.key == key, offered.contains("firing"), "the same message has the same key");
    }
}

#[test]
fn a_long_time_without_us_is_no_fault_of_the_channel() {
    let mut script = Script::new();
    script.tell("slack i1 firing critical").wait(3_600_000).crash();
    assert_eq!(script.offer(), "slack i1 firing");
}

#[test]
fn what_waits_for_a_channel_that_is_gone_has_failed() {
    let mut script = Script::new();
    script.tell("slack i1 firing high");
    script.outbox.reconfigure(vec![route("hook", nature(true))], Duration::from_mins(5), at(1));
    script.tell("slack i2 firing high");
    assert_eq!(script.outbox.news().undeliverable.len(), 2);
    assert_eq!(script.states(), "firing failed, firing failed");
    assert_eq!(script.offer(), "");
}

#[test]
fn the_same_order_twice_is_one_message() {
    let mut script = Script::new();
    script.tell("slack i1 firing high").tell("slack i1 firing high").tell("slack i1 firing high 2");
    assert_eq!(script.outbox.rows().count(), 2);
}

#[test]
fn a_provider_that_forgets_is_told_again_while_it_lasts_and_for_five_minutes_after() {
    let forgetful = Nature { refresh: Some(Duration::from_mins(1)), ..nature(true) };
    let mut script = Script::with(vec![route("am", forgetful)]);
    script.tell("am i1 firing high");
    let mut refreshed = Vec::new();
    for minute in 0..12 {
        if minute == 3 {
            script.settle("i1", Settled::Resolved).tell("am i1 resolved high");
        }
        if !script.offer().is_empty() {
            script.ok();
        }
        let due = script.outbox.refreshes(at(script.now));
        for lane in &due {
            script.tell("am i1 severity high");
            assert_eq!(script.offer(), "", "nothing overtakes a refresh");
            script.outbox.refreshed(lane, &took(None), at(script.now));
            script.settle("i1", Settled::Resolved);
        }
        refreshed.push(due.len());
        script.wait(60_000);
    }
    assert_eq!(refreshed, [0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0]);
}

#[test]
fn what_a_provider_says_later_counts_too() {
    let mut script = Script::new();
    script.tell("hook i1 firing critical").offer();
    script.end(took(Some("msg_1")));
    script.outbox.news();
    script.outbox.confirmed("msg_other", Some("gone"), at(5));
    assert!(script.outbox.news().undeliverable.is_empty());
    script.outbox.confirmed("msg_1", Some("the destination answered 500"), at(5));
    assert_eq!(script.outbox.news().undeliverable.len(), 1);
    assert_eq!(script.states(), "firing failed");
}

#[test]
fn rows_go_with_their_incidents_but_not_before_they_are_finished() {
    let mut script = Script::new();
    script.tell("slack i1 firing high").tell("slack i2 firing high").tell("hook i3 firing high").offer();
    script.ok().ok();
    script.outbox.changes();
    script.outbox.forget(|id| id == "i3");
    assert_eq!(script.states(), "firing queued, firing sent");
    assert_eq!(script.outbox.changes().dropped.len(), 1);
    assert_eq!((script.outbox.deliveries("i1").len(), script.outbox.deliveries("i3").len()), (0, 1));
}
