//! An error in words: a page for people, JSON for programs.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{PageError, Words};
use crate::base::fault::Fault;
use crate::base::ids::RequestId;
use crate::web::pages::Frame;

#[derive(Template)]
#[template(path = "errors/problem.html")]
struct ProblemPage {
    frame: Frame,
    title: &'static str,
    text: &'static str,
    /// What is wrong with each field, where no form is there to say it.
    fields: Vec<String>,
    action: Option<(&'static str, &'static str)>,
    request_id: String,
}

/// Whether the answer is for a person: the request asks for HTML, and not the API for it.
pub fn is_for_a_person(request: &HttpRequest) -> bool {
    is_of_a_person(request.head())
}

/// As [`is_for_a_person`], of a request that has no handler yet.
pub fn is_of_a_person(head: &RequestHead) -> bool {
    asks_for_html(head.headers()) && !head.uri.path().starts_with("/api/")
}

/// As every browser does of a page, and of the answer to a form.
pub fn asks_for_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// An answer whose error has no words yet gets them, as a page or as JSON.
pub fn written_out(response: ServiceResponse<BoxBody>, id: RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response;
    };
    // An error that is not ours comes from the framework; its words are not for people.
    let foreign = match error.as_error::<PageError>() {
        Some(_) => None,
        None if response.status().is_client_error() => {
            Some(PageError::Malformed("The request could not be understood."))
        }
        None => Some(PageError::Fault(Fault::new(format!("{error}")))),
    };
    let error = foreign
        .as_ref()
        .or(error.as_error())
        .unwrap_or(&PageError::NotFound);
    let words = error.words();
    let extra = error.header();
    let (body, content_type) = body(response.request(), error, &words, id);
    let mut response = response.map_body(|_, _| body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = extra {
        response.headers_mut().insert(name, value);
    }
    response
}

fn body(
    request: &HttpRequest,
    error: &PageError,
    words: &Words,
    id: RequestId,
) -> (BoxBody, &'static str) {
    let request_id = id.to_string();
    if is_for_a_person(request) {
        let page = ProblemPage {
            frame: Frame::of(request),
            title: words.title,
            text: words.text,
            fields: error
                .fields()
                .values()
                .filter_map(|words| Some(words.as_str()?.to_owned()))
                .collect(),
            action: words.action,
            request_id,
        };
        (
            page.render().unwrap_or_default().boxed(),
            "text/html; charset=utf-8",
        )
    } else {
        let json = serde_json::json!({
            "error": words.code, "message": words.text, "request_id": request_id, "fields": error.fields(),
        });
        (json.to_string().boxed(), "application/json")
    }
}

pub async fn not_found() -> HttpResponse {
    PageError::NotFound.into_response()
}
