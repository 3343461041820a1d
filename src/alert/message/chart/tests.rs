use super::*;
use crate::{
    alert::message::tests::{alert, at},
    model::Rule,
};

fn pixels(picture: &Picture) -> Pixmap {
    Pixmap::decode_png(&picture.png).unwrap()
}

/// Columns in which a pixel of about that colour is.
fn columns(picture: &Pixmap, colour: [u8; 3]) -> Vec<u32> {
    let is = |x: u32, y: u32| {
        let pixel = picture.pixel(x, y).unwrap();
        let seen = [pixel.red(), pixel.green(), pixel.blue()];
        seen.iter().zip(colour).all(|(seen, wanted)| seen.abs_diff(wanted) < 12)
    };
    (0..picture.width()).filter(|x| (0..picture.height()).any(|y| is(*x, y))).collect()
}

#[test]
fn a_waiting_pool_is_a_line_a_threshold_and_a_breach() {
    let picture = draw(&alert(Rule::PoolWaiting)).unwrap();
    let pixels = pixels(&picture);
    assert_eq!((pixels.width(), pixels.height()), (WIDTH, HEIGHT));
    assert!(columns(&pixels, BACKGROUND).contains(&1));
    let breach = columns(&pixels, BREACH);
    // The breach began 48 of 59 seconds into the picture.
    assert!((375..390).contains(&breach[0]), "{breach:?}");
    let line = columns(&pixels, LINE);
    let gap = 6 + 20 * 468 / 59;
    assert!(!line.contains(&gap), "the gap is one");
    assert!(line.contains(&(gap - 12)) && line.contains(&(gap + 12)) && line.len() > 430, "{}", line.len());
    let dashed = columns(&pixels, THRESHOLD).len();
    assert!((200..400).contains(&dashed), "dashed: {dashed} columns of {WIDTH}");
    assert_eq!(picture.caption, "oldest wait, 08:45 to 08:45 UTC");
    assert_eq!(picture.range, "20 ms to 5.2 s, threshold 5 s");
}

#[test]
fn the_same_alert_is_the_same_picture() {
    assert_eq!(draw(&alert(Rule::PoolWaiting)), draw(&alert(Rule::PoolWaiting)));
}

#[test]
fn a_breach_of_before_the_picture_is_no_mark() {
    let mut old = alert(Rule::PoolWaiting);
    old.started_at = at(-4_000);
    assert_eq!(columns(&pixels(&draw(&old).unwrap()), BREACH), [0u32; 0]);
}

#[test]
fn too_little_to_join_is_no_picture() {
    let mut sparse = alert(Rule::PoolWaiting);
    for points in [
        vec![],
        vec![(0, Some(1.0))],
        vec![(0, None), (1, None)],
        vec![(0, Some(f64::NAN)), (1, Some(1.0))],
        vec![(0, Some(7.0)); 2],
    ] {
        sparse.chart.points = points;
        assert_eq!(draw(&sparse), None);
    }
}

#[test]
fn a_flat_line_is_drawn_wherever_it_lies() {
    let mut flat = alert(Rule::PoolWaiting);
    flat.threshold = None;
    for value in [0.0, 7.0, -3.0] {
        flat.chart.points = vec![(0, Some(value)), (1_000, Some(value))];
        assert!(!columns(&pixels(&draw(&flat).unwrap()), LINE).is_empty(), "{value}");
    }
}

#[test]
fn a_share_s_threshold_stands_at_its_percentage() {
    let mut cache = alert(Rule::CacheHitLow);
    cache.chart.unit = "%".into();
    cache.chart.figure = "cache hits".into();
    cache.chart.points = vec![(0, Some(99.0)), (60_000, Some(81.2))];
    assert_eq!(draw(&cache).unwrap().range, "81% to 99%, threshold 90%");
}

#[test]
fn a_threshold_of_something_else_is_not_drawn() {
    let mut leak = alert(Rule::ConnectionLeak);
    leak.chart.figure = "idle in transaction".into();
    leak.chart.points = vec![(0, Some(2.0)), (60_000, Some(28.0))];
    let picture = draw(&leak).unwrap();
    assert_eq!(picture.range, "2 to 28");
    assert_eq!(columns(&pixels(&picture), THRESHOLD), [0u32; 0]);
}
