//! Columns of a row, by their place. What is no finite figure is none, and a measured one below zero, as of clocks that disagree, is zero; a
//! count below zero is none.

use tokio_postgres::{Error, Row};

use crate::{model::Timestamp, probe::text::Lossy};

pub(super) fn text(row: &Row, at: usize) -> Result<String, Error> {
    Ok(maybe_text(row, at)?.unwrap_or_default())
}

pub(super) fn maybe_text(row: &Row, at: usize) -> Result<Option<String>, Error> {
    Ok(row.try_get::<_, Option<Lossy>>(at)?.map(|text| text.0))
}

pub(super) fn count(row: &Row, at: usize) -> Result<u64, Error> {
    Ok(maybe_count(row, at)?.unwrap_or_default())
}

pub(super) fn maybe_count(row: &Row, at: usize) -> Result<Option<u64>, Error> {
    Ok(row.try_get::<_, Option<i64>>(at)?.and_then(|it| u64::try_from(it).ok()))
}

pub(super) fn figure(row: &Row, at: usize) -> Result<Option<f64>, Error> {
    Ok(row.try_get::<_, Option<f64>>(at)?.filter(|it| it.is_finite()).map(|it| it.max(0.0)))
}

pub(super) fn moment(row: &Row, at: usize) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<_, Option<_>>(at)?.map(Timestamp))
}
