//! What a keeper that begins knows of what is open: it is on disk, in finer rows.

use super::{
    block::all_moments,
    file::{Error, File},
    gather::{Gathered, SECONDS, Tally},
    spending,
    table::{Table, key, parts},
};

/// Adds what is on disk of the open minute, and of the five minutes and the hour before it.
pub(super) fn earlier(file: &File, gathered: &mut Gathered) -> Result<(), Error> {
    let began = gathered.began();
    let (of_five, of_hour) = (Table::FiveNew.of(began), Table::HourNew.of(began));
    let minutes = |from: i64, to: i64| file.rows(Table::Raw, key(from, 0), key(to, 0));
    for (at, row) in minutes(of_five * 5, gathered.minute())? {
        let values = all_moments(&row.block).unwrap_or_default().concat();
        gathered.earlier_minute(parts(at).1, &values);
    }
    for (at, row) in minutes(gathered.minute(), gathered.minute() + 1)? {
        let columns = all_moments(&row.block).unwrap_or_default();
        for second in 0..SECONDS {
            let of = |column: &Vec<f32>| column.get(second).copied().unwrap_or(f32::NAN);
            let figures: Vec<f32> = columns.iter().map(of).collect();
            gathered.second(began + second.cast_signed() as i64, parts(at).1, &figures);
        }
    }
    for (at, row) in file.rows(Table::FiveNew, key(of_hour * 12, 0), key(of_five, 0))? {
        if let Some(tally) = Tally::read(&row) {
            gathered.earlier_five(parts(at).1, &tally);
        }
    }
    for (at, row) in file.rows(Table::Statements, key(of_five, 0), key(of_five + 1, 0))? {
        gathered.statements.resume(parts(at).1, spending::read(&row.block).unwrap_or_default());
    }
    Ok(())
}
