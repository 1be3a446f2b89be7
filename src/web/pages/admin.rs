//! All accounts, for administrators.

use actix_web::HttpResponse;
use askama::Template;

use super::confirm::{self, Confirm};
use super::{Answer, Page, known, profile, stay_open};
use crate::access::Role;
use crate::accounts::{Account, AccountState, Changes, Cursor, Search, SentChanges};
use crate::base::clock::{for_reading, rfc3339};
use crate::base::ids::AccountId;
use crate::base::input::Refusals;
use crate::base::names::Groups;
use crate::base::size;
use crate::base::version::ExpectedVersion;
use crate::files::{QuotaChange, Usage};
use crate::limits::{Budget, Subject};
use crate::sessions::EndReason;
use crate::web::forms::{Fields, Form};
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::proof::{Administrator, RecentAdministrator};

const ACCOUNTS: &str = "/admin/accounts";
const SHOWN: usize = 50;
/// Decimal places of a megabyte, down to its bytes.
const MB_PLACES: usize = 6;
const FIELDS: [&str; 7] = [
    "username",
    "email",
    "name",
    "version",
    "groups",
    "files_max",
    "megabytes_max",
];

#[derive(Template)]
#[template(path = "pages/admin/accounts.html")]
struct Accounts {
    search: Search,
    rows: Vec<Row>,
    next: Option<String>,
    /// The number and size of all accounts' files.
    files: (i64, String),
}

struct Row {
    account: Account,
    since_iso: String,
    since: String,
}

impl From<Account> for Row {
    fn from(account: Account) -> Self {
        Self {
            since_iso: rfc3339(account.created_at),
            since: for_reading(account.created_at),
            account,
        }
    }
}

pub async fn overview(_: Administrator, page: Page) -> Result<HttpResponse, Problem> {
    Ok(page.go(ACCOUNTS))
}

pub async fn list(Administrator(who): Administrator, page: Page) -> Answer {
    let asked = |key| page.query(key).filter(|text| !text.is_empty());
    let search = Search {
        text: asked("q").unwrap_or_default().trim().to_owned(),
        role: known(asked("role"), Role::parse)?,
        state: known(asked("state"), AccountState::parse)?,
        group: known(asked("group"), Groups::name)?,
    };
    let after = known(asked("after"), Cursor::parse)?;
    let is_later = after.is_some();
    if search != Search::default() {
        let subject = Subject::Account(who.account);
        page.limits.take_one(Budget::Searches, subject).await?;
    }
    let found = page.accounts.search(search.clone(), after, SHOWN).await?;
    let (rows, next) = found;
    if rows.is_empty() && is_later {
        // The last account of this page has gone.
        return Ok(page.go(ACCOUNTS));
    }
    let (files, bytes) = page.files.totals().await?;
    page.show(&Accounts {
        files: (files, size::for_reading(bytes)),
        next: next.map(|cursor| link(&search, &cursor)),
        rows: rows.into_iter().map(Row::from).collect(),
        search,
    })
}

fn link(search: &Search, after: &Cursor) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", &after.to_string());
    for (key, value) in [
        ("q", Some(search.text.as_str())),
        ("role", search.role.map(Role::as_str)),
        ("state", search.state.map(AccountState::as_str)),
        ("group", search.group.as_deref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(key, value);
        }
    }
    format!("{ACCOUNTS}?{}", query.finish())
}

#[derive(Template)]
#[template(path = "pages/admin/account.html")]
struct OneAccount {
    row: Row,
    /// Errors of all forms.
    fields: Fields,
    role: Role,
    shelf: Usage,
    /// The defaults of the settings.
    usual: (i64, String),
    open_shares: i64,
}

impl OneAccount {
    async fn of(page: &Page, account: Account) -> Result<Self, Problem> {
        let shelf = page.files.usage(account.id).await?;
        let settings = page.files.config();
        let number =
            |most: Option<i64>, places| most.map_or_else(String::new, |most| decimal(most, places));
        let mut fields = profile::of(&account);
        fields.set("groups", &account.groups.to_text());
        fields.set("files_max", &number(shelf.quota.files, 0));
        fields.set("megabytes_max", &number(shelf.quota.bytes, MB_PLACES));
        Ok(Self {
            open_shares: page.shares.count_open(account.id).await?,
            shelf,
            usual: (
                settings.quota_files,
                size::for_reading(settings.quota_bytes),
            ),
            fields,
            role: account.role,
            row: account.into(),
        })
    }

    /// With the values that were typed into one of the forms.
    fn with(mut self, typed: &Form) -> Self {
        for name in FIELDS {
            if let Some(text) = typed.find(name) {
                self.fields.set(name, text);
            }
        }
        self.role = typed
            .find("role")
            .and_then(Role::parse)
            .unwrap_or(self.role);
        self
    }

    fn refused(mut self, page: &Page, sent: &Form, wrong: Refusals) -> Answer {
        self = self.with(sent);
        self.fields.refuse_all(wrong);
        page.show_form(&self, &self.fields)
    }

    fn path(&self) -> String {
        path(self.row.account.id)
    }
}

fn path(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}")
}

pub async fn show(_: Administrator, page: Page) -> Answer {
    let account = find(&page).await?;
    let form = OneAccount::of(&page, account).await?;
    page.show(&form.with(&page.typed()))
}

