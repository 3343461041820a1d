//! How sending rows to Tinybird goes, for metrics and `/readyz`.

/// What became of requests and rows since the node started, and what still waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uploads {
    /// Whether there is a place to send them to.
    pub wanted: bool,
    /// Requests by how they ended.
    pub requests: Requests,
    /// Rows that were taken.
    pub sent: u64,
    /// Rows that Tinybird put aside because they do not fit its data source.
    pub quarantined: u64,
    /// Rows that nobody got, by why.
    pub dropped: Dropped,
    /// Rows that wait to be sent.
    pub waiting: u64,
    /// What those take, bytes.
    pub waiting_bytes: u64,
    /// What is wrong with the newest request, when something is.
    pub trouble: Option<String>,
    /// Why what waits is not kept on disk, when it is not.
    pub not_kept: Option<String>,
}

/// Requests by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// Taken, wholly or in part.
    pub taken: u64,
    /// Not now: the same rows are sent again.
    pub later: u64,
    /// Never, or not before somebody mends it.
    pub refused: u64,
}

/// Rows that nobody got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Beyond the bound of what may wait: the oldest.
    pub overflow: u64,
    /// Refused for good.
    pub refused: u64,
    /// Not readable any more, as after a crash in the midst of a write.
    pub damaged: u64,
}
