//! Names of regions and targets; cheap to clone, since every message carries them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Where databases live and where nodes run, e.g. `us-east-1`.
    RegionName
}
name! {
    /// One logical database that people name, e.g. `marketing`.
    TargetName
}

name! {
    /// One running process, e.g. `eu-1`; unique within its region.
    NodeName
}

/// A target within its region; shown as `us-east-1/marketing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetId {
    /// The region it belongs to.
    pub region: RegionName,
    /// Its name there.
    pub target: TargetName,
}

impl TargetId {
    /// The target of that name in that region.
    pub fn new(region: &str, target: &str) -> Self {
        Self { region: region.into(), target: target.into() }
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.target)
    }
}
