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
use crate::base::input::Refusals;
use crate::base::names::Refusal;
use interrupted::Carries;

pub const FORM: &str = "application/x-www-form-urlencoded";
const BODY_MAX_BYTES: usize = 16 * 1024;
const FIELDS_MAX: usize = 32;
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// The fields of a posted form. As an argument of a handler it was sent from a page of this site,
/// and if a person is signed in, from a page made for this very session: a handler that acts on the
/// account takes this type.
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

    /// `application/x-www-form-urlencoded`, read strictly: bytes that are not UTF-8 and repeated
    /// fields are errors.
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
    /// When there are too many fields already, or this one is repeated.
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

    /// Whether it comes from a page of this site, or from a client other than a browser, regardless
    /// of the person that the page was made for.
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

/// A form that may come from any site: its page must ask for confirmation before it acts.
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

/// The whole body of a request of this media type, within the limits of size and time.
///
/// # Errors
/// When its type differs, or it is too large, too slow or interrupted.
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
pub struct Field {
    pub value: String,
    pub error: Option<String>,
}

/// The fields of a form as they are shown: what was typed, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    typed: Vec<(&'static str, String)>,
    wrong: Refusals,
    /// Why the sender has to wait, whatever the fields contain.
    wait: Option<Problem>,
}

impl Fields {
    /// With the values typed into these fields. Never with a secret, which is not sent back.
    pub fn typed(form: &Form, names: &[&'static str]) -> Self {
        let mut fields = Self::default();
        for name in names {
            fields.set(name, form.text(name));
        }
        fields
    }

    /// Shows `text` in a field, without control characters, which HTML cannot contain.
    pub fn set(&mut self, name: &'static str, text: &str) {
        self.typed.retain(|(known, _)| *known != name);
        let printable = text.trim().chars().filter(|c| !c.is_control());
        self.typed.push((name, printable.collect()));
    }

    pub fn get(&self, name: &str) -> Field {
        let typed = self.typed.iter().find(|(known, _)| *known == name);
        Field {
            value: typed.map(|(_, text)| text.clone()).unwrap_or_default(),
            error: self.wrong.find(name).map(str::to_owned),
        }
    }

    /// With these fields replaced by those of a part of the page's forms.
    pub fn with(mut self, part: Self) -> Self {
        let is_other = |(name, _): &(&str, String)| part.typed.iter().all(|(own, _)| own != name);
        self.typed.retain(is_other);
        self.typed.extend(part.typed);
        self.wrong.extend(part.wrong);
        self.wait = part.wait.or(self.wait);
        self
    }

    pub fn refuse(&mut self, name: &'static str, why: impl Into<Refusal>) {
        self.wrong.add(name, why);
    }

    pub fn refuse_all(&mut self, wrong: Refusals) {
        self.wrong.extend(wrong);
    }

    /// Notes what is wrong with the input, or that the sender has to wait.
    ///
    /// # Errors
    /// Every other problem.
    pub fn explain(&mut self, why: Result<Refusals, impl Into<Problem>>) -> Result<(), Problem> {
        match why {
            Ok(wrong) => self.refuse_all(wrong),
            Err(problem) => self.wait(problem)?,
        }
        Ok(())
    }

    /// Notes that the sender has to wait: the form is shown again with what was typed, and with the
    /// status of the problem.
    ///
    /// # Errors
    /// A problem that does not end by waiting.
    pub fn wait(&mut self, problem: impl Into<Problem>) -> Result<(), Problem> {
        let problem = problem.into();
        if !problem.ends_by_waiting() {
            return Err(problem);
        }
        self.wrong.add(Refusals::FORM, problem.text().to_owned());
        self.wait = Some(problem);
        Ok(())
    }

    /// Why the form was not accepted.
    pub fn problem(&self) -> Option<Problem> {
        let wrong = || (!self.wrong.is_empty()).then(|| self.wrong.clone().into());
        self.wait.clone().or_else(wrong)
    }

    /// The parsed input; or `None`, with what is wrong noted at the fields.
    pub fn note<T>(&mut self, parsed: Result<T, Refusals>) -> Option<T> {
        parsed.map_err(|wrong| self.refuse_all(wrong)).ok()
    }

    pub fn wrong(&self) -> &Refusals {
        &self.wrong
    }

    /// Shown above a password that was valid, in a form that was not: the field is empty again.
    pub fn again(&self, password: &str) -> &'static str {
        if self.wrong.find(password).is_none() && !self.wrong.is_empty() {
            "Enter your password again. "
        } else {
            ""
        }
    }
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
