//! Many nodes, many regions: real nodes, a real PostgreSQL and a real Redis in each of three regions, on links that slow down and break.
//! What each remaining node says is held, and what people were told: nothing critical lost, nothing told by two keys.

mod bus;
mod cuts;
mod files;
mod links;
mod nodes;
mod own;
mod probes;
mod redis;
mod table;
mod told;
mod upgrade;
mod views;
mod world;
