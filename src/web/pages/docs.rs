//! The API reference for people, made from the same description as for programs.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use askama::Template;
use serde_json::Value;

use super::{Answer, Page};
use crate::base::fault::Fault;
use crate::web::Web;
use crate::web::guard::Listed;
use crate::web::openapi::describe;
use crate::web::page::View;
use crate::web::prepared::Prepared;
use crate::web::problem::ALL;
use crate::web::proof::{Guard, Open};

#[derive(Template)]
#[template(path = "pages/docs.html")]
struct DocsPage<'a> {
    /// HTML, from [`Calls`].
    calls: &'a str,
}

#[derive(Template)]
#[template(path = "pages/docs_calls.html")]
struct Calls<'a> {
    groups: Vec<Group<'a>>,
    errors: BTreeMap<&'static str, Error>,
}

/// The meaning of an error code.
#[derive(Default)]
struct Error {
    statuses: BTreeSet<u16>,
    whens: Vec<&'static str>,
}

/// The part of the page that is the same for everyone: rendering it takes longest.
pub struct Docs {
    calls: String,
    /// The whole page, for visitors.
    page: Prepared,
}

struct Group<'a> {
    name: &'a str,
    calls: Vec<Call<'a>>,
}

struct Call<'a> {
    id: &'a str,
    method: &'static str,
    path: &'static str,
    summary: &'a str,
    description: &'a str,
    /// The description of the body as a whole.
    body: &'a str,
    who: &'static str,
    fields: Vec<Field<'a>>,
    answers: Vec<(&'a str, String)>,
    curl: String,
}

/// A field of the body, or a parameter.
struct Field<'a> {
    name: &'a str,
    place: &'static str,
    takes: String,
    words: &'a str,
}

impl Docs {
    /// # Errors
    /// When it cannot be rendered.
    fn of(whole: &Value, web: &Web) -> Result<Self, Fault> {
        let groups = list(&whole["tags"]).iter().map(|tag| Group {
            name: text(&tag["name"]),
            calls: web
                .routes
                .iter()
                .filter_map(|route| call(whole, route))
                .filter(|(group, _)| *group == text(&tag["name"]))
                .map(|(_, call)| call)
                .collect(),
        });
        let groups = groups.collect();
        let mut errors = BTreeMap::<_, Error>::new();
        for words in ALL.iter().map(|problem| problem.words) {
            let error = errors.entry(words.code).or_default();
            error.statuses.insert(words.status.as_u16());
            error.whens.push(words.when);
        }
        let calls = Calls { groups, errors }
            .render()
            .map_err(|error| Fault::caused("render a page", error))?;
        let page = View::for_everyone(web).render(&DocsPage { calls: &calls })?;
        Ok(Self {
            page: Prepared::of("text/html; charset=utf-8", page),
            calls,
        })
    }
}

pub async fn show(_: Open, page: Page) -> Answer {
    let make = || async { Docs::of(&describe(&page), &page.web) };
    let docs = page.web.docs.get_or_try_init(make).await?;
    if page.viewer().is_some() {
        // Not compressed: the form token of the sign-out form is a secret.
        let calls = &docs.calls;
        return page.show(&DocsPage { calls });
    }
    let mut response = docs.page.respond(page.request());
    let headers = response.headers_mut();
    // Revalidated each time: the page differs after signing in.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Cookie"));
    Ok(response)
}

/// `None` for a page, which is not an API call.
fn call<'a>(whole: &'a Value, route: &Listed) -> Option<(&'a str, Call<'a>)> {
    let described = whole["paths"]
        .get(route.path)?
        .get(route.method.to_ascii_lowercase())?;
    let parameters = list(&described["parameters"]).iter();
    let mut fields: Vec<_> = parameters
        .map(|parameter| resolved(whole, parameter))
        .map(|parameter| Field {
            name: text(&parameter["name"]),
            place: match text(&parameter["in"]) {
                "path" => "path",
                "query" => "query, optional",
                _ => "header, optional",
            },
            takes: takes(whole, &parameter["schema"]),
            words: text(&parameter["description"]),
        })
        .collect();
    let content = described["requestBody"]["content"].as_object();
    let body = content.and_then(|content| content.iter().next());
    let mut about_body = "";
    if let Some((_, body)) = body {
        let schema = resolved(whole, &body["schema"]);
        about_body = text(&schema["description"]);
        for (name, field) in schema["properties"].as_object()? {
            let required = list(&schema["required"]).iter().any(|one| one == name);
            fields.push(Field {
                name,
                place: if required { "body" } else { "body, optional" },
                takes: takes(whole, field),
                words: words(whole, field),
            });
        }
    }
    let answers = described["responses"].as_object()?.iter();
    let call = Call {
        id: text(&described["operationId"]),
        method: route.method,
        path: route.path,
        summary: text(&described["summary"]),
        description: text(&described["description"]),
        body: about_body,
        who: who(route.guard),
        fields,
        answers: answers
            .map(|(status, answer)| {
                let answer = resolved(whole, answer);
                let mut words = text(&answer["description"]).to_owned();
                let content = answer["content"].as_object().into_iter().flatten().next();
                if let Some((_, content)) = content.filter(|_| status.starts_with('2')) {
                    let fields = fields_of(whole, &content["schema"]);
                    if !fields.is_empty() {
                        words += &format!(" With {fields}.");
                    }
                }
                (status.as_str(), words)
            })
            .collect(),
        curl: curl(
            whole,
            route,
            body.map(|(kind, body)| (kind.as_str(), &body["example"])),
        ),
    };
    Some((text(&described["tags"][0]), call))
}

