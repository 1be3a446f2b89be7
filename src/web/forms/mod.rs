//! Forms: read strictly, shown again with what was typed.

pub mod interrupted;
pub mod multipart;
mod part;
pub mod token;
pub mod upload;

use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use percent_encoding::percent_decode;

use super::origin;
use super::problem::{Problem, TOO_LARGE, TOO_SLOW};
use crate::base::fault::Fault;
use crate::base::names::Refusal;
use interrupted::Carries;

pub const FORM: &str = "application/x-www-form-urlencoded";
const BODY_MAX_BYTES: usize = 16 * 1024;
const FIELDS_MAX: usize = 32;
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// The fields of a posted form. As an argument of a handler it was sent from a page of this site,
/// and if somebody is signed in, from a page made for this very session: a handler that acts on
/// the account takes this one.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The text of a field; one that was not sent is empty.
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// `application/x-www-form-urlencoded` without guessing: what is not UTF-8 or stands there
    /// twice is an error.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut form = Self::default();
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (decode(halves.next())?, decode(halves.next())?);
            form.add(name, value)?;
        }
        Ok(form)
    }

    /// # Errors
    /// When there are too many fields already, or this one is there.
    pub fn add(&mut self, name: String, value: String) -> Result<(), Problem> {
        if self.0.len() == FIELDS_MAX {
            return Err(TOO_LARGE);
        }
        if self.find(&name).is_some() {
            return Err(Problem::malformed(
                "A field was sent twice. Nothing was saved.",
            ));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Whether it comes from a page of this site, or from no browser, for whomever the page was
    /// made.
    ///
    /// # Errors
    /// None that a request can cause.
    pub fn is_from_here(&self, request: &HttpRequest) -> Result<bool, Fault> {
        Ok(token::prove(request, self.text("form_token"))?.is_from_here)
    }
}

fn decode(half: Option<&[u8]>) -> Result<String, Problem> {
    let spaced: Vec<u8> = half
        .unwrap_or_default()
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| Problem::malformed("The form is not UTF-8 text. Nothing was saved."))
}

/// A form that acts on the account that it names, or on none, such as that of the sign-in page: it
/// accepts the person who is signed in by now.
pub struct VisitorForm(pub Form);

/// A form that may come from anywhere: its page has to ask before it does anything.
pub struct Unproven {
    pub form: Form,
    pub is_from_here: bool,
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let form = Self::parse(&body_of(&request, payload, FORM).await?)?;
            interrupted::check(&request, form, Carries::Text).await
        })
    }
}

impl FromRequest for VisitorForm {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let unproven = Unproven::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let Unproven { form, is_from_here } = unproven.await?;
            is_from_here
                .then_some(Self(form))
                .ok_or_else(|| origin::refused(&request))
        })
    }
}

impl FromRequest for Unproven {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let form = Form::parse(&body_of(&request, payload, FORM).await?)?;
            let is_from_here = form.is_from_here(&request)?;
            Ok(Self { form, is_from_here })
        })
    }
}

/// The whole body of a request that is of this media type, and of a size that is meant.
///
/// # Errors
/// When it is not, is too large or too slow, or breaks off.
pub async fn body_of(
    request: &HttpRequest,
    payload: Payload,
    media_type: &'static str,
) -> Result<BytesMut, Problem> {
    refuse_unread(request, media_type)?;
    tokio::time::timeout(BODY_WITHIN, read(payload))
        .await
        .map_err(|_| TOO_SLOW)?
}

/// Rejects by the headers alone, before the body is sent.
fn refuse_unread(request: &HttpRequest, media_type: &'static str) -> Result<(), Problem> {
    let fits = request.content_type().eq_ignore_ascii_case(media_type);
    if !fits || request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Problem::media_type(media_type));
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > BODY_MAX_BYTES) {
        return Err(TOO_LARGE);
    }
    Ok(())
}

async fn read(mut payload: Payload) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| Problem::malformed("The request was interrupted. Nothing was saved."))?;
        if body.len() + chunk.len() > BODY_MAX_BYTES {
            return Err(TOO_LARGE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A field as it is shown: what was typed, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Field {
    pub value: String,
    pub error: Option<String>,
}

impl Field {
    /// With what was typed, less what cannot be: HTML has no way to write control characters.
    /// Never for a secret.
    pub fn kept(text: &str) -> Self {
        let printable = text.trim().chars().filter(|c| !c.is_control());
        Self {
            value: printable.collect(),
            error: None,
        }
    }

    /// The parsed value, or its refusal noted under the field.
    pub fn note<T>(&mut self, parsed: Result<T, Refusal>) -> Option<T> {
        parsed
            .map_err(|refusal| self.error = Some(refusal.into_owned()))
            .ok()
    }

    pub fn refuse(&mut self, why: &str) {
        self.error = Some(why.to_owned());
    }
}

/// A line of the summary above the form.
pub struct FieldError {
    /// Of the input.
    pub id: &'static str,
    pub text: String,
}

/// The summary: the same words as under the fields, in the order of the fields.
pub fn summary(fields: &[(&'static str, &Field)]) -> Vec<FieldError> {
    let error = |(id, field): &(&'static str, &Field)| {
        let text = field.error.clone()?;
        Some(FieldError { id, text })
    };
    fields.iter().filter_map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_without_guessing() {
        let form = Form::parse(b"name=a+b%26c&password=%20x%20&empty=&bare&&eq=a=b").unwrap();
        assert_eq!(form.text("name"), "a b&c");
        assert_eq!(form.text("password"), " x ");
        assert_eq!(
            (form.text("empty"), form.text("bare"), form.text("none")),
            ("", "", "")
        );
        assert_eq!(form.text("eq"), "a=b");
        for bad in [
            &b"a=%ff"[..],
            b"a=\xff",
            b"%c3%28=x",
            b"a=1&a=2",
            b"a=1&%61=2",
        ] {
            assert!(Form::parse(bad).is_err(), "{bad:?}");
        }
        let many: Vec<_> = (0..33).map(|n| format!("f{n}=")).collect();
        assert!(Form::parse(many[..32].join("&").as_bytes()).is_ok());
        assert!(Form::parse(many.join("&").as_bytes()).is_err());
    }
}
