//! Uses a server through the client in Rust that openapi-generator generated.
//!
//! DOORWARD_URL is its address, DOORWARD_PASSWORD a password for a new account.

use std::env::var;

use doorward_client::apis::configuration::Configuration;
use doorward_client::apis::{accounts_api, files_api, sessions_api, tokens_api, work_items_api};
use doorward_client::apis::{Error, ResponseContent};
use doorward_client::models::{
    self, Credentials, NewAccount, NewWorkItem, Refresh, UploadedFiles, WorkItemChanges,
};

/// The code of an error.
fn code<T: std::fmt::Debug, E>(answer: Result<T, Error<E>>) -> models::ErrorCode {
    match answer {
        Err(Error::ResponseError(ResponseContent { content, .. })) => {
            let error: models::Error = serde_json::from_str(&content).expect("an error");
            error.error
        }
        Err(error) => panic!("{error}"),
        Ok(answer) => panic!("{answer:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = var("DOORWARD_URL").expect("DOORWARD_URL");
    let password = var("DOORWARD_PASSWORD").expect("DOORWARD_PASSWORD");
    let name = format!("rs-{}", std::process::id());
    let mut client = Configuration {
        base_path: url,
        ..Configuration::default()
    };

    let email = format!("{name}@example.com");
    let new = NewAccount::new(name.clone(), email, password.clone());
    let account = accounts_api::sign_up(&client, new.clone(), None).await;
    let account = account.expect("sign up");
    assert_eq!(account.username.as_ref(), Some(&name));
    let taken = accounts_api::sign_up(&client, new, None).await;
    assert_eq!(code(taken), models::ErrorCode::Taken);

    let credentials = Credentials {
        username: Some(name),
        ..Credentials::new(password)
    };
    let granted = sessions_api::sign_in(&client, Some(credentials)).await;
    let refresh = Refresh::new(granted.expect("sign in").refresh_token);
    let granted = tokens_api::refresh(&client, refresh)
        .await
        .expect("refresh");
    client.bearer_access_token = Some(granted.access_token.clone());
    let mine = accounts_api::show_own_account(&client, None).await;
    assert_eq!(mine.expect("show the account"), account);
    let claims = tokens_api::introspect(&client, &granted.access_token, None).await;
    assert!(claims.expect("introspect").active);
    let claims = tokens_api::introspect(&client, "x", None).await;
    assert!(!claims.expect("introspect").active);

    let item = NewWorkItem::new("Cut the hedge".to_owned());
    let item = work_items_api::add_work_item(&client, item, Some("one")).await;
    let id = item.expect("add a work item").id.to_string();
    let done = WorkItemChanges {
        done: Some(true),
        ..WorkItemChanges::new()
    };
    let change = |tag| work_items_api::change_work_item(&client, &id, done.clone(), Some(tag));
    assert!(change("*").await.expect("change a work item").done);
    assert_eq!(code(change("\"0\"").await), models::ErrorCode::Stale);
    let listed = work_items_api::list_work_items(&client, None, Some(1), None).await;
    let listed = listed.expect("list the work items");
    assert_eq!((listed.items.len(), listed.next), (1, None));
    let deleted = work_items_api::delete_work_item(&client, &id, None).await;
    deleted.expect("delete a work item");

    let content = "A hedge.\n";
    let path = std::env::temp_dir().join(format!("hedge-{}.txt", std::process::id()));
    std::fs::write(&path, content).expect("write a file");
    let kept = files_api::add_file(&client, path.clone(), None, Some("The hedge")).await;
    std::fs::remove_file(&path).expect("remove a file");
    let UploadedFiles::File(kept) = kept.expect("upload a file") else {
        panic!("one file is answered as itself");
    };
    assert_eq!(kept.size, content.len() as i64);
    let id = kept.id.to_string();
    let downloaded = files_api::download_file(&client, &id, None, None, None);
    let downloaded = downloaded.await.expect("download a file");
    assert_eq!(downloaded.text().await.expect("its content"), content);
}
