//! A person at a browser: keeps cookies, finds fields by their labels, reads what a page says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use scraper::{ElementRef, Html, Selector};

use super::multipart::{CONTENT_TYPE, Multipart};

/// The hosts that servers are reached by, by their local addresses: what a proxy in front sends.
static HOSTS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// From now on, clients of `local_url` send the host of `url`.
pub fn reach_by(local_url: &str, url: &str) {
    let (_, host) = url.split_once("://").unwrap();
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.insert(local_url.to_owned(), host.to_owned());
}

pub struct Browser {
    pub url: String,
    cookies: RefCell<BTreeMap<String, String>>,
    headers: Vec<(&'static str, String)>,
    client: Client,
}

/// A form of a page.
pub struct FormOnPage {
    pub method: String,
    pub action: String,
    /// As (name, kind, value). The kind is the type of an input, or `select`, or `textarea`.
    pub fields: Vec<(String, String, String)>,
}

/// An answer, read whole. Redirects are not followed unless one says so.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// As text; what is not UTF-8 is replaced.
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Browser {
    /// Sends what Chromium sends with a navigation from a page of the same site.
    pub fn at(url: &str) -> Self {
        Self::sending(
            url,
            &[
                ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
                ("sec-fetch-site", "same-origin"),
            ],
        )
    }

    /// A client other than a browser: it asks for JSON, and holds this access token if any.
    pub fn program(url: &str, bearer: Option<&str>) -> Self {
        let program = Self::sending(url, &[("accept", "application/json")]);
        match bearer {
            Some(token) => program.with("authorization", &format!("Bearer {token}")),
            None => program,
        }
    }

    /// Sends only these headers, and none of a browser's.
    pub fn sending(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A full queue of hashes, on a machine with other load.
            .timeout(std::time::Duration::from_secs(120))
            .no_proxy();
        // Reading the system's certificates takes longer than most tests send requests.
        #[cfg(feature = "s3")]
        let client = client.tls_certs_only([]);
        Self {
            url: url.to_owned(),
            cookies: RefCell::default(),
            headers: headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            client: client.build().unwrap(),
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(self.client.get(self.full(path)))
    }

    pub fn head(&self, path: &str) -> Reply {
        self.send(self.client.head(self.full(path)))
    }

    /// Follows a redirect.
    pub fn follow(&self, reply: &Reply) -> Reply {
        self.get(&reply.location())
    }

    /// A form's body without a page to fill in.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = encode(fields.iter().map(|(name, value)| (*name, *value)));
        self.post_body(path, "application/x-www-form-urlencoded", body)
    }

    pub fn post_body(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let body: Vec<u8> = body.into();
        self.send(
            self.client
                .post(self.full(path))
                .header("content-type", content_type)
                .body(body),
        )
    }

    pub fn send_files(&self, path: &str, form: &Multipart) -> Reply {
        self.post_body(path, CONTENT_TYPE, form.whole())
    }

    /// As [`Browser::send_files`], with the token of this session's own pages.
    pub fn send_own_files(&self, path: &str, form: &Multipart) -> Reply {
        let token = self.own_token();
        let form = Multipart::new().text("form_token", &token).then(form);
        self.send_files(path, &form)
    }

    pub fn with_method(&self, method: &str, path: &str) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.send(self.client.request(method, self.full(path)))
    }

