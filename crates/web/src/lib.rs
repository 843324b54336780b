//! HTTP: badges that count, charts, a page for every name, health and metrics.
//!
//! It reads the store and draws; counting is behind [`tallymark_core::Counter`], which the binary wires in. A request
//! can be slow or broken without a source noticing: nothing here touches a tally but through that trait.

mod access;
mod activity;
mod api;
mod app;
mod assets;
mod badge;
mod complaint;
mod connection;
mod cors;
mod crowd;
mod dashboard;
mod graph;
mod head;
mod headers;
mod health;
mod history;
mod hitme;
mod host;
mod login;
mod mistake;
mod name;
mod name_events;
mod name_page;
mod page;
mod query;
mod seen;
mod server;
mod shields;
mod stall;
mod stats;
mod trend;
mod visitors;

pub use access::{Access, Visibility};
pub use app::{App, Health, Reasons, WebMeters, dressed, health_alone, health_router, router};
pub use axum::Router;
pub use cors::{NotAnOrigin, Origins, with_origins};
pub use host::{BaseUrl, warn_of_foreign_host};
pub use login::LoginMeters;
pub use name::{badge_path, page_path};
pub use server::{Bound, Limits, Listen, ListenError, serve};
pub use stats::{NotAPrefix, StatsPrefix};
