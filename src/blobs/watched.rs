//! HTTP for an S3 store: a request ends when no bytes have moved for a while, however long it takes
//! in total, and while the store is known to be silent, requests fail at once.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

use crate::base::fault::Fault;

/// Time to connect to the store: about as long as a person waits.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const PROBED_EVERY: Duration = Duration::from_secs(1);

/// Whether the store responds.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    pub fn is_silent(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes the clients of a store.
#[derive(Debug)]
pub struct Connector {
    pub health: Health,
    /// Time without progress.
    pub within: Duration,
    pub allows_http: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .http1_only()
            .https_only(!self.allows_http)
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(Watched {
            client,
            health: self.health.clone(),
            within: self.within,
        }))
    }
}

#[derive(Debug)]
struct Watched {
    client: reqwest::Client,
    health: Health,
    within: Duration,
}

impl HttpService for Watched {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

impl Watched {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.health.is_silent() {
            let silent = Fault::new("the store does not respond");
            // An error kind that the caller does not retry.
            return Err(HttpError::new(HttpErrorKind::Unknown, silent));
        }
        let url = request.uri().to_string();
        let answer = self.execute(request).await;
        if let Err(error) = &answer
            && error.kind() == HttpErrorKind::Timeout
        {
            self.fall_silent(url);
        }
        answer
    }

    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (moved, mut moves) = watch::channel(());
        let request = request.map(|body| match body.content_length() {
            0 => reqwest::Body::from(Bytes::new()),
            _ => reqwest::Body::wrap(Sent { body, moved }),
        });
        let request = request.try_into().map_err(http_error)?;
        let mut answer = pin!(self.client.execute(request));
        let answer = loop {
            let next_move = pin!(timeout(self.within, moves.changed()));
            match select(answer.as_mut(), next_move).await {
                Either::Left((answer, _)) => break answer,
                Either::Right((Ok(Ok(())), _)) => {}
                // The request is sent completely.
                Either::Right((Ok(Err(_)), _)) => {
                    break timeout(self.within, answer).await.map_err(late)?;
                }
                Either::Right((Err(elapsed), _)) => return Err(late(elapsed)),
            }
        };
        let answer: http::Response<reqwest::Body> = answer.map_err(http_error)?.into();
        let within = self.within;
        Ok(answer.map(|body| HttpResponseBody::new(Received::new(body, within))))
    }

    /// Until the store responds, with any status.
    fn fall_silent(&self, url: String) {
        if self.health.0.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            "the store does not respond: uploads and downloads are refused until it does"
        );
        let (client, health) = (self.client.clone(), Arc::downgrade(&self.health.0));
        tokio::spawn(probe(client, url, health));
    }
}

async fn probe(client: reqwest::Client, url: String, health: Weak<AtomicBool>) {
    // Without the query, which may be signed.
    let url = url.split('?').next().unwrap_or_default().to_owned();
    while health.strong_count() > 0 {
        let answer = timeout(CONNECT_WITHIN, client.head(&url).send());
        if let Ok(Ok(_)) = answer.await {
            if let Some(health) = health.upgrade() {
                health.store(false, Ordering::Relaxed);
            }
            tracing::info!("the store responds again");
            return;
        }
        sleep(PROBED_EVERY).await;
    }
}

fn http_error(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        HttpErrorKind::Interrupted
    };
    // The URL names the object, and the caller reports it.
    HttpError::new(kind, error.without_url())
}

fn late(elapsed: tokio::time::error::Elapsed) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, elapsed)
}

/// The body of a request, which reports its progress.
struct Sent {
    body: HttpRequestBody,
    moved: watch::Sender<()>,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.moved.send_replace(());
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response, which fails when nothing is received for a while.
struct Received {
    body: reqwest::Body,
    within: Duration,
    late: Option<Pin<Box<Sleep>>>,
}

impl Received {
    fn new(body: reqwest::Body, within: Duration) -> Self {
        Self {
            body,
            within,
            late: None,
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.late = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(http_error)));
        }
        let within = self.within;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(late.as_mut().poll(context));
        let silent = Fault::new("the store has stopped in the middle of a response");
        Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Timeout, silent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
