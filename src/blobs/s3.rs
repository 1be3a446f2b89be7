//! An S3-compatible store.
//!
//! A file is stored in pieces, each an object whose name is known before it is written. A multipart
//! upload of S3 gets its id when it begins: a server that is killed before it has stored the id
//! leaves parts behind that cannot be found.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayloadMut, Result,
    RetryConfig,
};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use super::credentials::CredentialsFile;
use super::watched::{Connector, Health};
use super::{Content, PARTS_AT_ONCE, path, unavailable};
use crate::base::fault::Fault;
use crate::base::ids::FileId;
use crate::config::{S3Config, S3Credentials};

/// The size of the pieces of a file: changing it makes all stored files unreadable. An upload holds
/// three pieces in memory, and each costs a request.
const PIECE_BYTES: u64 = 4 << 20;
const DELETED_AT_ONCE: usize = 8;
const RETRIED_WITHIN: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;

#[derive(Clone)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    health: Health,
}

impl Bucket {
    pub fn open(config: &S3Config) -> Result<Self, Fault> {
        let health = Health::default();
        let store = connect(config, health.clone())?;
        Ok(Self {
            store: Arc::new(store),
            health,
        })
    }

    pub fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub fn is_silent(&self) -> bool {
        self.health.is_silent()
    }

    pub fn write(&self, id: FileId) -> Pieces {
        Pieces {
            store: self.store.clone(),
            id,
            begun: 0,
            next: PutPayloadMut::new(),
            on_their_way: JoinSet::new(),
        }
    }

    /// A non-empty range.
    pub async fn read(&self, id: FileId, range: Range<u64>) -> Result<Content> {
        let mut pieces = pieces_of(range);
        let Some(first) = pieces.next() else {
            return Ok(stream::empty().boxed());
        };
        // The first piece is requested now: a missing file is noticed before the response begins.
        let first = read_piece(self.store.clone(), id, first).await?;
        let store = self.store.clone();
        let others = stream::iter(pieces)
            .then(move |piece| read_piece(store.clone(), id, piece))
            .try_flatten();
        Ok(first.chain(others).map_err(unavailable).boxed())
    }

    /// At most this many bytes were written.
    pub async fn delete(&self, id: FileId, bytes: u64) -> Result<()> {
        let pieces = bytes.div_ceil(PIECE_BYTES).max(1);
        stream::iter(0..pieces)
            .map(|piece| async move {
                match self.store.delete(&piece_path(id, piece)).await {
                    Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(DELETED_AT_ONCE)
            .try_collect()
            .await
    }
}

/// What is being written.
pub struct Pieces {
    store: Arc<AmazonS3>,
    id: FileId,
    begun: u64,
    next: PutPayloadMut,
    on_their_way: JoinSet<Result<()>>,
}

impl Pieces {
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        loop {
            let room = PIECE_BYTES as usize - self.next.content_length();
            if bytes.len() < room {
                self.next.push(bytes);
                return Ok(());
            }
            self.next.push(bytes.split_to(room));
            self.send().await?;
        }
    }

    async fn send(&mut self) -> Result<()> {
        while self.on_their_way.len() >= PARTS_AT_ONCE
            && let Some(sent) = self.on_their_way.join_next().await
        {
            sent??;
        }
        let piece = std::mem::take(&mut self.next).freeze();
        let (store, path) = (self.store.clone(), piece_path(self.id, self.begun));
        self.begun += 1;
        self.on_their_way
            .spawn(async move { store.put(&path, piece).await.map(drop) });
        Ok(())
    }

    pub async fn finish(mut self) -> Result<()> {
        let mut done = Ok(());
        // An empty file is an empty piece.
        if self.next.content_length() > 0 || self.begun == 0 {
            done = self.send().await;
        }
        done.and(self.settle().await)
    }

    /// Waits for pending writes: a piece can still arrive after its request was dropped, and after
    /// it was deleted.
    pub async fn settle(mut self) -> Result<()> {
        let mut all = Ok(());
        while let Some(sent) = self.on_their_way.join_next().await {
            all = all.and(sent.map_err(Error::from).flatten());
        }
        all
    }
}

fn piece_path(id: FileId, piece: u64) -> Path {
    path(id).join(piece.to_string())
}

/// Which pieces a range is in, and where in each of them.
fn pieces_of(range: Range<u64>) -> impl Iterator<Item = (u64, Range<u64>)> {
    let numbers = range.start / PIECE_BYTES..range.end.div_ceil(PIECE_BYTES);
    numbers.map(move |number| {
        let begin = number * PIECE_BYTES;
        let end = range.end.min(begin + PIECE_BYTES);
        (number, range.start.max(begin) - begin..end - begin)
    })
}

async fn read_piece(
    store: Arc<AmazonS3>,
    id: FileId,
    (number, range): (u64, Range<u64>),
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    };
    let found = store.get_opts(&piece_path(id, number), options).await?;
    Ok(found.into_stream())
}

fn connect(config: &S3Config, health: Health) -> Result<AmazonS3, Fault> {
    let endpoint = config.endpoint.as_deref();
    let allows_http = endpoint.is_some_and(|url| url.starts_with("http://"));
    let connector = Connector {
        health,
        within: config.timeout,
        allows_http,
    };
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRIED_WITHIN,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_client_options(ClientOptions::new().with_allow_http(allows_http))
        .with_http_connector(connector)
        // One request for each: not every store can delete several objects at once.
        .with_disable_bulk_delete(true)
        .with_retry(retry);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &config.credentials {
        S3Credentials::Key { id, secret } => builder
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose_secret()),
        S3Credentials::File(path) => {
            builder.with_credentials(Arc::new(CredentialsFile::open(path)?))
        }
    };
    let store = builder.build();
    store.map_err(|error| Fault::caused("the S3 store", error))
}
