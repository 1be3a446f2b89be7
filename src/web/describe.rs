//! What a call of the API takes and answers, described by the types of its handler.
//!
//! Each proof, extractor and answer describes its own part of a call. A [`Call`] beside the handler
//! says what no type can. `openapi.rs` makes the description of the API from them.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::State;
use super::problem::{
    Body, CROSS_SITE, FAULT, INVALID_FIELDS, Problem, TOO_LARGE, TOO_SLOW, UNAVAILABLE, Words,
};
use crate::limits::Source;

pub const JSON: &str = "application/json";

/// A type that is only a schema: a named component, or inlined where it is used.
macro_rules! schema {
    (inline $name:ident, $schema:tt) => { $crate::web::describe::schema!(@ $name, true, $schema); };
    (@ $name:ident, $is_inline:literal, $schema:tt) => {
        pub enum $name {}

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                $is_inline
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        }
    };
    ($name:ident, $schema:tt) => { $crate::web::describe::schema!(@ $name, false, $schema); };
}
pub(super) use schema;

/// What is said of a call beside its handler.
#[derive(Debug)]
pub struct Call {
    /// The `operationId`.
    pub id: &'static str,
    pub tag: &'static Tag,
    pub summary: &'static str,
    pub description: &'static str,
    /// A body that it takes.
    pub example: Option<fn() -> Value>,
    /// Problems that no type of the handler implies.
    pub problems: &'static [Problem],
}

/// A group of calls.
#[derive(Debug)]
pub struct Tag {
    pub name: &'static str,
    pub description: &'static str,
}

/// A type in the signature of a handler, which adds to a call what it means to a client.
pub trait Describe {
    fn describe(operation: &mut Operation<'_>);
}

/// A call, and what describes the types of its handler.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    pub call: &'static Call,
    by_types: fn(&mut Operation<'_>),
}

impl Described {
    pub fn by<Takes: Describe, Answers: Describe>(call: &'static Call) -> Self {
        let by_types = |operation: &mut Operation<'_>| {
            Takes::describe(operation);
            Answers::describe(operation);
        };
        Self { call, by_types }
    }

    pub fn operation(&self, method: &str, components: &mut Components) -> Value {
        let mut operation = Operation {
            call: self.call,
            components,
            security: None,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            problems: BTreeMap::new(),
        };
        (self.by_types)(&mut operation);
        for problem in self.call.problems {
            operation.raises(problem);
        }
        // Those of every request.
        operation.raises(&Problem::malformed(""));
        operation.raises(&Problem::tokens(""));
        if method != "GET" {
            operation.raises(&CROSS_SITE);
        }
        operation.raises(&FAULT);
        operation.raises(&UNAVAILABLE);
        operation.into_value()
    }
}

/// A call as far as it is described.
pub struct Operation<'a> {
    call: &'static Call,
    components: &'a mut Components,
    security: Option<Value>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    problems: BTreeMap<u16, Vec<&'static Words>>,
}

impl Operation<'_> {
    /// Replaces the requirement of the whole API.
    pub fn security(&mut self, schemes: Value) {
        self.security = Some(schemes);
    }

    pub fn raises(&mut self, problem: &Problem) {
        let words = problem.words;
        let of_status = self.problems.entry(words.status.as_u16()).or_default();
        if of_status.iter().all(|known| known.code != words.code) {
            of_status.push(words);
        }
    }

    /// A part of the path.
    pub fn part<T: JsonSchema>(&mut self, name: &str, description: &str) {
        let schema = self.components.taken.subschema_for::<T>();
        let parameter = json!({
            "name": name, "in": "path", "required": true, "description": description,
            "schema": schema,
        });
        let reference = self.components.refer("parameters", name, parameter);
        self.parameters.push(reference);
    }

    pub fn header<T: JsonSchema>(&mut self, name: &str, description: &str) {
        let schema = self.components.taken.subschema_for::<T>();
        let parameter = json!({
            "name": name, "in": "header", "description": description, "schema": schema,
        });
        let reference = self.components.refer("parameters", name, parameter);
        self.parameters.push(reference);
    }

    /// The keys of the query, which are the fields of `T`.
    pub fn query<T: JsonSchema>(&mut self) {
        let mut object = T::json_schema(&mut self.components.taken);
        let Some(Value::Object(keys)) = object.remove("properties") else {
            return;
        };
        for (name, mut schema) in keys {
            let description = schema["description"].take();
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("description");
                // A key is left out, and never `null`.
                if let Some(Value::Array(kinds)) = schema.get_mut("type") {
                    let kind = kinds.swap_remove(0);
                    schema.insert("type".to_owned(), kind);
                }
            }
            self.parameters.push(json!({
                "name": name, "in": "query", "description": description, "schema": schema,
            }));
        }
    }

    /// A body of any of these media types.
    pub fn body<T: JsonSchema>(&mut self, media_types: &[&str], is_required: bool) {
        let mut content = json!({ "schema": self.components.taken.subschema_for::<T>() });
        if let Some(example) = self.call.example {
            content["example"] = example();
        }
        let of_type = |media_type: &&str| ((*media_type).to_owned(), content.clone());
        let content: Map<_, _> = media_types.iter().map(of_type).collect();
        self.body = Some(json!({ "required": is_required, "content": content }));
        self.raises(&TOO_SLOW);
        self.raises(&TOO_LARGE);
        self.raises(&Problem::media_type(JSON));
        self.raises(&INVALID_FIELDS);
    }

    /// An answer without a body.
    pub fn answers(&mut self, status: StatusCode, description: &str) {
        let answer = json!({ "description": description });
        self.answers.insert(status.as_u16(), answer);
    }

    pub fn answers_with<T: JsonSchema>(
        &mut self,
        status: StatusCode,
        description: &str,
        media_type: &str,
    ) {
        let schema = self.components.answered.subschema_for::<T>();
        let content = json!({ media_type: { "schema": schema } });
        let answer = json!({ "description": description, "content": content });
        self.answers.insert(status.as_u16(), answer);
    }

    /// A header of each answer that was described so far.
    pub fn answers_with_header(&mut self, name: &str, description: &str) {
        let header = self.components.header(name, description);
        for answer in self.answers.values_mut() {
            answer["headers"][name] = header.clone();
        }
    }

    /// The version, in each answer that was described so far.
    pub fn answers_with_version(&mut self) {
        self.answers_with_header("ETag", "The version, as an entity tag.");
    }

    /// Nothing is sent again to a client that has the current version.
    pub fn is_conditional(&mut self) {
        let description = "Entity tags: if one of them is current, the answer is 304.";
        self.header::<String>("If-None-Match", description);
        self.answers(
            StatusCode::NOT_MODIFIED,
            "The client has the current version.",
        );
        self.answers_with_version();
    }

    fn into_value(self) -> Value {
        let mut responses = self.answers;
        for (status, problems) in self.problems {
            responses.insert(status, self.components.response(status, &problems));
        }
        let responses = responses.into_iter();
        let responses = responses.map(|(status, response)| (status.to_string(), response));
        let mut operation = json!({
            "operationId": self.call.id,
            "tags": [self.call.tag.name],
            "summary": self.call.summary,
            "description": self.call.description,
        });
        if let Some(schemes) = self.security {
            operation["security"] = schemes;
        }
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.into();
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation["responses"] = responses.collect::<Map<_, _>>().into();
        operation
    }
}

