//! Credentials for an S3 store that another program renews in a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::base::clock::Stopwatch;
use crate::base::fault::Fault;

const READ_EVERY: Duration = Duration::from_secs(1);

/// The profile `default` of a file in AWS's shared credentials format. While requests are sent, the
/// file is read once a second.
#[derive(Debug)]
pub struct CredentialsFile {
    path: PathBuf,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    credential: Arc<AwsCredential>,
    /// Since the last attempt to read the file.
    since: Stopwatch,
    /// Whether that attempt failed.
    is_old: bool,
}

impl CredentialsFile {
    /// # Errors
    /// When the file cannot be read, or has no complete credentials.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let last = Last {
            credential: Arc::new(read(path)?),
            since: Stopwatch::start(),
            is_old: false,
        };
        Ok(Self {
            path: path.to_owned(),
            last: Mutex::new(last),
        })
    }

    /// If the file cannot be read again, the last credentials, which may still be valid.
    async fn current(&self) -> Arc<AwsCredential> {
        let mut last = self.last.lock().await;
        if last.since.elapsed() >= READ_EVERY {
            let path = self.path.clone();
            let found = spawn_blocking(move || read(&path)).await;
            let found = found.map_err(|error| Fault::caused("reading credentials", error));
            last.since = Stopwatch::start();
            match found.flatten() {
                Ok(credential) => {
                    last.credential = Arc::new(credential);
                    last.is_old = false;
                }
                Err(error) if !last.is_old => {
                    tracing::warn!("the last credentials for S3 stay in use: {error}");
                    last.is_old = true;
                }
                Err(_) => {}
            }
        }
        last.credential.clone()
    }
}

impl CredentialProvider for CredentialsFile {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b, object_store::Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { Ok(self.current().await) })
    }
}

fn read(path: &Path) -> Result<AwsCredential, Fault> {
    let what = || format!("files.s3_credentials = {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Fault::caused(what(), error))?;
    parse(&Zeroizing::new(text)).ok_or_else(|| {
        let expected = "expected a section [default] with aws_access_key_id and \
                        aws_secret_access_key, and aws_session_token if there is one";
        Fault::caused(what(), expected)
    })
}

fn parse(text: &str) -> Option<AwsCredential> {
    let (mut key_id, mut secret_key, mut token) = (None, None, None);
    let mut is_default = false;
    // Editors on Windows write a byte order mark at the start.
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
        if line.starts_with('[') {
            is_default = line == "[default]";
        } else if is_default && let Some((name, value)) = line.split_once('=') {
            // The ID and the token are sent in headers.
            let value = value.trim();
            let good = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
            let value = good.then(|| value.to_owned());
            match name.trim() {
                "aws_access_key_id" => key_id = Some(value?),
                "aws_secret_access_key" => secret_key = Some(value?),
                "aws_session_token" => token = Some(value?),
                _ => {}
            }
        }
    }
    Some(AwsCredential {
        key_id: key_id?,
        secret_key: secret_key?,
        token,
    })
}
