//! What programs find wrong with a page.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::tool;
use super::window::Chromium;

/// Puts axe, which looks for what keeps people out, into every page that is opened from now on.
/// `false` without axe.
pub fn bring_axe(chromium: &Chromium) -> bool {
    let Some(file) = tool("axe-core", "DOORWARD_TEST_AXE") else {
        return false;
    };
    let axe = fs::read_to_string(file).unwrap();
    // Run when it is first needed: most pages are only passed through.
    chromium.devtools(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({ "source": format!("window.startAxe = () => {{ {axe} }};") }),
    );
    true
}

/// What axe finds wrong with a part of the page, given by a selector, as it looks now.
pub fn violations(chromium: &Chromium, part: &str) -> Vec<String> {
    run_axe(
        chromium,
        part,
        &json!({ "rules": { "target-size": { "enabled": true } } }),
    )
}

/// The violations that depend on colours.
pub fn colour_violations(chromium: &Chromium, part: &str) -> Vec<String> {
    run_axe(
        chromium,
        part,
        &json!({ "runOnly": ["color-contrast", "link-in-text-block"] }),
    )
}

fn run_axe(chromium: &Chromium, part: &str, options: &Value) -> Vec<String> {
    let found = chromium.evaluate_async(&format!(
        "const done = arguments[arguments.length - 1];
         const told = ({{ id, nodes }}) => `${{id}}: ${{nodes.map((node) => node.html).join(' ')}}`;
         if (!window.axe) startAxe();
         axe.run({part:?}, {{ resultTypes: ['violations'], ...{options} }})
             .then((found) => done(found.violations.map(told)), (error) => done([`${{error}}`]));",
    ));
    strings(&found)
}

/// What does not fit beside each other into this width.
pub fn overflow(chromium: &Chromium, width: u32) -> Option<String> {
    chromium.resize(width, 740);
    let needed = chromium
        .evaluate("return document.documentElement.scrollWidth")
        .as_u64()
        .unwrap();
    (needed > width.into()).then(|| format!("{needed}px wide at {width}px"))
}

/// Buttons and fields that are hard to hit.
pub fn low_controls(chromium: &Chromium) -> Vec<String> {
    let found = chromium.evaluate(
        "return [...document.querySelectorAll('button, .button, input:not([type=hidden], [type=checkbox])')]
             .filter((control) => control.getBoundingClientRect().height < 44)
             .map((control) => `lower than 44px: ${control.outerHTML}`)",
    );
    strings(&found)
}

/// What the Nu HTML checker says against these pages, (name, HTML). `None` without the checker.
pub fn html_errors(pages: &[(String, String)]) -> Option<Vec<String>> {
    let checker = tool("the Nu HTML checker", "DOORWARD_TEST_VNU")?;
    let folder = tempfile::tempdir().unwrap();
    let files = pages.iter().map(|(name, html)| {
        let file = folder.path().join(format!("{name}.html"));
        fs::write(&file, html).unwrap();
        file
    });
    let run = Command::new("java")
        .args([
            "-jar",
            &checker,
            "--format",
            "json",
            "--stdout",
            "--exit-zero-always",
        ])
        .args(files)
        .output()
        .expect("java can be started");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    let messages = report["messages"].as_array().unwrap().iter();
    let errors = messages.map(|message| {
        format!(
            "{}, line {}: {}",
            message["url"], message["lastLine"], message["message"]
        )
    });
    Some(errors.collect())
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}
