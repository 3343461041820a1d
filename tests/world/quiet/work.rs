//! What a database does to keep itself in shape, and what is done to it at night.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use isobar::sandbox::{Postgres, postgres::binaries};

use super::{World, shop};
use crate::support::{secs, until};

/// Longer than a statements interval: what ended in the last one is judged.
const INTERVAL: Duration = secs(11);

fn one(server: &Postgres, database: &str, sql: &str) -> String {
    let rows = server.sql(database, sql).expect(sql);
    rows.iter().find_map(|row| row.get(0)).unwrap_or_default().to_owned()
}

/// A table of about 100 bytes a row, in bursts of 50,000.
fn fill(server: &Postgres, bursts: u32) {
    server.sql("shop", "CREATE TABLE orders (id int, note text)").expect("a table");
    for _ in 0..bursts {
        let burst = "INSERT INTO orders SELECT id, repeat(md5(id::text), 3) FROM generate_series(1, 50000) id";
        server.sql("shop", burst).expect("rows");
    }
}

#[test]
fn checkpoints_vacuum_and_index_builds_page_nobody() {
    let world = World::watching(shop(), None, "");
    fill(&world.server, 16);
    for upkeep in [
        "CHECKPOINT",
        "VACUUM (ANALYZE) orders",
        "CREATE INDEX orders_note ON orders (note, id)",
        "DELETE FROM orders WHERE id % 3 = 0",
        "CHECKPOINT",
    ] {
        world.server.sql("shop", upkeep).expect(upkeep);
        world.quiet_for(Duration::ZERO);
    }
    until("autovacuum was there", secs(20), || {
        let count = one(&world.server, "shop", "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'orders'");
        if count == "0" { Err(count) } else { Ok(()) }
    });
    world.quiet_for(INTERVAL);
    world.tells_of_a_kill();
}

#[test]
fn a_long_dump_of_an_idle_database_pages_nobody() {
    let server = shop();
    fill(&server, 10);
    let world = World::watching(server, None, "");
    let program = binaries::any().expect("PostgreSQL").path.join("pg_dump");
    let mut dump = Command::new(program);
    dump.arg("--dbname").arg(world.server.superuser_url("shop")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut dump = dump.spawn().expect("pg_dump");
    let mut output = dump.stdout.take().expect("piped");
    let hurry = Arc::new(AtomicBool::new(false));
    let hurries = Arc::clone(&hurry);
    // A slow disk, or a slow line: 64 KiB at a time, then a pause.
    let reading = thread::spawn(move || {
        let (mut block, mut total) = (vec![0; 1 << 16], 0);
        while let Ok(bytes @ 1..) = output.read(&mut block) {
            total += bytes;
            if !hurries.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(40));
            }
        }
        total
    });
    let age = "SELECT round(1e3 * extract(epoch FROM now() - query_start))::int FROM pg_stat_activity
                WHERE application_name = 'pg_dump' AND state = 'active' AND query LIKE 'COPY%'";
    until("its COPY runs for 12 s", secs(30), || {
        world.quiet_for(Duration::ZERO);
        // From another database, so that this one stays idle.
        let age = one(&world.server, "postgres", age);
        if age.parse::<u32>().is_ok_and(|age| age > 12_000) { Ok(()) } else { Err(age) }
    });
    hurry.store(true, Ordering::Relaxed);
    assert!(reading.join().expect("a reader") > 40_000_000, "all of it was read");
    assert!(dump.wait().expect("it ends").success());
    world.quiet_for(INTERVAL);
    world.tells_of_a_kill();
}
