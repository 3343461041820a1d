//! Version 2, where it differs from [`v1`](super::v1): it also tells how targets look from another region.

use super::{Refusal, v1, word::Word, word::frozen};
use crate::model::{TargetId, cluster};

frozen! {
    RegionView<'a> of cluster::View {
        from: &'a str,
        outcome: u8,
        failed_phase: Option<u8>,
        message: Option<&'a str>,
        checked_at: i64,
        phases: v1::Phases,
    }
}

/// A target and how it looks.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct TargetView<'a> {
    #[serde(borrow)]
    target: v1::Target<'a>,
    #[serde(borrow)]
    view: RegionView<'a>,
}

impl<'a> Word<'a, (TargetId, cluster::View)> for TargetView<'a> {
    fn of((target, view): &'a (TargetId, cluster::View)) -> Self {
        Self { target: Word::of(target), view: Word::of(view) }
    }

    fn thaw(self) -> Result<(TargetId, cluster::View), Refusal> {
        Ok((self.target.thaw()?, self.view.thaw()?))
    }
}
