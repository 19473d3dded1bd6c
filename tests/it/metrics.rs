//! What central and agents tell a monitoring system, and what is written about it.

mod logging;
mod monitoring;
mod reference;
pub mod scrape;
mod servers;
mod traffic;
