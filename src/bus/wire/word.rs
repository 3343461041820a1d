//! From the model to a version's own words and back. A word borrows: what is written is copied once, into the frame, and what is read
//! once, into the model.
//!
//! [`frozen!`] makes a struct of words with both ways. Its fields are in the order of the wire; a field that the model gains is an error of
//! the compiler here, and the answer is a new version, never a change of the old.

use std::sync::Arc;

use chrono::DateTime;

use super::{MOST, Refusal};
use crate::model::{NodeName, RegionName, TargetName, Timestamp};

/// How a version says an `M` of the model.
pub(super) trait Word<'a, M>: Sized {
    /// As it is written.
    fn of(model: &'a M) -> Self;

    /// As it was meant; refused when it means nothing.
    fn thaw(self) -> Result<M, Refusal>;

    /// Whether it can be said at all; where a value may be left out it is, when it cannot.
    fn can_say(_model: &M) -> bool {
        true
    }
}

/// Numbers and the like, as they are.
macro_rules! plain {
    ($($kind:ty)*) => { $(
        impl Word<'_, $kind> for $kind {
            fn of(model: &$kind) -> Self {
                *model
            }

            fn thaw(self) -> Result<$kind, Refusal> {
                Ok(self)
            }
        }
    )* };
}

plain! { bool u16 u32 u64 i32 }

impl Word<'_, f64> for f64 {
    fn of(model: &f64) -> Self {
        if Self::can_say(model) { *model } else { 0.0 }
    }

    fn thaw(self) -> Result<f64, Refusal> {
        if Self::can_say(&self) { Ok(self) } else { Err(Refusal::Broken("a number that is none")) }
    }

    fn can_say(model: &f64) -> bool {
        model.is_finite()
    }
}

/// Where a later model knows a lack that its word has no room for: what is never negative says so by that.
impl Word<'_, Option<f64>> for f64 {
    fn of(model: &Option<f64>) -> Self {
        model.filter(|value| value.is_finite()).unwrap_or(-1.0)
    }

    fn thaw(self) -> Result<Option<f64>, Refusal> {
        let value: f64 = Word::<f64>::thaw(self)?;
        Ok((value >= 0.0).then_some(value))
    }
}

/// The same for counts: the largest is no count of anything.
impl Word<'_, Option<u32>> for u32 {
    fn of(model: &Option<u32>) -> Self {
        model.unwrap_or(Self::MAX)
    }

    fn thaw(self) -> Result<Option<u32>, Refusal> {
        Ok((self != Self::MAX).then_some(self))
    }
}

macro_rules! text {
    ($($kind:ty: $as_str:ident)*) => { $(
        impl<'a> Word<'a, $kind> for &'a str {
            fn of(model: &'a $kind) -> Self {
                model.$as_str()
            }

            fn thaw(self) -> Result<$kind, Refusal> {
                Ok(self.into())
            }
        }
    )* };
}

text! { String: as_str Arc<str>: as_ref RegionName: as_str TargetName: as_str NodeName: as_str }

/// Milliseconds since 1970.
impl Word<'_, Timestamp> for i64 {
    fn of(model: &Timestamp) -> Self {
        model.unix_ms()
    }

    fn thaw(self) -> Result<Timestamp, Refusal> {
        DateTime::from_timestamp_millis(self).map(Timestamp).ok_or(Refusal::Broken("a time that is none"))
    }
}

impl<'a, M, W: Word<'a, M>> Word<'a, Arc<M>> for W {
    fn of(model: &'a Arc<M>) -> Self {
        W::of(&**model)
    }

    fn thaw(self) -> Result<Arc<M>, Refusal> {
        Word::<M>::thaw(self).map(Arc::new)
    }
}

impl<'a, M, W: Word<'a, M>> Word<'a, Option<M>> for Option<W> {
    fn of(model: &'a Option<M>) -> Self {
        model.as_ref().filter(|model| W::can_say(model)).map(W::of)
    }

    fn thaw(self) -> Result<Option<M>, Refusal> {
        self.map(W::thaw).transpose()
    }
}

impl<'a, M, W: Word<'a, M>> Word<'a, Vec<M>> for Vec<W> {
    fn of(model: &'a Vec<M>) -> Self {
        model.iter().take(MOST).map(W::of).collect()
    }

    fn thaw(self) -> Result<Vec<M>, Refusal> {
        if self.len() > MOST {
            return Err(Refusal::Broken("a list that is too long"));
        }
        self.into_iter().map(W::thaw).collect()
    }
}

/// Structs of words: `name of model { field: word, ... }`, with `<'a>` when they borrow.
macro_rules! frozen {
    ($($name:ident $(<$life:lifetime>)? of $room:ident::$model:ident { $($(#[$serde:meta])* $field:ident: $word:ty,)* })*) => { $(
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        pub(in crate::bus::wire) struct $name $(<$life>)? {
            $($(#[$serde])* $field: $word,)*
        }

        $crate::bus::wire::word::both_ways! { $name $(<$life>)? of $room::$model { $($field)* } }
    )* };
}

macro_rules! both_ways {
    ($name:ident of $room:ident::$model:ident { $($field:ident)* }) => {
        $crate::bus::wire::word::both_ways! { impl ['a] [$name] of $room::$model { $($field)* } }
    };
    ($name:ident <$life:lifetime> of $room:ident::$model:ident { $($field:ident)* }) => {
        $crate::bus::wire::word::both_ways! { impl [$life] [$name<$life>] of $room::$model { $($field)* } }
    };
    (impl [$life:lifetime] [$name:ty] of $room:ident::$model:ident { $($field:ident)* }) => {
        impl<$life> $crate::bus::wire::word::Word<$life, $room::$model> for $name {
            fn of(model: &$life $room::$model) -> Self {
                let $room::$model { $($field),* } = model;
                Self { $($field: $crate::bus::wire::word::Word::of($field)),* }
            }

            fn thaw(self) -> Result<$room::$model, $crate::bus::wire::Refusal> {
                Ok($room::$model { $($field: $crate::bus::wire::word::Word::thaw(self.$field)?),* })
            }
        }
    };
}

pub(super) use both_ways;
pub(super) use frozen;
