//! How large a database is, and how fast it grows.
//!
//! `pg_database_size` asks the file system about every file, 10 µs each, so it runs on the slow lane, one statement per
//! database, each bounded by the session's `statement_timeout`.
//!
//! Growth is a straight line through some days of sizes: the median of the slopes between all pairs (Theil-Sen), which a single
//! bulk load or `TRUNCATE` does not bend as a mean would. Sizes are kept sparsely: when they become too many, every other
//! goes, and the next ones are kept half as often. What fills a disk is followed by the same line, and a sudden fill by one of minutes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Error, error::SqlState, types::Type};

use crate::{
    model::sample::Missing,
    probe::{
        governor::marked,
        statement::{Asks, Statement},
    },
};

/// The read, prepared on one connection.
#[derive(Debug, Clone)]
pub struct Sizes {
    read: Statement,
    role: String,
}

impl Sizes {
    /// Prepares the read.
    pub async fn prepare(on: &impl Asks) -> Result<Self, Error> {
        let row = on.client().query_typed(&marked("SELECT quote_ident(current_user)"), &[]).await?;
        let role = row.first().map(|row| row.get(0)).unwrap_or_default();
        let read = Statement::prepare(on, &marked("SELECT pg_catalog.pg_database_size($1::text::name)"), &[Type::TEXT]).await?;
        Ok(Self { read, role })
    }

    /// Bytes of one database. The outer error is the connection's; the inner says why this size cannot be known.
    pub async fn read(&self, client: &Client, database: &str) -> Result<Result<u64, Missing>, Error> {
        match self.read.query_one(client, &[&database]).await.and_then(|row| row.try_get::<_, i64>(0)) {
            Ok(bytes) => Ok(Ok(bytes.unsigned_abs())),
            Err(error) => explain(error.code(), database, &self.role).map_or(Err(error), |missing| Ok(Err(missing))),
        }
    }
}

fn explain(code: Option<&SqlState>, database: &str, role: &str) -> Option<Missing> {
    let quoted = format!("\"{}\"", database.replace('"', "\"\""));
    let (cause, fix) = match code? {
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => (
            "the role may not see the size of this database".to_owned(),
            Some(format!("GRANT CONNECT ON DATABASE {quoted} TO {role}; or GRANT pg_monitor TO {role};")),
        ),
        code if *code == SqlState::UNDEFINED_DATABASE || *code == SqlState::INVALID_CATALOG_NAME => {
            (format!("there is no database {quoted}"), None)
        }
        code if *code == SqlState::QUERY_CANCELED => (
            "asking for the size took longer than the session's statement timeout; the database has very many files".to_owned(),
            None,
        ),
        _ => return None,
    };
    Some(Missing { field: "database.size".into(), cause, fix })
}

/// Sizes that are kept. Their 4,560 pairs take some 50 µs to judge, and three days of them are 45 minutes apart.
const MOST_SIZES: usize = 96;

/// How far back a trend may look unless told; longer would hide that growth has changed.
const LONGEST: Duration = Duration::from_hours(72);

/// Less history than this says nothing about a day.
const SHORTEST: Duration = Duration::from_mins(10);

/// With fewer sizes a single jump is still half of the slopes: of 5 there are 10, and a step after the first or
/// before the last one bends only 4.
const FEWEST: usize = 5;

/// The sizes of one database over some days, in memory.
#[derive(Debug)]
pub struct Growth {
    longest: Duration,
    sizes: VecDeque<(Instant, u64)>,
    spacing: Duration,
    latest: Option<(Instant, u64)>,
}

/// How a figure grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Bytes in a day.
    pub per_day: f64,
    /// From so long a past.
    pub over: Duration,
}

impl Default for Growth {
    fn default() -> Self {
        Self::over(LONGEST)
    }
}

impl Growth {
    /// One that looks no farther back than this.
    pub const fn over(longest: Duration) -> Self {
        Self { longest, sizes: VecDeque::new(), spacing: Duration::ZERO, latest: None }
    }

    /// Takes a size in bytes.
    pub fn add(&mut self, now: Instant, bytes: u64) {
        self.latest = Some((now, bytes));
        if self.sizes.back().is_some_and(|&(last, _)| now.saturating_duration_since(last) < self.spacing) {
            return;
        }
        self.sizes.push_back((now, bytes));
        while self.sizes.front().is_some_and(|&(first, _)| now.saturating_duration_since(first) > self.longest) {
            self.sizes.pop_front();
        }
        if self.sizes.len() > MOST_SIZES {
            let span = self.span();
            let mut nth = 0;
            self.sizes.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            // A tenth less, since readings come late rather than early.
            self.spacing = (span / u32::try_from(self.sizes.len()).unwrap_or(1)).mul_f64(0.9);
        }
    }

    /// Growth as a fraction of the present size per day; none before 10 minutes and 5 sizes, and of nothing.
    pub fn per_day(&self) -> Option<f64> {
        let (_, size) = self.latest.filter(|(_, size)| *size > 0)?;
        Some(self.pace()?.per_day / size as f64)
    }

    /// The same in bytes.
    pub fn pace(&self) -> Option<Pace> {
        let (end, size) = self.latest?;
        let mut points: Vec<(Instant, u64)> = self.sizes.iter().copied().collect();
        if points.last().is_some_and(|&(last, _)| last < end) {
            points.push((end, size));
        }
        let &(first, _) = points.first()?;
        let over = end.saturating_duration_since(first);
        if points.len() < FEWEST || over < SHORTEST {
            return None;
        }
        let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
        for (nth, &(from, before)) in points.iter().enumerate() {
            for &(to, after) in &points[nth + 1..] {
                let seconds = to.saturating_duration_since(from).as_secs_f64();
                if seconds > 0.0 {
                    slopes.push((after as f64 - before as f64) / seconds);
                }
            }
        }
        Some(Pace { per_day: median(slopes)? * 86_400.0, over })
    }

    fn span(&self) -> Duration {
        match (self.sizes.front(), self.sizes.back()) {
            (Some(&(first, _)), Some(&(last, _))) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let (count, middle) = (values.len(), values.len() / 2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if count % 2 == 0 { below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper) } else { upper };
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests;
