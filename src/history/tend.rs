//! What is done a little of each second: small rows are put together to large ones, and what is old is forgotten. A stop in the middle
//! harms nothing, since each step is whole in itself.

use super::{
    Settings,
    block::Packer,
    file::{Error, File},
    gather::put_together,
    table::{Row, Table, key, parts},
};

/// An hour's rows are put together within some two minutes, so that no second has much to do.
const STEPS: u32 = 120;
/// Targets at least that are tended in a step.
const LEAST: u32 = 10;
/// Rows at least that are forgotten in a step.
const LEAST_ROWS: usize = 200;

/// Where it stands.
#[derive(Debug, Default)]
pub(super) struct Tend {
    /// What is being put together: which of the tables, which period of the large ones, and from which target on.
    growing: Option<(usize, i64, u32)>,
    turn: usize,
}

impl Tend {
    /// One step; it is that second, and targets have numbers up to `targets`.
    pub(super) fn step(
        &mut self,
        file: &mut File,
        at: i64,
        targets: u32,
        keeps: &Settings,
        packer: &mut Packer,
    ) -> Result<(), Error> {
        self.turn = self.turn.wrapping_add(1);
        if self.growing.is_none() {
            self.growing = begin(file, at)?;
        }
        if let Some((which, period, from)) = self.growing {
            let to = from + (targets / STEPS).max(LEAST);
            self.growing = (to <= targets).then_some((which, period, to));
            grow(file, Table::GROWING[which], period, from..to, self.growing.is_none(), packer)?;
        }
        let table = Table::ALL[self.turn % Table::ALL.len()];
        let before = at.saturating_sub(keeps.keep(table.resolution()).as_secs().cast_signed());
        file.forget(table, key(table.of(before), 0), LEAST_ROWS.max(targets as usize / 2))?;
        if self.turn.is_multiple_of(Table::ALL.len()) {
            file.shrink()?;
        }
        Ok(())
    }
}

/// Something that can be put together: the first large period of which small rows are there and that is over.
fn begin(file: &File, at: i64) -> Result<Option<(usize, i64, u32)>, Error> {
    for (which, (small, large)) in Table::GROWING.into_iter().enumerate() {
        let Some(first) = file.first(small)? else { continue };
        let period = large.of(parts(first).0 * small.period());
        // The last small rows of it are written a moment after its end.
        if period < large.of(at - small.period() - 60) {
            return Ok(Some((which, period, 0)));
        }
    }
    Ok(None)
}

fn grow(
    file: &mut File,
    (small, large): (Table, Table),
    period: i64,
    targets: std::ops::Range<u32>,
    is_last: bool,
    packer: &mut Packer,
) -> Result<(), Error> {
    let began = period * large.period();
    let smalls = small.of(began)..small.of(began + large.period());
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for target in targets {
        let mut rows: Vec<(Table, i64, Row)> = Vec::new();
        for at in smalls.clone() {
            if let Some(row) = file.row(small, key(at, target))? {
                old.push((small, key(at, target)));
                rows.push((small, at, row));
            }
        }
        if rows.is_empty() {
            continue;
        }
        // When the clock was set back there is one already, which tells of what was not seen twice.
        if let Some(row) = file.row(large, key(period, target))? {
            rows.insert(0, (large, period, row));
        }
        let row = put_together(large, period, rows.iter().map(|(table, at, row)| (*table, *at, row)), packer);
        new.push((large, key(period, target), row));
    }
    file.replace(&new, &old)?;
    if is_last {
        // Of targets without a number there is nothing to put together.
        file.forget(small, key(smalls.end, 0), LEAST_ROWS)?;
    }
    Ok(())
}
