//! A Chromium of one's own, and a person in front of it.
//!
//! Each has its own chromedriver, port and empty profile, and nothing of it is left once it is
//! dropped. Fields, buttons and links are found as people find them: by their words. Whatever
//! leads to another page is waited for.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel, TypingData};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tracing::subscriber::{NoSubscriber, with_default};

use super::tool;

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // As on a phone, they take no room.
    "--hide-scrollbars",
    // Sites that are not loopback by their name.
    "--host-resolver-rules=MAP *.test 127.0.0.1",
];
const WAIT: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Blocks every script of a page, as the switch in the settings does. WebDriver's own still run.
const NO_SCRIPTS: &str = "profile.managed_default_content_settings.javascript";

pub struct Chromium {
    site: String,
    driver: WebDriver,
    runtime: Runtime,
    chromedriver: Child,
    _profile: TempDir,
}

impl Chromium {
    /// At the site with this URL. `None` without chromedriver.
    pub fn at(site: &str) -> Option<Self> {
        Self::start(site, json!({}))
    }

    /// With JavaScript switched off.
    pub fn without_scripts(site: &str) -> Option<Self> {
        Self::start(site, json!({ NO_SCRIPTS: 2 }))
    }

    fn start(site: &str, preferences: Value) -> Option<Self> {
        let program = tool("chromedriver", "DOORWARD_TEST_CHROMEDRIVER")?;
        let profile = tempfile::tempdir().unwrap();
        let (mut chromedriver, port) = chromedriver(&program, profile.path());
        let url = format!("http://127.0.0.1:{port}");

        let mut wanted = ChromeCapabilities::new();
        let folder = format!("--user-data-dir={}", profile.path().display());
        for flag in FLAGS.into_iter().chain([folder.as_str()]) {
            wanted.add_arg(flag).unwrap();
        }
        wanted
            .add_experimental_option("prefs", preferences)
            .unwrap();
        wanted
            .set_browser_log_level(LoggingPrefsLogLevel::All)
            .unwrap();
        let poller = Arc::new(ElementPollerWithTimeout::new(WAIT, LOOK_AGAIN));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let connecting = WebDriver::builder(url, wanted).poller(poller).into_future();
        let driver = unlogged(&runtime, connecting);
        let driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                chromedriver.kill().ok();
                chromedriver.wait().ok();
                panic!("Chromium does not start: {error}");
            }
        };
        let chromium = Self {
            site: site.to_owned(),
            driver,
            runtime,
            chromedriver,
            _profile: profile,
        };
        // From now on what a page was made of can be asked for.
        chromium.devtools("Network.enable", json!({}));
        Some(chromium)
    }

    // What a person does

    /// Opens a path of the site, or any other URL.
    pub fn open(&self, place: &str) {
        let url = if place.starts_with('/') {
            format!("{}{place}", self.site)
        } else {
            place.to_owned()
        };
        self.wait(self.driver.goto(url));
    }

    /// Opens another tab, with the same cookies, and turns to it. Returns the one that was left.
    pub fn open_tab(&self) -> WindowHandle {
        let left = self.wait(self.driver.window());
        let new = self.wait(self.driver.new_tab());
        self.wait(self.driver.switch_to_window(new));
        left
    }

    pub fn turn_to(&self, tab: &WindowHandle) {
        self.wait(self.driver.switch_to_window(tab.clone()));
    }

    pub fn reload(&self) {
        self.wait(self.driver.refresh());
    }

    pub fn back(&self) {
        self.wait(self.driver.back());
    }

    pub fn fill(&self, label: &str, text: &str) {
        let field = self.field(label);
        self.wait(field.clear());
        self.wait(field.send_keys(text));
    }

    pub fn fill_all(&self, by_label: &[(&str, &str)]) {
        for (label, text) in by_label {
            self.fill(label, text);
        }
    }

    /// Chooses files in a field for them.
    pub fn choose(&self, label: &str, files: &[&Path]) {
        let paths: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        self.wait(self.field(label).send_keys(paths.join("\n")));
    }

    /// Drags files of this size over the form that takes uploads; and lets them fall, if so.
    pub fn drag(&self, files: &[(&str, usize)], and_drop: bool) {
        let files = json!(files);
        let types = if and_drop {
            "dragover drop"
        } else {
            "dragover"
        };
        self.evaluate(&format!(
            "const dataTransfer = new DataTransfer();
             for (const [name, size] of {files}) {{
                 dataTransfer.items.add(new File(['x'.repeat(size)], name));
             }}
             for (const type of '{types}'.split(' ')) {{
                 const event = new DragEvent(type, {{ dataTransfer, bubbles: true, cancelable: true }});
                 document.querySelector('form[data-upload] label').dispatchEvent(event);
             }}"
        ));
    }

    pub fn tick(&self, label: &str) {
        self.wait(self.find("label", label).click());
    }

    /// Presses a button that sends its form.
    pub fn press(&self, button: &str) {
        self.turn_page(|| self.click("button", button));
    }

    pub fn follow(&self, link: &str) {
        self.turn_page(|| self.click("a", link));
    }

    /// Clicks on what leads to no other page.
    pub fn click(&self, element: &str, words: &str) {
        self.wait(self.find(element, words).click());
    }

    /// Strikes keys, wherever the focus is.
    pub fn strike(&self, keys: impl Into<TypingData>) {
        let keys: TypingData = keys.into();
        self.wait(self.driver.action_chain().send_keys(keys).perform());
    }

    /// Puts what was copied where the focus is.
    pub fn paste(&self) {
        let keys = self.driver.action_chain().key_down(Key::Control);
        self.wait(keys.send_keys("v").key_up(Key::Control).perform());
    }

    /// Does what leads to another page, and waits until this one is gone.
    pub fn turn_page(&self, act: impl FnOnce()) {
        // The body, because a script may put another one in its place.
        let page = self.wait(self.driver.find(By::Tag("body")));
        act();
        self.wait(page.wait_until().error("the page stays").stale());
    }

    // What a person sees

    /// Path and query.
    pub fn path(&self) -> String {
        let url = self.wait(self.driver.current_url());
        url.as_str()
            .strip_prefix(&self.site)
            .unwrap_or(url.as_str())
            .to_owned()
    }

    pub fn heading(&self) -> String {
        self.text("h1")
    }

    /// What can be read of all that `selector` finds.
    pub fn text(&self, selector: &str) -> String {
        let found = self.wait(self.driver.find_all(By::Css(selector)));
        found
            .iter()
            .map(|element| self.wait(element.text()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    pub fn shows(&self, element: &str, words: &str) -> bool {
        !self
            .wait(self.driver.find_all(By::XPath(with_words(element, words))))
            .is_empty()
    }

    pub fn attribute(&self, label: &str, name: &str) -> Option<String> {
        self.wait(self.field(label).attr(name))
    }

    /// The words of what has the focus; nothing while the page as a whole has it.
    pub fn focus(&self) -> String {
        let words = self.evaluate(
            "const it = document.activeElement;
             if (it === document.body) return '';
             const words = it.getAttribute('aria-label') ?? it.labels?.[0]?.textContent ?? it.textContent;
             return words.trim().split('\\n')[0];",
        );
        words.as_str().unwrap().to_owned()
    }

    // What it looks like

    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// `light` or `dark`; and without motion, or a picture would be taken half-way from one colour
    /// to the next.
    pub fn prefer_colours(&self, scheme: &str) {
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", features);
    }

    /// The whole page as PNG, also what one would have to scroll to.
    pub fn photograph(&self) -> Vec<u8> {
        let clip = self.evaluate(
            "const { clientWidth, scrollHeight } = document.documentElement;
             return { x: 0, y: 0, width: clientWidth, height: scrollHeight, scale: 1 };",
        );
        let picture =
            json!({ "captureBeyondViewport": true, "clip": clip, "optimizeForSpeed": true });
        let picture = self.devtools("Page.captureScreenshot", picture);
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    // What only its tools show

    pub fn cookies(&self) -> Vec<String> {
        let cookies = self.wait(self.driver.get_all_cookies());
        cookies.into_iter().map(|cookie| cookie.name).collect()
    }

    pub fn forget_cookies(&self) {
        self.wait(self.driver.delete_all_cookies());
    }

    /// The page as it was sent.
    pub fn source(&self) -> String {
        let tree = self.devtools("Page.getFrameTree", json!({}));
        let page = &tree["frameTree"]["frame"]["loaderId"];
        let answer = self.devtools("Network.getResponseBody", json!({ "requestId": page }));
        answer["body"].as_str().unwrap().to_owned()
    }

    pub fn evaluate(&self, script: &str) -> Value {
        self.wait(self.driver.execute(script, Vec::new()))
            .json()
            .clone()
    }

    /// As [`Self::evaluate`], for a script that calls its last argument with its result.
    pub fn evaluate_async(&self, script: &str) -> Value {
        self.wait(self.driver.execute_async(script, Vec::new()))
            .json()
            .clone()
    }

    /// Lets bytes out this slowly from now on; `None` none at all.
    pub fn throttle(&self, bytes_per_second: Option<u64>) {
        self.devtools(
            "Network.emulateNetworkConditions",
            json!({
                "offline": bytes_per_second.is_none(),
                "latency": 0,
                "downloadThroughput": -1,
                "uploadThroughput": bytes_per_second.unwrap_or(0),
            }),
        );
    }

    pub fn unthrottle(&self) {
        self.devtools(
            "Network.emulateNetworkConditions",
            json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 }),
        );
    }

    /// Keeps what is downloaded in this folder.
    pub fn keep_downloads(&self, folder: &Path) {
        self.devtools(
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": folder }),
        );
    }

    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.wait(self.driver.cdp().send_raw(command, parameters))
    }

    /// What the console has warned of since this was last asked. That a page has the status of an
    /// error is no complaint.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.wait(self.driver.browser_log()).into_iter();
        said.filter(|entry| ["WARNING", "SEVERE"].contains(&entry.level.as_str()))
            .map(|entry| entry.message)
            .filter(|words| {
                words.contains("/static/")
                    || !words.contains("the server responded with a status of")
            })
            .collect()
    }

    fn field(&self, label: &str) -> WebElement {
        let id = self
            .wait(self.find("label", label).attr("for"))
            .expect("a label for a field");
        self.wait(self.driver.find(By::Id(id)))
    }

    fn find(&self, element: &str, words: &str) -> WebElement {
        let path = By::XPath(with_words(element, words));
        unlogged(&self.runtime, self.driver.find(path)).unwrap_or_else(|_| {
            panic!(
                "no {element} {words:?} at {}: {}",
                self.path(),
                self.text("body")
            )
        })
    }

    #[track_caller]
    fn wait<T>(&self, what: impl Future<Output = WebDriverResult<T>>) -> T {
        unlogged(&self.runtime, what).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let quit = async { timeout(WAIT, self.driver.clone().quit()).await };
        if !matches!(unlogged(&self.runtime, quit), Ok(Ok(()))) {
            // Chromium outlives a chromedriver that is killed.
            let pid = self
                .driver
                .capabilities()
                .get("goog:processID")
                .and_then(Value::as_i64);
            if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid as i32)) {
                kill_process(pid, Signal::KILL).ok();
            }
        }
        self.chromedriver.kill().ok();
        self.chromedriver.wait().ok();
    }
}

/// What is said to a browser has passwords in it, and is not the server's log.
fn unlogged<T>(runtime: &Runtime, what: impl Future<Output = T>) -> T {
    with_default(NoSubscriber::new(), || runtime.block_on(what))
}

/// On a port that it chooses, and says once it listens. Where somebody else has taken it meanwhile
/// it ends, and another one tries.
fn chromedriver(program: &str, home: &Path) -> (Child, u16) {
    for _ in 0..5 {
        let mut chromedriver = Command::new(program)
            .arg("--port=0")
            .env("HOME", home)
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver can be started");
        let lines = BufReader::new(chromedriver.stdout.as_mut().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if let Some(port) = port {
            return (chromedriver, port);
        }
        chromedriver.wait().unwrap();
    }
    panic!("chromedriver does not say which port it listens on");
}

fn with_words(element: &str, words: &str) -> String {
    format!("//{element}[normalize-space() = \"{words}\"]")
}
