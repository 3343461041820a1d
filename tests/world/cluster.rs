//! Many nodes: three regions on links that slow down and break.

mod links;
