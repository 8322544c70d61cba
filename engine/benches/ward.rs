//! Charts, and rooms that hold them, for the benchmarks beside this.
//!
//! `chart` makes what a room holds, `rooms` drives a server's room and its people without a server.
#![allow(dead_code, reason = "every benchmark is a crate of its own and uses a part of this")]

pub mod chart;
pub mod rooms;
