//! HitMe's API: `POST /hit`, `GET /hit` and `GET /hits`, with HitMe's own answers.
//!
//! The whole address is counted, as a name of event `url`. Ranges follow the calendar of one configured zone. Counting
//! takes the path of a counted badge and does not ask the store; reading answers 503 and a reason where HitMe answered
//! 500.

mod answer;
mod buckets;
mod hit;
mod hits;
mod query;

use crate::{error::only, state::App};
use axum::{Router, routing::get};
use std::sync::Arc;

/// The routes of HitMe.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let hit = only("GET,HEAD,POST", get(hit::show).post(hit::count));
    let hits = only("GET,HEAD", get(hits::list));
    let lists = Arc::new(hits::Lists::new());
    Router::new()
        .route("/hit", hit)
        .with_state(app.clone())
        .merge(Router::new().route("/hits", hits).with_state((app, lists)))
}