/// The shared components of calls.
pub struct Components {
    taken: SchemaGenerator,
    answered: SchemaGenerator,
    /// By kind, such as `headers`, and by name.
    others: BTreeMap<&'static str, BTreeMap<String, Value>>,
}

impl Components {
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        let settings = settings.with_transform(RecursiveTransform(strictly));
        Self {
            taken: settings.clone().for_deserialize().into_generator(),
            answered: settings.for_serialize().into_generator(),
            others: BTreeMap::new(),
        }
    }

    pub fn into_value(mut self, security_schemes: Value) -> Value {
        let mut schemas = self.taken.take_definitions(true);
        schemas.append(&mut self.answered.take_definitions(true));
        schemas.sort_keys();
        let mut components = json!(self.others);
        components["securitySchemes"] = security_schemes;
        components["schemas"] = schemas.into();
        components
    }

    fn refer(&mut self, kind: &'static str, name: &str, component: Value) -> Value {
        let of_kind = self.others.entry(kind).or_default();
        of_kind.insert(name.to_owned(), component);
        json!({ "$ref": format!("#/components/{kind}/{name}") })
    }

    fn header(&mut self, name: &str, description: &str) -> Value {
        let header = json!({ "description": description, "schema": { "type": "string" } });
        self.refer("headers", name, header)
    }

    /// All problems of one status; named by their codes.
    fn response(&mut self, status: u16, problems: &[&Words]) -> Value {
        let codes: Vec<_> = problems.iter().map(|words| words.code).collect();
        let words = problems.iter();
        let words = words.map(|words| format!("`{}`: {}.", words.code, words.when));
        let schema = self.answered.subschema_for::<Body<'_>>();
        let mut response = json!({
            "description": words.collect::<Vec<_>>().join(" "),
            "content": { JSON: { "schema": schema } },
        });
        let header = match status {
            401 => Some(("WWW-Authenticate", "As RFC 6750 and RFC 9470 say.")),
            415 => Some(("Accept", "The media type that is accepted.")),
            416 => Some((
                "Content-Range",
                "The range that is sent, or the length of the file.",
            )),
            429 | 503 => Some(("Retry-After", "In seconds.")),
            _ => None,
        };
        if let Some((name, description)) = header {
            response["headers"] = json!({ name: self.header(name, description) });
        }
        self.refer("responses", &codes.join("_or_"), response)
    }
}

/// An object has no properties but those that it lists, unless it says so. A body may omit a
/// property, which differs from every value: so properties have no default.
fn strictly(schema: &mut Schema) {
    schema.remove("default");
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

impl<T: Describe> Describe for Result<T, Problem> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl Describe for Data<State> {
    fn describe(_: &mut Operation<'_>) {}
}

impl Describe for Source {
    fn describe(_: &mut Operation<'_>) {}
}

impl Describe for HttpRequest {
    fn describe(_: &mut Operation<'_>) {}
}

macro_rules! each {
    ($($part:ident)*) => {
        impl<$($part: Describe),*> Describe for ($($part,)*) {
            fn describe(operation: &mut Operation<'_>) {
                $($part::describe(operation);)*
            }
        }
    };
}
each!(A);
each!(A B);
each!(A B C);
each!(A B C D);
each!(A B C D E);
each!(A B C D E F);
