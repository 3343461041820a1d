//! A call: one parcel, one channel, one end. Calls run beside the actor; whatever happens to one comes back as mail.

use std::{sync::Arc, time::Duration};

use actix::Message;
use tokio::runtime::Handle;

use crate::alert::{
    channels::{Failure, Parcel, Shared},
    order::Lane,
    outbox::Ended,
};

/// Longer than any channel takes by itself (15 s): after this nobody knows.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// Whose result is awaited.
#[derive(Debug, Clone)]
pub(super) enum Of {
    /// That of the row with the parcel's key.
    Row { attempt: u32 },
    /// A lane's that is told again, since its provider forgets.
    Refresh(Lane),
}

/// See the module.
pub(super) struct Call {
    pub(super) of: Of,
    pub(super) channel: Shared,
    pub(super) parcel: Parcel,
}

/// Its end.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) of: Of,
    /// The row's: its number may be another one by now.
    pub(super) key: String,
    pub(super) ended: Ended,
    /// Whether another node made it.
    pub(super) by_deputy: bool,
}

impl Message for Called {
    type Result = ();
}

/// Makes the call on a runtime of its own; one that panics, hangs or says so leaves doubt.
pub(super) async fn make(channel: Shared, parcel: Arc<Parcel>, io: &Handle) -> Ended {
    let call = io.spawn(async move { tokio::time::timeout(LONGEST, channel.send(&parcel)).await });
    match call.await {
        Ok(Ok(Err(Failure::Doubt { why }))) => Ended::Unknown(why),
        Ok(Ok(result)) => Ended::Answered(result),
        Ok(Err(_)) => Ended::Unknown(format!("no answer within {} s", LONGEST.as_secs())),
        Err(_) => Ended::Unknown("the call broke off".to_owned()),
    }
}