fn who(guard: Guard) -> &'static str {
    match guard {
        Guard::Public | Guard::PublicToken | Guard::Open | Guard::OneTime => "Everyone.",
        Guard::SignedInOrLink => "Signed in, or with a link.",
        Guard::SignedIn => "Signed in.",
        Guard::Recent => "Signed in, with the password entered in the last ten minutes.",
        Guard::Administrator => "Administrators.",
        Guard::RecentAdministrator => {
            "Administrators, with the password entered in the last ten minutes."
        }
    }
}

/// A shell command that uses the variables `token`, `id` and `share`.
fn curl(whole: &Value, route: &Listed, body: Option<(&str, &Value)>) -> String {
    let path = route
        .path
        .replace("{id}", "$id")
        .replace("{share}", "$share");
    let mut line = format!("curl -s \"{}{path}\"", text(&whole["servers"][0]["url"]));
    if !matches!((route.method, body), ("GET", _) | ("POST", Some(_))) {
        line += &format!(" -X {}", route.method);
    }
    if route.guard != Guard::Public {
        line += " -H \"authorization: Bearer $token\"";
    }
    match body {
        Some(("application/json", example)) => {
            line += &format!(" -H content-type:application/json -d '{example}'");
        }
        Some(("multipart/form-data", example)) => {
            for (name, value) in example.as_object().into_iter().flatten() {
                line += &format!(" -F '{name}={}'", text(value));
            }
        }
        Some((_, example)) => {
            for (name, value) in example.as_object().into_iter().flatten() {
                line += &format!(" --data-urlencode '{name}={}'", text(value));
            }
        }
        None => {}
    }
    line
}

/// The type of a value and its limits, in few words.
fn takes(whole: &Value, schema: &Value) -> String {
    let found = concrete(whole, schema);
    let mut words = match &found["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    if found["format"] == "uuid" {
        words = "id".to_owned();
    }
    if !list(&found["enum"]).is_empty() {
        let all = list(&found["enum"]).iter().map(text).collect::<Vec<_>>();
        words = all.join(" or ");
    }
    if found["type"] == "array" {
        words = format!("list of {}", takes(whole, &found["items"]));
    }
    if !list(&schema["anyOf"]).is_empty() {
        words += " or null";
    }
    let limits = [
        ("minLength", "at least", " characters"),
        ("maxLength", "at most", " characters"),
        ("minimum", "from", ""),
        ("maximum", "to", ""),
        ("maxItems", "at most", " of them"),
    ];
    for (limit, before, after) in limits {
        if let Some(number) = found[limit]
            .as_i64()
            .filter(|number| *number != 1 || after.is_empty())
        {
            words += &format!(", {before} {number}{after}");
        }
    }
    words
}

/// The names of the fields of an answer; of a list, also those of its items.
fn fields_of(whole: &Value, schema: &Value) -> String {
    let schema = resolved(whole, schema);
    let schema = resolved(whole, schema.pointer("/oneOf/0").unwrap_or(schema));
    let fields = schema["properties"].as_object().into_iter().flatten();
    let names = fields.map(|(name, field)| match fields_of(whole, &field["items"]) {
        each if each.is_empty() => format!("`{name}`"),
        each => format!("`{name}` (each with {each})"),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The target of a reference.
fn resolved<'a>(whole: &'a Value, value: &'a Value) -> &'a Value {
    let to = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    to.and_then(|to| whole.pointer(to)).unwrap_or(value)
}

/// As [`resolved`], without `or null`.
fn concrete<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
    resolved(whole, schema.pointer("/anyOf/0").unwrap_or(schema))
}

/// The description of a field, or of its type.
fn words<'a>(whole: &'a Value, field: &'a Value) -> &'a str {
    let own = text(&field["description"]);
    if own.is_empty() {
        text(&concrete(whole, field)["description"])
    } else {
        own
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