    pub fn send_json(&self, method: &str, path: &str, body: &serde_json::Value) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, self.full(path));
        self.send(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
    }

    /// Fills in the form of `page` that has a button called `button`, by the fields' labels, and
    /// sends it. A checkbox is ticked by any value.
    pub fn submit(&self, page: &Reply, button: &str, by_label: &[(&str, &str)]) -> Reply {
        let (action, fields) = page.filled(button, by_label);
        self.post(
            &action,
            &fields
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect::<Vec<_>>(),
        )
    }

    pub fn sign_up(&self, username: &str, email: &str, password: &str) -> Reply {
        let page = self.get("/signup");
        let fields = [
            ("Username", username),
            ("Email address", email),
            ("Password", password),
        ];
        self.submit(&page, "Create account", &fields)
    }

    pub fn sign_in(&self, login: &str, password: &str) -> Reply {
        let page = self.get("/login");
        let fields = [("Username or email address", login), ("Password", password)];
        self.submit(&page, "Sign in", &fields)
    }

    pub fn sign_out(&self) -> Reply {
        let page = self.get("/public");
        self.submit(&page, "Sign out", &[])
    }

    /// Whether the dashboard opens.
    pub fn is_signed_in(&self) -> bool {
        self.get("/dashboard").status == 200
    }

    /// The access token that it holds.
    pub fn access(&self) -> String {
        self.cookie("doorward_access").expect("signed in")
    }

    /// By its name without the instance's suffix.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.borrow();
        let found = cookies.iter().find(|(full, _)| short_name(full) == name);
        found.map(|(_, value)| value.clone())
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        let full = self.full_name(name);
        self.cookies.borrow_mut().insert(full, value.to_owned());
    }

    pub fn drop_cookie(&self, name: &str) {
        let mut cookies = self.cookies.borrow_mut();
        cookies.retain(|full, _| short_name(full) != name);
    }

    /// With the instance's suffix, which its sign-in page shows.
    pub fn full_name(&self, name: &str) -> String {
        let blank = Self::sending(&self.url, &[("accept", "text/html")]);
        let shown = blank.get("/login").cookies();
        let form = shown
            .iter()
            .find(|cookie| cookie.contains("doorward_form_"));
        let (form, _) = form.unwrap().split_once('=').unwrap();
        form.replace("doorward_form", name)
    }

    /// The token of this session's own pages.
    fn own_token(&self) -> String {
        let looking = self.with("accept", "text/html");
        let token = looking.get("/public").value_of("form_token");
        self.cookies.replace(looking.cookies.into_inner());
        token
    }

    /// As [`Browser::post`], with the token of this session's own pages.
    pub fn post_own(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.own_token();
        self.post(path, &[fields, &[("form_token", &token)]].concat())
    }

    /// A second browser with the same cookies: a thief's, a restored profile's or another tab's.
    pub fn copy(&self) -> Self {
        Self {
            url: self.url.clone(),
            cookies: self.cookies.clone(),
            headers: self.headers.clone(),
            client: self.client.clone(),
        }
    }

    /// The same person at another server.
    pub fn moved_to(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.copy()
        }
    }

    /// The same, with one more header on each request.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut copy = self.copy();
        copy.headers.retain(|(known, _)| *known != name);
        copy.headers.push((name, value.to_owned()));
        copy
    }

    fn full(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn send(&self, mut request: RequestBuilder) -> Reply {
        let hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get(&self.url).cloned();
        drop(hosts);
        let has_host = self.headers.iter().any(|(name, _)| *name == "host");
        if let Some(host) = host.filter(|_| !has_host) {
            request = request.header("host", host);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let cookies: Vec<_> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let response = request.send().expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().unwrap().to_vec();
        let reply = Reply {
            status,
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        };
        for cookie in reply.cookies() {
            let (pair, rest) = cookie.split_once(';').unwrap_or((&cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                let (name, value) = (name.to_owned(), value.to_owned());
                self.cookies.borrow_mut().insert(name, value);
            }
        }
        reply
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn location(&self) -> String {
        let location = self.headers.get(LOCATION);
        location
            .unwrap_or_else(|| panic!("{} leads nowhere: {}", self.status, self.body))
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Every `Set-Cookie`, whole.
    pub fn cookies(&self) -> Vec<String> {
        self.headers
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn title(&self) -> String {
        self.text("title")
    }

    pub fn heading(&self) -> String {
        self.text("h1")
    }

    /// The text of everything that `selector` finds, spaces folded.
    pub fn text(&self, selector: &str) -> String {
        let page = Html::parse_document(&self.body);
        let found = page
            .select(&selector_of(selector))
            .map(text_of)
            .collect::<Vec<_>>();
        found.join("\n")
    }

    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let page = Html::parse_document(&self.body);
        page.select(&selector_of(selector))
            .next()?
            .value()
            .attr(name)
            .map(str::to_owned)
    }

    /// The error summary: (field id, words).
    pub fn errors(&self) -> Vec<(String, String)> {
        let page = Html::parse_document(&self.body);
        page.select(&selector_of(".errors a"))
            .map(|link| {
                (
                    link.value()
                        .attr("href")
                        .unwrap()
                        .trim_start_matches('#')
                        .to_owned(),
                    text_of(link),
                )
            })
            .collect()
    }

    /// The value that a field shows, by its label.
    pub fn value(&self, label: &str) -> String {
        let page = Html::parse_document(&self.body);
        let field = field_of(page.root_element(), label);
        field.value().attr("value").unwrap_or_default().to_owned()
    }

    /// The value that a field shows, by its name; empty without one.
    pub fn value_of(&self, name: &str) -> String {
        self.attribute(&format!("[name='{name}']"), "value")
            .unwrap_or_default()
    }

    pub fn forms(&self) -> Vec<FormOnPage> {
        let page = Html::parse_document(&self.body);
        let read = |form: ElementRef<'_>| {
            let of = |element: ElementRef<'_>, name| element.value().attr(name).map(str::to_owned);
            let named = selector_of("[name]");
            let fields = form.select(&named).map(|field| {
                let kind = match field.value().name() {
                    "input" => of(field, "type").unwrap_or_else(|| "text".to_owned()),
                    other => other.to_owned(),
                };
                let value = match field.select(&selector_of("option[selected]")).next() {
                    Some(option) => of(option, "value").or_else(|| Some(text_of(option))),
                    None => of(field, "value"),
                };
                let name = of(field, "name").unwrap();
                (name, kind, value.unwrap_or_default())
            });
            FormOnPage {
                method: of(form, "method").unwrap_or_else(|| "get".to_owned()),
                action: of(form, "action").unwrap(),
                fields: fields.collect(),
            }
        };
        page.select(&selector_of("form")).map(read).collect()
    }

    fn filled(&self, button: &str, by_label: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        let page = Html::parse_document(&self.body);
        let form = page
            .select(&selector_of("form"))
            .find(|form| {
                form.select(&selector_of("button"))
                    .any(|b| text_of(b) == button)
            })
            .unwrap_or_else(|| {
                panic!(
                    "no form with a button {button:?} on {} {}",
                    self.status, self.body
                )
            });
        let mut fields: Vec<(String, String)> = Vec::new();
        for input in form.select(&selector_of("input")) {
            let attribute = |name: &str| input.value().attr(name).unwrap_or_default().to_owned();
            if attribute("type") != "checkbox" || input.value().attr("checked").is_some() {
                fields.push((attribute("name"), attribute("value")));
            }
        }
        for select in form.select(&selector_of("select")) {
            let chosen = select.select(&selector_of("option[selected]")).next();
            let value = chosen.map(|option| match option.value().attr("value") {
                Some(value) => value.to_owned(),
                None => text_of(option),
            });
            let value = value.unwrap_or_default();
            let name = select.value().attr("name").unwrap();
            fields.push((name.to_owned(), value));
        }
        for (label, value) in by_label {
            let field = field_of(form, label);
            let name = field.value().attr("name").unwrap().to_owned();
            let value = match field.value().attr("type") {
                Some("checkbox") => field.value().attr("value").unwrap_or("on").to_owned(),
                _ => (*value).to_owned(),
            };
            fields.retain(|(known, _)| *known != name);
            fields.push((name, value));
        }
        (form.value().attr("action").unwrap().to_owned(), fields)
    }
}

fn field_of<'a>(within: ElementRef<'a>, label: &str) -> ElementRef<'a> {
    let found = within
        .select(&selector_of("label"))
        .find(|l| text_of(*l) == label);
    let found = found.unwrap_or_else(|| panic!("no label {label:?}"));
    match found.value().attr("for") {
        Some(id) => within
            .select(&selector_of(&format!("#{id}")))
            .next()
            .unwrap(),
        None => found.select(&selector_of("input")).next().unwrap(),
    }
}

/// `doorward_access` of `__Host-doorward_access_0123abcd`.
pub fn short_name(cookie: &str) -> &str {
    let name = cookie.strip_prefix("__Host-").unwrap_or(cookie);
    match name.rsplit_once('_') {
        Some((short, instance)) if short.contains('_') && instance.len() == 8 => short,
        _ => name,
    }
}

fn selector_of(selector: &str) -> Selector {
    Selector::parse(selector).unwrap()
}

fn text_of(element: ElementRef<'_>) -> String {
    element
        .text()
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

pub fn encode<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let all = percent_encoding::NON_ALPHANUMERIC;
    let escape = |text| percent_encoding::utf8_percent_encode(text, all).to_string();
    fields
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}
