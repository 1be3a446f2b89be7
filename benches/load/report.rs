//! The figures as Markdown, to be read directly and to be pasted into `docs/PERFORMANCE.md`.

use std::fs;
use std::process::Command;

use crate::process::Memory;
use crate::wrk::Load;
use crate::{BCRYPT_COST, PARALLEL_SIGN_INS, Seen, SignIns, median, median_of};

const AIM_RATIO: f64 = 1.8;
const AIM_MEMORY_MB: f64 = 20.0;
const AIM_READY_MS: f64 = 100.0;

pub struct Figures {
    pub guarded: Vec<Load>,
    pub plain: Vec<Load>,
    pub hash_ms: f64,
    pub in_turn: SignIns,
    pub parallel: SignIns,
    pub beside: SignIns,
    pub meanwhile: Load,
    pub seen: Seen,
    pub memory_after_pages: Memory,
    pub memory: Memory,
    pub ready_ms: Vec<f64>,
    pub workers: usize,
    pub page_bytes: usize,
}

pub fn print(figures: &Figures) {
    machine(figures);
    guarded_page(figures);
    verified_tokens(figures);
    sign_in(figures);
    aims(figures);
}

fn machine(figures: &Figures) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown CPU");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!(
        "Commit {} on {}: {cores} cores ({}), Linux {}, {}; {} workers, rounds: {}, SQLite, log to a file.",
        said("git", &["describe", "--always", "--dirty"]),
        said("date", &["-u", "+%F"]),
        model.trim_start_matches([' ', '\t', ':']),
        kernel.split('-').next().unwrap_or_default().trim(),
        said("rustc", &["--version"]),
        figures.workers,
        figures.guarded.len(),
    );
}

fn guarded_page(figures: &Figures) {
    let row = |name: &str, digits: usize, figure: fn(&Load) -> f64| {
        let (guarded, plain) = (
            median_of(&figures.guarded, figure),
            median_of(&figures.plain, figure),
        );
        vec![
            name.to_owned(),
            format!("{guarded:.digits$}"),
            format!("{plain:.digits$}"),
            format!("{:.2}", guarded / plain),
        ]
    };
    let size = format!("page of {} bytes, medians", figures.page_bytes);
    table(
        &[&size, "guarded page", "bare handler", "ratio"],
        &[
            row("requests/s", 0, |load| load.a_second),
            row("p50, µs", 0, |load| load.p50_us),
            row("p99, µs", 0, |load| load.p99_us),
            row("CPU per request, µs", 1, |load| load.cpu_us),
        ],
    );
}

fn verified_tokens(figures: &Figures) {
    let (first, again) = (
        median(figures.seen.first_us.clone()),
        median(figures.seen.again_us.clone()),
    );
    let row = |name: &str, us: f64| {
        vec![
            name.to_owned(),
            format!("{us:.0}"),
            format!("{:.2}", us / again),
        ]
    };
    table(
        &[
            "guarded page, one connection",
            "CPU per request, µs",
            "ratio",
        ],
        &[
            row(
                "token seen for the first time: signature and session checked",
                first,
            ),
            row("token in the table of verified ones", again),
        ],
    );
}

fn sign_in(figures: &Figures) {
    let hash_ms = figures.hash_ms;
    let row = |name: &str, of: &SignIns, alone: bool| {
        // Under other load the server's CPU time includes more than the sign-ins.
        let cpu = |value: f64, digits: usize| {
            if alone {
                format!("{value:.digits$}")
            } else {
                String::new()
            }
        };
        vec![
            name.to_owned(),
            format!("{:.1}", of.a_second),
            format!("{:.0}", of.median_ms),
            cpu(of.cpu_ms, 0),
            cpu(of.cpu_ms / hash_ms, 2),
            of.turned_away.to_string(),
        ]
    };
    let hash = format!("one bcrypt, cost {BCRYPT_COST}, nothing else");
    let none = String::new;
    table(
        &[
            "sign-ins",
            "per second",
            "p50, ms",
            "CPU each, ms",
            "ratio to one bcrypt",
            "refused (503)",
        ],
        &[
            vec![
                hash,
                none(),
                none(),
                format!("{hash_ms:.0}"),
                "1.00".to_owned(),
                none(),
            ],
            row("one after the other", &figures.in_turn, true),
            row(
                &format!("{PARALLEL_SIGN_INS} at a time"),
                &figures.parallel,
                true,
            ),
            row(
                &format!("{PARALLEL_SIGN_INS} at a time, with the load below"),
                &figures.beside,
                false,
            ),
        ],
    );

    let row = |name: &str, a_second: f64, p50_us: f64, p99_us: f64| {
        vec![
            name.to_owned(),
            format!("{a_second:.0}"),
            format!("{p50_us:.0}"),
            format!("{p99_us:.0}"),
        ]
    };
    let alone = |figure| median_of(&figures.guarded, figure);
    let beside = &figures.meanwhile;
    table(
        &["guarded page", "requests/s", "p50, µs", "p99, µs"],
        &[
            row(
                "alone",
                alone(|load| load.a_second),
                alone(|load| load.p50_us),
                alone(|load| load.p99_us),
            ),
            row(
                "while people sign in",
                beside.a_second,
                beside.p50_us,
                beside.p99_us,
            ),
        ],
    );
}

fn aims(figures: &Figures) {
    let cpu = |loads| median_of(loads, |load| load.cpu_us);
    let ratio = cpu(&figures.guarded) / cpu(&figures.plain);
    let ready_ms = median(figures.ready_ms.clone());
    let slowest_ms = figures.ready_ms.iter().copied().fold(0.0, f64::max);
    let Figures {
        memory,
        memory_after_pages,
        ..
    } = figures;
    let row = |name: &str, measured: String, aim: String, met: bool| {
        vec![
            name.to_owned(),
            measured,
            aim,
            if met { "yes" } else { "no" }.to_owned(),
        ]
    };
    table(
        &["figure", "measured", "target", "met"],
        &[
            row(
                "CPU per request, relative to the bare handler",
                format!("{ratio:.2}"),
                format!("at most {AIM_RATIO}"),
                ratio <= AIM_RATIO,
            ),
            row(
                "resident memory after all the load",
                format!(
                    "{:.1} MB (after the pages {:.1}, at most {:.1})",
                    memory.now_mb, memory_after_pages.now_mb, memory.most_mb
                ),
                format!("under {AIM_MEMORY_MB} MB"),
                memory.now_mb < AIM_MEMORY_MB,
            ),
            row(
                "start to first answer, existing database",
                format!(
                    "{ready_ms:.0} ms (slowest of {} {slowest_ms:.0})",
                    figures.ready_ms.len()
                ),
                format!("within {AIM_READY_MS} ms"),
                ready_ms <= AIM_READY_MS,
            ),
        ],
    );
}

/// Prints an aligned Markdown table; every column but the first is right-aligned.
fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                0 => format!(" {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            });
        println!("|{}", padded.collect::<String>());
    };
    println!();
    line(head);
    let rule = |(column, &width): (usize, &usize)| match column {
        0 => format!(" {} |", "-".repeat(width)),
        _ => format!(" {}: |", "-".repeat(width - 1)),
    };
    println!(
        "|{}",
        widths.iter().enumerate().map(rule).collect::<String>()
    );
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// The output of a command, or "unknown".
fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success());
    output.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
