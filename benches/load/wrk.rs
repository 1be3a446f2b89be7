//! Drives wrk, from Debian's package of that name.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::http::Request;

/// Makes wrk print figures for this program. Only `done` is defined, so that no Lua runs during the
/// load. Times are in microseconds.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("result %d %d %d %d %d %d",
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// The result of one run of wrk; the caller adds the server's CPU time.
#[derive(Debug)]
pub struct Load {
    pub requests: f64,
    pub a_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub bytes_a_response: f64,
    pub cpu_us: f64,
}

pub fn write_script(home: &Path) -> PathBuf {
    let path = home.join("wrk.lua");
    std::fs::write(&path, SCRIPT).expect("the script for wrk can be written");
    path
}

pub fn run(script: &Path, address: SocketAddr, request: &Request, seconds: u64) -> Load {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c32", "--latency"])
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(script);
    for (name, value) in &request.headers {
        wrk.arg("-H").arg(format!("{name}: {value}"));
    }
    wrk.arg(format!("http://{address}{}", request.path));
    let output = wrk.output().expect("wrk runs: is it installed?");
    let printed = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = printed
        .lines()
        .find_map(|line| line.strip_prefix("result "))
        .unwrap_or_else(|| {
            panic!(
                "wrk said: {printed}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
        .split(' ')
        .map(|figure| figure.parse().expect("a number of wrk's"))
        .collect();
    let [requests, duration, bytes, p50_us, p99_us, errors] = figures[..] else {
        panic!("wrk printed {figures:?}");
    };
    assert!(
        errors == 0.0,
        "{errors} of {requests} requests for {} failed: {printed}",
        request.path
    );
    Load {
        requests,
        a_second: requests / duration * 1e6,
        p50_us,
        p99_us,
        bytes_a_response: bytes / requests,
        cpu_us: f64::NAN,
    }
}
