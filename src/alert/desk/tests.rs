//! Scripts: what happens, and who is told what when.

mod causes;
mod escalation;
mod failing;
mod incidents;
mod random;
mod regions;
mod restart;
pub(in crate::alert) mod room;
mod silences;
mod storms;
mod twins;
