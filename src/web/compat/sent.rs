//! Bodies as the tutorials' clients send them, each read into the same fields. As for every form, a
//! body from a page of another site is rejected.

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage, HttpRequest};
use serde_json::Value;

use crate::web::api::{JSON, NOT_JSON};
use crate::web::forms::multipart::{MULTIPART, Parts, is_multipart};
use crate::web::forms::{self, FORM, Form};
use crate::web::origin::{self, Source};
use crate::web::problem::Problem;

pub fn is_json(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case(JSON)
}

/// A form of either encoding. A request without a body is a form without fields, as in Flask.
pub async fn form(request: &HttpRequest, body: Payload) -> Result<Form, Problem> {
    let body = body.into_inner();
    let form = if is_multipart(request) {
        let body = forms::body_of(request, body, MULTIPART).await?;
        multipart(request, body.freeze()).await?
    } else if has_no_body(request) {
        Form::default()
    } else {
        Form::parse(&forms::body_of(request, body, FORM).await?)?
    };
    if !origin::is_program(request) && !form.is_from_here(request)? {
        return Err(origin::refused(request));
    }
    Ok(form)
}

fn has_no_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    !headers.contains_key(CONTENT_TYPE)
        && !headers.contains_key(TRANSFER_ENCODING)
        && headers
            .get(CONTENT_LENGTH)
            .is_none_or(|length| length == "0")
}

/// The body is here already, so it is as small as any other form.
async fn multipart(request: &HttpRequest, body: Bytes) -> Result<Form, Problem> {
    let mut parts = Parts::of_body(request, body);
    match parts.next_file(None).await? {
        None => Ok(parts.form),
        Some(_) => Err(Problem::malformed(
            "The form has a file in it, and none is taken here. Nothing was saved.",
        )),
    }
}

/// A JSON object. A value that is not text counts as empty, and a body that is not an object as one
/// without fields: the tutorials report missing fields.
pub async fn json(request: &HttpRequest, body: Payload) -> Result<Form, Problem> {
    if !origin::is_program(request) {
        Source::must_be_known(request)?;
    }
    let body = forms::body_of(request, body.into_inner(), JSON).await?;
    let sent: Value = serde_json::from_slice(&body).map_err(|_| Problem::malformed(NOT_JSON))?;
    let mut form = Form::default();
    if let Value::Object(fields) = sent {
        for (name, value) in fields {
            let text = value.as_str().unwrap_or_default();
            form.add(name, text.to_owned())?;
        }
    }
    Ok(form)
}
