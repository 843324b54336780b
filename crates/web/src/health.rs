//! Health, readiness and metrics, for supervisors, load balancers and Prometheus.

use crate::{headers, state::Health};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use prometheus_client::encoding::text::encode;
use serde::Serialize;
use std::sync::Arc;

/// `/health` (snow-trace's body, exactly) and `/healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    headers::json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    reasons: Vec<String>,
}

/// `/readyz`: 200 while hits reach the store, 503 with the reasons while they wait. If only a source cannot read its
/// lines, everything else works: 200, and the reason.
pub(crate) async fn ready(State(health): State<Arc<Health>>) -> Response {
    let (mut reasons, degraded) = ((health.waiting)(), (health.degraded)());
    let (code, status) = match (reasons.is_empty(), degraded.is_empty()) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    // Who publishes badges reads the same store, and fails with it for the same reason.
    let known = |reason: &String| reasons.iter().any(|other| reason.ends_with(other.as_str()));
    let others: Vec<String> = degraded.into_iter().filter(|reason| !known(reason)).collect();
    reasons.extend(others);
    let body = serde_json::to_string(&Readiness { status, reasons });
    // A struct of strings always serializes.
    headers::json(code, body.unwrap_or_default())
}

/// `/metrics`, in the OpenMetrics text format.
pub(crate) async fn metrics(State(health): State<Arc<Health>>) -> Response {
    let mut body = String::new();
    if encode(&mut body, &health.registry).is_err() {
        return headers::text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written");
    }
    let mut answer = headers::text(StatusCode::OK, "");
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    *answer.body_mut() = body.into();
    answer
}
