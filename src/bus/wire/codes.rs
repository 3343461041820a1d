//! The enums of the model as numbers, the same in every version so far. Numbers are never given anew; one that is not here is refused,
//! so whatever the model gains is a new version's to say.

use super::{Refusal, word::Word};
use crate::model::{Outcome, Phase, Rule, Severity, Status, health::TransitionKind, sample::PoolerKind};

macro_rules! codes {
    ($($model:ident { $($number:literal $name:ident,)* })*) => { $(
        impl Word<'_, $model> for u8 {
            fn of(model: &$model) -> Self {
                match model { $($model::$name => $number,)* }
            }

            fn thaw(self) -> Result<$model, Refusal> {
                match self {
                    $($number => Ok($model::$name),)*
                    _ => Err(Refusal::Broken(concat!("an unknown ", stringify!($model)))),
                }
            }
        }
    )* };
}

codes! {
    Status {
        0 Healthy,
        1 Degraded,
        2 Unknown,
        3 Unhealthy,
    }
    Severity {
        0 Low,
        1 Medium,
        2 High,
        3 Critical,
    }
    TransitionKind {
        0 Pending,
        1 Withdrawn,
        2 Firing,
        3 SeverityChanged,
        4 Cleared,
    }
    Rule {
        0 DatabaseDown,
        1 DatabaseUnresponsive,
        2 DatabaseRejecting,
        3 PoolerDown,
        4 RegionBlind,
        5 PoolSaturated,
        6 PoolWaiting,
        7 ConnectionLeak,
        8 BlockingChain,
        9 QuerySlow,
        10 SlowQueryRate,
        11 ErrorRate,
        12 CacheHitLow,
        13 SizeGrowth,
        14 ReplicationLag,
        15 XidWraparound,
        16 DeliveryFailing,
        17 Anomaly,
    }
    Outcome {
        0 Ok,
        1 DnsFailed,
        2 TcpRefused,
        3 TcpTimeout,
        4 Lost,
        5 TlsFailed,
        6 AuthFailed,
        7 NoSuchDatabase,
        8 TooManyConnections,
        9 StartingUp,
        10 ShuttingDown,
        11 InRecovery,
        12 Unresponsive,
        13 QueryTimeout,
        14 PoolerPaused,
        15 PoolExhausted,
        16 PermissionDenied,
        17 Protocol,
        18 Other,
    }
    Phase {
        0 Dns,
        1 Tcp,
        2 Tls,
        3 Auth,
        4 FirstQuery,
        5 Query,
    }
    PoolerKind {
        0 Pgbouncer,
        1 Supavisor,
        2 Supabase,
        3 Pgcat,
        4 Odyssey,
        5 Pgdog,
    }
}
