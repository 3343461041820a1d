use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(1_795_000_000 + seconds, 0).expect("a moment"))
}

#[test]
fn so_many_first_notices_fit_into_a_minute_and_what_must_go_out_does() {
    let mut budgets = Budgets::default();
    let mut script =
        |seconds: &[i64], must| seconds.iter().map(|second| budgets.admits("chat", at(*second), 3, must)).collect::<Vec<_>>();
    assert_eq!(script(&[0, 1, 2, 3, 59], false), [true, true, true, false, false]);
    assert_eq!(script(&[59], true), [true], "a critical one");
    assert_eq!(script(&[60, 61, 62, 63], false), [false, true, true, false], "it counts as well");
    assert!(budgets.admits("mail", at(3), 3, false), "each channel has its own");
}

#[test]
fn a_digest_gathers_is_told_when_it_changes_and_ends_with_its_members() {
    for (edits, next) in [(true, 10), (false, 300)] {
        let mut budgets = Budgets::default();
        budgets.join("chat", at(0), "one");
        budgets.join("chat", at(0), "two");
        budgets.join("chat", at(0), "one");
        assert_eq!(budgets.due(at(0)), []);
        assert_eq!(budgets.due(at(1)), [("chat".to_owned(), vec!["one".to_owned(), "two".to_owned()])]);
        let (id, number) = budgets.tell("chat", at(1), 7, edits, false).expect("new");
        assert!(id.starts_with("digest-chat-") && number == 1, "{id} {number}");
        assert_eq!(budgets.due(at(next)), []);
        assert_eq!(budgets.tell("chat", at(1 + next), 7, edits, false), None, "nothing changed");
        assert_eq!(budgets.tell("chat", at(11 + next), 8, edits, true), Some((id, 2)));
        assert_eq!(budgets.due(at(10_000)), []);
        assert_eq!(budgets.members("chat"), [] as [String; 0]);
    }
}

#[test]
fn what_was_over_before_anybody_could_be_told_is_not_told() {
    let mut budgets = Budgets::default();
    budgets.join("chat", at(0), "one");
    assert_eq!(budgets.tell("chat", at(1), 7, true, true), None);
    assert_eq!(budgets.due(at(10)), []);
}
