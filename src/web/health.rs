//! Whether the process runs, and whether it can serve requests: for load balancers and supervisors.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::State;
use super::proof::Public;

/// The paths of the responses, for any `Host`.
pub const PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// The process responds. Restarting it because of a dependency would not help.
pub async fn live(_: Public) -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Whether to send requests here. Does not query the dependencies: background jobs know their
/// state.
pub async fn ready(_: Public, state: Data<State>) -> HttpResponse {
    let failed = failed(&state);
    if failed.is_empty() {
        return HttpResponse::Ok().json(json!({"status": "ok", "failed": []}));
    }
    HttpResponse::ServiceUnavailable().json(json!({"status": "unavailable", "failed": failed}))
}

/// The parts that do not work. `stopping` is not a fault: the server finishes what it has accepted.
fn failed(state: &State) -> Vec<&'static str> {
    let database = state.db.outage().is_some() || state.db.is_replaced();
    let checks = [
        ("stopping", state.stopping.has_begun()),
        ("database", database),
        ("store", state.files.is_store_silent()),
        // They are read with the ended sessions: if the database fails, so do these.
        ("keys", !database && state.sessions.is_blind()),
    ];
    let failed = checks.iter().filter(|(_, has_failed)| *has_failed);
    failed.map(|(name, _)| *name).collect()
}
