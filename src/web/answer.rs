//! Adds words to an error: a page for people, JSON for programs.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::json;

use super::accept::is_for_a_person;
use super::describe::JSON;
use super::page::View;
use super::problem::{Body, Code, NOT_FOUND, Problem};
use super::query;
use crate::base::fault::Fault;
use crate::base::ids::RequestId;

#[derive(Template)]
#[template(path = "errors/problem.html")]
struct ProblemPage<'a> {
    title: &'static str,
    text: &'a str,
    /// For errors that no form shows.
    fields: &'a [(String, String)],
    action: Option<(String, String)>,
    /// To sign in as another person: an address to go on to, and the words of the button.
    switch: Option<&'a (String, String)>,
    request_id: String,
}

/// Adds words to a response whose error has none yet, as a page or as JSON.
pub fn written_out(response: ServiceResponse<BoxBody>, id: RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response;
    };
    // Other errors come from the framework; their words are not for people.
    let foreign = match error.as_error::<Problem>() {
        Some(_) => None,
        None if response.status().is_client_error() => {
            Some(Problem::malformed("The request could not be understood."))
        }
        None => Some(Problem::from(Fault::new(format!("{error}")))),
    };
    let problem = foreign.as_ref().or(error.as_error());
    let Some(problem) = problem else {
        return response;
    };
    let extra = problem.header();
    let (body, content_type) = body(response.request(), problem, id);
    let mut response = response.map_body(|_, _| body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = extra {
        response.headers_mut().insert(name, value);
    }
    response
}

fn body(request: &HttpRequest, problem: &Problem, id: RequestId) -> (BoxBody, &'static str) {
    let request_id = id.to_string();
    let fields = problem.wrong_fields();
    if !is_for_a_person(request) {
        let json = json!(Body {
            error: Code(problem.words.code),
            message: problem.text(),
            request_id,
            fields: fields
                .iter()
                .map(|(name, words)| (&**name, &**words))
                .collect(),
        });
        return (json.to_string().boxed(), JSON);
    }
    let html = View::of(request).and_then(|view| {
        let switch = problem.more.as_ref().and_then(|more| more.switch.as_ref());
        let switch = switch.filter(|_| view.viewer.is_some());
        view.render(&ProblemPage {
            title: problem.words.title,
            text: problem.text(),
            fields,
            action: problem.action(),
            switch,
            request_id,
        })
    });
    (html.unwrap_or_default().boxed(), "text/html; charset=utf-8")
}

/// For an address without a resource. With trailing slashes it redirects to the address without
/// them if that exists, by any method (RFC 9110, section 15.4.9).
pub async fn not_found(request: HttpRequest) -> HttpResponse {
    let path = request.path().trim_end_matches('/');
    let is_known = path != request.path() && request.resource_map().has_resource(path);
    match query::local_path(path).filter(|_| is_known) {
        Some(path) => {
            let query = request.uri().query().map(|query| format!("?{query}"));
            let location = format!("{path}{}", query.unwrap_or_default());
            let mut response = HttpResponse::PermanentRedirect();
            response.insert_header((header::LOCATION, location));
            response.finish()
        }
        None => NOT_FOUND.into_response(),
    }
}
