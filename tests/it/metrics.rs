//! The figures for Prometheus.

use std::net::SocketAddr;

use crate::support::{Browser, Door, PASSWORD, Place, tool};

fn scrape(metrics: SocketAddr) -> String {
    let reply = Browser::sending(&format!("http://{metrics}"), &[]).get("/metrics");
    assert_eq!(reply.status, 200);
    let kind = reply.header("content-type").unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.body
}

/// The value of a sample by its name with labels; zero without one.
pub fn figure(metrics: SocketAddr, name: &str) -> f64 {
    let text = scrape(metrics);
    let value = text.lines().find_map(|line| {
        let (found, value) = line.rsplit_once(' ')?;
        (found == name).then_some(value)
    });
    value.map_or(0.0, |value| value.parse().unwrap())
}

fn with_metrics() -> Door {
    Door::with(&[("metrics.listen", "127.0.0.1:0")])
}

#[test]
fn metrics_count_what_has_happened() {
    let door = with_metrics();
    let metrics = door.metrics.unwrap();
    let figure = |name: &str| figure(metrics, name);
    let ada = door.signed_up("ada");
    for (password, times) in [(PASSWORD, 2), ("canary-wrong", 3)] {
        for _ in 0..times {
            door.browser().sign_in("ada", password);
        }
    }
    assert_eq!(figure("doorward_sign_ins_total{result=\"accepted\"}"), 2.0);
    assert_eq!(figure("doorward_sign_ins_total{result=\"refused\"}"), 3.0);
    assert_eq!(figure("doorward_http_requests_total{code=\"422\"}"), 3.0);
    assert_eq!(figure("doorward_sessions_started_total"), 3.0);
    assert_eq!(figure("doorward_password_hash_duration_seconds_count"), 6.0);
    assert_eq!(
        figure("doorward_password_queue_length{lane=\"usual\"}"),
        0.0
    );
    assert!(figure("doorward_password_queue_limit{lane=\"usual\"}") > 0.0);
    assert!(figure("doorward_revocation_lag_seconds") < 5.0);
    assert_eq!(figure("doorward_database_up"), 1.0);
    assert_eq!(figure("doorward_store_up"), 1.0);
    let before = figure("doorward_http_request_duration_seconds_count");
    ada.sign_out();
    assert_eq!(figure("doorward_sessions_ended_total"), 1.0);
    assert!(figure("doorward_http_request_duration_seconds_count") > before);
    assert!(figure("doorward_connections_accepted_total") > 5.0);
}

#[test]
fn metrics_count_refusals_by_the_limit_that_was_exceeded() {
    let door = Door::with(&[
        ("metrics.listen", "127.0.0.1:0"),
        ("limits.account", "2/1h"),
        ("limits.introspect", "40/1m"),
    ]);
    let metrics = door.metrics.unwrap();
    let refused = |budget: &str| {
        let name = format!("doorward_limits_refused_total{{budget=\"{budget}\"}}");
        figure(metrics, &name)
    };
    door.signed_up("ada");
    assert_eq!(figure(metrics, "doorward_limits_remembered"), 0.0);
    for name in ["ada", "ADA", "ada", "ada@example.com", "ada"] {
        door.browser().sign_in(name, "canary-wrong");
    }
    assert_eq!(refused("account"), 3.0);
    // By the id of the account, and by two of its names.
    assert_eq!(figure(metrics, "doorward_limits_remembered"), 3.0);
    let hashed = figure(metrics, "doorward_password_hash_duration_seconds_count");
    door.browser().sign_in("ada", PASSWORD);
    assert_eq!(refused("account"), 4.0);
    let then = figure(metrics, "doorward_password_hash_duration_seconds_count");
    assert_eq!(then, hashed, "a refusal costs no hash");
    // A server takes many units at once: those that it could not take are no refusals.
    for _ in 0..45 {
        let sent = [("token", "x")];
        door.program(None).post("/api/tokens/introspect", &sent);
    }
    assert_eq!(refused("introspect"), 5.0);
    let others = scrape(metrics);
    let budgets = others.lines().filter(|line| line.contains("{budget=\""));
    assert_eq!(budgets.filter(|line| line.ends_with(" 0")).count(), 19);
}

#[test]
fn metrics_are_on_their_own_listener_only() {
    let door = with_metrics();
    assert_eq!(door.browser().get("/metrics").status, 404);
    let there = Browser::sending(&format!("http://{}", door.metrics.unwrap()), &[]);
    for path in ["/", "/login", "/metrics/"] {
        assert_eq!(there.get(path).status, 404, "{path}");
    }
    assert_eq!(there.post("/metrics", &[]).status, 404);
    assert!(Door::open().metrics.is_none());
}

#[test]
fn nothing_that_clients_send_becomes_a_label() {
    let door = with_metrics();
    let before = scrape(door.metrics.unwrap()).lines().count();
    let browser = door.browser();
    for n in 0..50 {
        browser.get(&format!("/odd-{n}?odd-{n}=1"));
        browser.with_method(&format!("ODD{n}"), "/");
        let agent = browser.with("user-agent", &format!("odd-{n}"));
        agent.sign_in(&format!("odd-{n}"), "canary");
    }
    let after = scrape(door.metrics.unwrap());
    assert!(!after.to_lowercase().contains("odd"));
    let more = after.lines().count() - before;
    assert!(more <= 4, "a line for each new status: {more}");
}

#[test]
fn metrics_are_not_served_to_the_internet() {
    for address in [
        "0.0.0.0:9464",
        "8.8.8.8:9464",
        "[::]:9464",
        "localhost:9464",
    ] {
        let place = Place::on_sqlite();
        let set = format!("metrics.listen={address}");
        let refused = place.run(&["config", "show", "--set", &set]).ill(2);
        let why = "a loopback or private address with a port, like 127.0.0.1:9464";
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn prometheus_reads_the_metrics() {
    let Some(parser) = tool("prometheus_client", "DOORWARD_TEST_PROMETHEUS") else {
        return;
    };
    let door = with_metrics();
    door.signed_up("ada");
    let place = Place::on_sqlite();
    place.write("metrics", scrape(door.metrics.unwrap()));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/prometheus.py");
    let read = std::process::Command::new("python3")
        .env("PYTHONPATH", parser)
        .args([script, place.path("metrics").to_str().unwrap()])
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{problems}");
    let families = String::from_utf8(read.stdout).unwrap();
    assert!(families.lines().count() > 15, "{families}");
}
