//! Sizes that grew by known amounts.

use isobar::sandbox::Postgres;

use super::{SOON, ask, number, shop, watch};

#[test]
fn the_size_is_the_servers_own_to_the_byte_and_grows_with_it() {
    let server = shop(Postgres::builder(), true);
    let (node, _dir) = watch(&server, "size = \"5s\"", "");
    let truth = || ask(&server, "SELECT pg_database_size('shop')");
    let expect = |truth: f64| {
        let (sample, took) = node
            .expect("local/shop", &format!("{truth} bytes"), SOON, |sample| number(sample, "/database/sizeBytes") == Some(truth));
        assert_eq!(number(&sample, "/database/size"), Some(truth / 1_048_576.0));
        assert!(sample["database"]["growthPerDay"].is_null(), "no history yet: {sample}");
        println!("seen after {took:?}");
    };
    let before = truth();
    expect(before);
    server.sql("shop", "CREATE TABLE grown AS SELECT repeat('x', 900) FROM generate_series(1, 30000)").expect("a table");
    let after = truth();
    assert!(after - before > 27e6, "{before} {after}");
    expect(after);
}
