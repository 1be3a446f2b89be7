//! An S3-compatible store. What is written there in parts has an id of its own until it is whole,
//! which is handed out, so that the parts can be taken away when their writer is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, MultipartId, MultipartUpload, ObjectStore, PutPayload, PutResult, Result,
    RetryConfig, UploadPart,
};
use secrecy::ExposeSecret;

use super::away;
use crate::base::fault::Fault;
use crate::config::S3Config;

/// A store that is away is not waited for much longer than a person would.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
const RETRIED_WITHIN: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;

/// What is being written.
#[derive(Clone)]
pub struct Drafts(Arc<AmazonS3>);

impl Drafts {
    pub fn open(config: &S3Config) -> std::result::Result<Self, Fault> {
        connect(config).map(|store| Self(Arc::new(store)))
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.0.clone()
    }

    /// What takes the parts, and the id by which they can be given up.
    pub async fn begin(&self, path: Path) -> Result<(Box<dyn MultipartUpload>, String)> {
        let id = self.0.create_multipart(&path).await?;
        let draft = Draft {
            store: self.0.clone(),
            path,
            id: id.clone(),
            parts: Arc::default(),
            begun: 0,
        };
        Ok((Box::new(draft), id))
    }

    pub async fn give_up(&self, path: Path, draft: &str) -> std::result::Result<(), Fault> {
        match self.0.abort_multipart(&path, &draft.to_owned()).await {
            // It has been finished or given up; some stores do not want to talk about it then.
            Ok(()) | Err(Error::NotFound { .. } | Error::PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(away(error)),
        }
    }
}

#[derive(Debug)]
struct Draft {
    store: Arc<AmazonS3>,
    path: Path,
    id: MultipartId,
    /// With the place of each, since they arrive in any order.
    parts: Arc<Mutex<Vec<(usize, PartId)>>>,
    begun: usize,
}

#[async_trait]
impl MultipartUpload for Draft {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, path, id) = (self.store.clone(), self.path.clone(), self.id.clone());
        let (parts, place) = (self.parts.clone(), self.begun);
        self.begun += 1;
        async move {
            let part = store.put_part(&path, &id, place, data).await?;
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push((place, part));
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut parts = {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *parts)
        };
        parts.sort_unstable_by_key(|(place, _)| *place);
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        self.store
            .complete_multipart(&self.path, &self.id, parts)
            .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.abort_multipart(&self.path, &self.id).await
    }
}

fn connect(config: &S3Config) -> Result<AmazonS3, Fault> {
    let endpoint = config.endpoint.as_deref();
    let client = ClientOptions::new()
        .with_allow_http(endpoint.is_some_and(|url| url.starts_with("http://")))
        .with_connect_timeout(CONNECT_WITHIN)
        .with_read_timeout(ANSWERED_WITHIN)
        // A large file takes as long as the person needs who downloads it.
        .with_timeout_disabled();
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRIED_WITHIN,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(&config.key_id)
        .with_secret_access_key(config.secret_key.expose_secret())
        .with_client_options(client)
        // Not every store knows how to delete several at once, and we never do.
        .with_disable_bulk_delete(true)
        .with_retry(retry);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.build();
    store.map_err(|error| Fault::caused("the S3 store", error))
}
