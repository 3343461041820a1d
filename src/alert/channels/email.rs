//! Mail.

use futures_util::future::BoxFuture;

use super::{Channel, Checked, Failure, Nature, Parcel, Receipt};
use crate::alert::settings::EmailSettings;

/// A mail server and who gets mail through it.
pub(super) struct Email;

impl Email {
    /// A channel over this server.
    pub(super) fn new(settings: &EmailSettings, title: Option<String>, body: Option<String>) -> Result<Self, String> {
        let _ = (settings, title, body);
        todo!()
    }
}

impl Channel for Email {
    fn nature(&self) -> Nature {
        todo!()
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        todo!()
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        todo!()
    }
}
