//! An error in words: a page for people, JSON for programs.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::accept::is_for_a_person;
use super::error::{OtherSession, PageError, Words};
use super::page::{DASHBOARD, Frame};
use super::{query, redirect};
use crate::base::fault::Fault;
use crate::base::ids::RequestId;

#[derive(Template)]
#[template(path = "errors/problem.html")]
struct ProblemPage {
    frame: Frame,
    title: &'static str,
    text: String,
    /// What is wrong with each field, where no form is there to say it.
    fields: Vec<String>,
    action: Option<(String, String)>,
    /// The way on as somebody else.
    switch: Option<Switch>,
    request_id: String,
}

/// Signs out, and leads to where the other one signs in.
struct Switch {
    form_token: String,
    next: String,
    button: String,
}

impl Switch {
    fn of(frame: &Frame, other: &OtherSession) -> Option<Self> {
        let form_token = frame.viewer.as_ref()?.form_token.clone();
        let who = other.made_for.as_deref().unwrap_or("somebody else");
        Some(Self {
            form_token,
            next: redirect::by_way_of("/login", &other.page),
            button: format!("Sign out, and sign in as {who}"),
        })
    }
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
        let frame = Frame::of(request);
        let owned = |(href, words): (&str, &str)| (href.to_owned(), words.to_owned());
        let (action, switch) = match error {
            PageError::OtherSession(other) => {
                let page = if other.is_for_anybody {
                    other.page.as_str()
                } else {
                    DASHBOARD
                };
                let action = (page.to_owned(), format!("Go on as {}", other.now));
                (Some(action), Switch::of(&frame, other))
            }
            PageError::OtherOrigin { base_url, .. } => {
                (Some((base_url.clone(), format!("Open {base_url}"))), None)
            }
            _ => (words.action.map(owned), None),
        };
        let page = ProblemPage {
            frame,
            title: words.title,
            text: words.text.to_string(),
            fields: error
                .fields()
                .values()
                .filter_map(|words| Some(words.as_str()?.to_owned()))
                .collect(),
            action,
            switch,
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

/// For an address where nothing is. With slashes at its end it leads to what is there without
/// them, by any method (RFC 9110, section 15.4.9).
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
        None => PageError::NotFound.into_response(),
    }
}
