//! What the receiver wrote down, when the kills were, and the book at the end, held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::receiver::Post;

/// All that is known of one world.
pub(super) struct World {
    pub(super) posts: Vec<Post>,
    pub(super) kills: usize,
    /// The alerts of the book.
    pub(super) alerts: Vec<Value>,
    /// Targets of which the alert stage had taken note that they are down.
    pub(super) noted: BTreeSet<String>,
}

impl World {
    fn killed_between(pair: &[Post]) -> bool {
        pair[0].life < pair[1].life
    }

    fn by_key(&self) -> BTreeMap<&str, Vec<Post>> {
        let mut by_key: BTreeMap<&str, Vec<Post>> = BTreeMap::new();
        self.posts.iter().for_each(|post| by_key.entry(&post.key).or_default().push(post.clone()));
        by_key
    }

    fn first(&self, about: &str, event: &str) -> Option<usize> {
        self.posts.iter().position(|post| post.about == about && post.event == event)
    }

    fn is_taken(&self, about: &str, event: &str) -> bool {
        self.posts.iter().any(|post| post.about == about && post.event == event && post.taken)
    }

    /// What holds whatever the channel; `name` is what the receiver calls an alert.
    fn nothing_is_lost(&self, name: impl Fn(&Value) -> String) {
        for target in &self.noted {
            let is_it = |alert: &Value| alert["target"] == target.as_str() && alert["rule"] == "database_down";
            assert!(self.alerts.iter().any(is_it), "{target} was known to be down, and is forgotten");
        }
        for alert in &self.alerts {
            assert_eq!(alert["state"], "resolved", "{alert}");
            let about = name(alert);
            let told = |event| self.is_taken(&about, event);
            let sent = |event| delivery(alert, event).is_some_and(|delivery| delivery["state"] == "sent");
            // Nothing hides a critical here.
            if alert["severity"] == "critical" {
                assert!(told("firing") || told("both") || told("resolved"), "a critical was lost: {alert}");
                assert!(sent("resolved"), "its end was lost: {alert}");
                assert!(told("resolved") || told("both"), "its end was never told: {alert}");
            }
            for event in ["firing", "resolved"] {
                let all = deliveries(alert).filter(|delivery| delivery["event"] == event).count();
                assert!(all <= 1, "{all} deliveries of {event}: {alert}");
            }
        }
        for post in &self.posts {
            let alert = self.alerts.iter().find(|alert| name(alert) == post.about);
            let alert = alert.unwrap_or_else(|| panic!("told of what nobody knows: {post:?}"));
            let event = if post.event == "both" { "resolved" } else { &post.event };
            // What was refused may have lost its sense before it was told again.
            let is_sent = delivery(alert, event).is_some_and(|delivery| delivery["state"] == "sent");
            assert!(is_sent || !self.is_taken(&post.about, &post.event), "told, but not in the book: {post:?} {alert}");
            if let (Some(firing), Some(end)) = (self.first(&post.about, "firing"), self.first(&post.about, "resolved")) {
                assert!(firing < end, "an end before its beginning: {alert}");
            }
        }
    }

    /// A webhook: a repeat has the same key, and a reason.
    pub(super) fn judge_keyed(&self) {
        self.nothing_is_lost(|alert| text(&alert["id"]));
        for (key, posts) in self.by_key() {
            assert!(
                !key.is_empty() && posts.iter().all(|it| it.event == posts[0].event && it.about == posts[0].about),
                "{posts:?}"
            );
            for pair in posts.windows(2) {
                assert!(!pair[0].taken || Self::killed_between(pair), "repeated without a reason: {pair:?}");
            }
        }
        for post in self.posts.iter().filter(|post| post.event == "firing" || post.event == "resolved") {
            let mut same = self.posts.iter().filter(|other| other.about == post.about && other.event == post.event);
            assert!(same.all(|other| other.key == post.key), "one notice, two keys: {post:?}");
            let alert = self.alerts.iter().find(|alert| alert["id"] == post.about.as_str()).expect("judged above");
            let mut keys = deliveries(alert).filter(|delivery| delivery["event"] == post.event.as_str());
            assert!(keys.any(|delivery| delivery["key"] == post.key.as_str()), "another key than in the book: {post:?} {alert}");
            if post.event == "resolved" && !self.is_taken(&post.about, "firing") {
                let state = delivery(alert, "firing").map(|firing| text(&firing["state"]));
                assert_eq!(state.as_deref(), Some("cancelled"), "an end without a beginning: {alert}");
            }
        }
    }

    /// Slack: what is not critical is not repeated for a kill, and what is says so.
    pub(super) fn judge_unkeyed(&self) {
        self.nothing_is_lost(slack_name);
        for posts in self.by_key().values() {
            let is_critical = posts[0].about.starts_with("database_down");
            for pair in posts.windows(2) {
                let after_a_kill = is_critical && Self::killed_between(pair) && pair[1].marked;
                assert!(!pair[0].taken || after_a_kill, "repeated, and it does not say so: {pair:?}");
            }
            assert!(is_critical || !posts.iter().any(|post| post.marked), "{posts:?}");
            let was_called = |post: &Post| post.life > 0;
            assert!(posts.iter().filter(|post| post.marked).all(was_called), "marked without a kill: {posts:?}");
            if is_critical && posts[0].event == "resolved" {
                assert!(self.first(&posts[0].about, "firing").is_some(), "an end without a beginning: {posts:?}");
            }
        }
    }

    /// How often a message came again after a kill.
    pub(super) fn repeats(&self) -> usize {
        self.by_key().values().map(|posts| posts.windows(2).filter(|pair| Self::killed_between(pair)).count()).sum()
    }

    /// Messages that are marked as a possible repeat.
    pub(super) fn marks(&self) -> usize {
        self.posts.iter().filter(|post| post.marked).count()
    }

    /// Messages that a kill left in doubt, and that are not told again.
    pub(super) fn counted_on(&self) -> usize {
        let is_it = |delivery: &&Value| text(&delivery["answer"]).starts_with("counted as sent");
        self.alerts.iter().flat_map(deliveries).filter(is_it).count()
    }

    pub(super) fn ends(&self) -> usize {
        self.posts.iter().filter(|post| post.event == "resolved" || post.event == "both").count()
    }
}

fn slack_name(alert: &Value) -> String {
    format!("{} on {}/{}", text(&alert["rule"]), text(&alert["region"]), text(&alert["target"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn deliveries(alert: &Value) -> impl Iterator<Item = &Value> {
    alert["deliveries"].as_array().into_iter().flatten()
}

fn delivery<'a>(alert: &'a Value, event: &str) -> Option<&'a Value> {
    deliveries(alert).find(|delivery| delivery["event"] == event)
}
