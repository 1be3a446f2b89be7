//! Request bodies without a declared length that no handler reads to their end.
//!
//! If the response is ready before such a body has ended and the rest has been dropped, actix reads
//! until the end, which may never come, and keeps the connection open meanwhile. While the rest is
//! held, actix closes the connection after the response instead.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::web::Bytes;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;

/// The rest of a body.
pub struct Rest {
    _held: Rc<RefCell<Payload>>,
}

/// `None` for a request without a body, and for a body with a length: actix counts its bytes.
pub fn share(request: &mut ServiceRequest) -> Option<Rest> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let body = Rc::new(RefCell::new(request.take_payload()));
    let shared = body.clone();
    request.set_payload(Payload::Stream {
        payload: Box::pin(poll_fn(move |cx| shared.borrow_mut().poll_next_unpin(cx))),
    });
    Some(Rest { _held: body })
}

impl Rest {
    /// Holds the rest until the response is sent.
    pub fn hold(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        response.map_body(|_, answer| {
            HoldingBody {
                answer,
                _rest: self,
            }
            .boxed()
        })
    }
}

struct HoldingBody {
    answer: BoxBody,
    _rest: Rest,
}

impl MessageBody for HoldingBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }
}