pub async fn rename(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let account = find(&page).await?;
    let id = account.id;
    let (mut fields, expected, changes) = profile::read(&sent, &account)?;
    if let Some(changes) = fields.note(changes) {
        match page.administration.update(id, changes, expected).await {
            Ok(_) => return Ok(page.go_with_notice(&path(id), "Profile saved.")),
            Err(refused) => profile::refuse(&mut fields, refused, &account)?,
        }
    }
    let form = OneAccount::of(&page, account).await?;
    let form = OneAccount {
        fields: form.fields.with(fields),
        ..form
    };
    page.show_form(&form, &form.fields)
}

/// Role and groups: the claims of the account's tokens, so its owner has to sign in again.
pub async fn trust(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let account = find(&page).await?;
    let id = account.id;
    let changes = SentChanges {
        role: Some(sent.text("role")),
        groups: Some(Groups::split(sent.text("groups"))),
        ..SentChanges::default()
    };
    let changes = match Changes::parse(changes, &account) {
        Ok(changes) => changes,
        Err(wrong) => {
            let form = OneAccount::of(&page, account).await?;
            return form.refused(&page, &sent, wrong);
        }
    };
    page.administration
        .update(id, changes, ExpectedVersion::Any)
        .await?;
    let open = stay_open(page.shares.count_open(id).await?);
    let notice = format!("Role and groups saved.{open}");
    Ok(page.go_with_notice(&path(id), &notice))
}

/// The account's quota of files; an empty field means the default of the settings.
pub async fn set_quota(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let account = find(&page).await?;
    let id = account.id;
    let files = quota(sent.text("files_max"), 0);
    let bytes = quota(sent.text("megabytes_max"), MB_PLACES);
    match QuotaChange::parse(Some(files), Some(bytes)) {
        Ok(quota) => {
            page.files.set_quota(id, quota).await?;
            Ok(page.go_with_notice(&path(id), "The limits of its files were saved."))
        }
        Err(wrong) => {
            let form = OneAccount::of(&page, account).await?;
            form.refused(&page, &sent, wrong.renamed("bytes_max", "megabytes_max"))
        }
    }
}

/// `places` of its digits are decimal places. A text that is not a number is below every limit.
fn quota(text: &str, places: usize) -> Option<i64> {
    let text = Some(text.trim()).filter(|text| !text.is_empty())?;
    Some(from_decimal(text, places).unwrap_or(-1))
}

/// To the last digit, so that saving the shown value changes nothing.
fn decimal(number: i64, places: usize) -> String {
    let digits = format!("{number:0width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

/// Parses what [`decimal`] wrote. Nothing is rounded, and negative numbers are refused.
fn from_decimal(text: &str, places: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<places$}");
    let is_exact = part.len() <= places && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|_| is_exact && !whole.is_empty())
}

pub async fn set_state(_: RecentAdministrator, page: Page, sent: Form) -> Answer {
    let account = find(&page).await?;
    let changes = SentChanges {
        state: Some(sent.text("state")),
        ..SentChanges::default()
    };
    let changes = Changes::parse(changes, &account)?;
    let account = page
        .administration
        .update(account.id, changes, ExpectedVersion::Any)
        .await?;
    let open = page.shares.count_open(account.id).await?;
    let notice = match (account.state, open) {
        (AccountState::Active, open) => format!("The account is enabled.{}", stay_open(open)),
        (AccountState::Disabled, 0) => {
            "The account is disabled and signed out everywhere.".to_owned()
        }
        (AccountState::Disabled, open) => format!(
            "The account is disabled and signed out everywhere. Links to its files \
             ({open}) work again when it is enabled. Revoke them below to prevent that."
        ),
    };
    Ok(page.go_with_notice(&path(account.id), &notice))
}

pub async fn sign_out(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let account = find(&page).await?;
    page.sessions
        .end_all(account.id, None, EndReason::Account)
        .await?;
    let open = stay_open(page.shares.count_open(account.id).await?);
    let notice = format!("Signed out everywhere.{open}");
    Ok(page.go_with_notice(&path(account.id), &notice))
}

/// The administrator does not learn the password.
pub async fn send_reset(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let account = find(&page).await?;
    let notice = if page.recovery.send_reset(account.id).await? {
        "A message with a link to set a new password is on its way to the owner. The old \
         password works until then."
    } else {
        "No message was sent: the account is disabled or has no email address."
    };
    Ok(page.go_with_notice(&path(account.id), notice))
}

pub async fn revoke_shares(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let account = find(&page).await?;
    page.shares.revoke_all(account.id).await?;
    let notice = "All links to files of this account are revoked.";
    Ok(page.go_with_notice(&path(account.id), notice))
}

pub async fn ask_to_delete(_: RecentAdministrator, page: Page) -> Answer {
    let account = find(&page).await?;
    let facts = [
        ("Username", account.username.clone()),
        ("Email address", account.email.clone()),
        ("Name", account.name.clone()),
    ];
    confirm::ask(
        &page,
        &Confirm {
            title: "Delete this account",
            text: "Everything in the account is deleted with it, and its owner is signed out everywhere. \
                   It cannot be restored.",
            facts: facts
                .into_iter()
                .filter_map(|(label, value)| Some((label, value?)))
                .collect(),
            action: &format!("{}/delete", path(account.id)),
            button: "Delete this account",
            back: ACCOUNTS,
        },
    )
}

pub async fn delete(_: RecentAdministrator, page: Page, _: Form) -> Answer {
    let account = find(&page).await?;
    page.administration
        .delete(account.id, ExpectedVersion::Any)
        .await?;
    let notice = format!("The account of {} is deleted.", account.greeting());
    Ok(page.go_with_notice(ACCOUNTS, &notice))
}

async fn find(page: &Page) -> Result<Account, Problem> {
    let id = page.id("id")?;
    page.accounts.find(id).await?.ok_or(NOT_FOUND)
}
