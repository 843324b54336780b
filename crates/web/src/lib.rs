//! HTTP: badges and panels that count, charts, a page for every name, an API, the addresses of other counters, health
//! and metrics.
//!
//! It reads the store and draws. Counting is behind [`tallymark_core::Counter`], and writing behind
//! [`tallymark_core::Ledger`]. The binary wires both in, so a slow or broken request never delays a source.

mod api;
mod auth;
mod badges;
mod body;
mod cards;
mod compat;
mod cors;
mod csv;
mod daily_visitors;
mod drawn_cards;
mod error;
mod event;
mod feed;
mod head;
mod headers;
mod health;
mod history;
mod host;
mod limited;
mod name;
mod pages;
mod panels;
mod png;
mod query;
mod router;
mod scale;
mod server;
mod state;
mod stats_prefix;
mod windows;

pub use auth::{Access, ClientLimit, LoginMeters, Signatures, Visibility};
pub use axum::Router;
pub use cors::{NotAnOrigin, Origins, with_origins};
pub use host::{BaseUrl, warn_of_foreign_host};
pub use name::{badge_path, event_page_path, page_path};
pub use pages::assets::ICON;
pub use png::{PngDrawing, draw_pictures};
pub use router::{WebMeters, dressed, health_alone, health_router, router};
pub use server::{Bound, Limits, Listen, ListenError, serve};
pub use state::{App, GithubFront, Health, Reasons};
pub use stats_prefix::{NotAPrefix, StatsPrefix};
