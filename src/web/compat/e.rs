//! The tutorial with flask-jwt: `POST /auth` and `Authorization: JWT <token>`.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Payload;
use serde::Serialize;
use serde_json::json;

use super::{
    Issued, NotMade, Tried, issue, make_account, refuse_unknown, sent, try_password, unknown_field,
};
use crate::accounts::NewAccount;
use crate::base::names::{NewPassword, Username};
use crate::sign_in::Delivery;
use crate::tokens::Tutorial;
use crate::web::api;
use crate::web::forms::Form;
use crate::web::pages::{Answer, Page};

const TOKEN_SECONDS: i64 = 3000;
const FIELDS: [&str; 2] = ["username", "password"];

pub async fn sign_up(page: Page, form: Form) -> Answer {
    let made = make_account(&page, || {
        refuse_unknown(&form, &FIELDS)?;
        Ok(NewAccount {
            username: Some(Username::parse(form.text("username"))?),
            email: None,
            name: None,
            password: NewPassword::parse(form.text("password"), page.config.passwords.min_length)?,
        })
    });
    let failed =
        |status, why: &str| api::json(status, &json!({ "Status": "Error", "result": why }));
    match made.await {
        Ok(_) => {
            let made = json!({ "Status": "Success", "result": "User created" });
            api::json(StatusCode::OK, &made)
        }
        Err(NotMade::Taken { .. }) => failed(StatusCode::BAD_REQUEST, "User already exists"),
        Err(NotMade::Field(why)) => failed(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Err(NotMade::Failed(error)) => Err(error),
    }
}

#[derive(Serialize)]
struct Access {
    access_token: String,
}

/// As flask-jwt tells what went wrong.
#[derive(Serialize)]
struct Problem<'a> {
    status_code: u16,
    error: &'a str,
    description: &'a str,
}

fn problem(status: StatusCode, error: &str, description: &str) -> Answer {
    let problem = Problem {
        status_code: status.as_u16(),
        error,
        description,
    };
    api::json(status, &problem)
}

pub async fn auth(page: Page, request: HttpRequest, body: Payload) -> Answer {
    let form = sent::json(&request, body).await?;
    if let Some(why) = unknown_field(&form, &FIELDS) {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return problem(status, "Unprocessable Entity", &why);
    }
    let delivery = Delivery::Token {
        seconds: TOKEN_SECONDS,
    };
    let (username, password) = (form.text("username"), form.text("password"));
    match try_password(&page, username, password, delivery).await? {
        Tried::In(grant) => {
            let id = grant.identity.account.to_string();
            let (exp, own) = (grant.session_ends, ("identity", id.as_str()));
            let Issued { token } = issue(&page, Tutorial::E, &grant, exp, own)?;
            let access_token = token;
            api::json(StatusCode::OK, &Access { access_token })
        }
        Tried::Wrong | Tried::Unknown => problem(
            StatusCode::UNAUTHORIZED,
            "Bad Request",
            "Invalid credentials",
        ),
    }
}
