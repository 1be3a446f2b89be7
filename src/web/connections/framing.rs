//! Follows where the requests on a connection begin and end, and refuses what cannot be read.
//!
//! The HTTP library does not limit the extensions and trailers of a chunked body, does not report
//! when a head has begun, and answers a head that it refuses by itself, with none of our headers.
//! So the bytes are followed here, before the library reads them: a head is held until it is
//! complete, and one that the library would refuse does not reach it. Heads are parsed by the
//! library's own parser, and checked as the library does after that. Bytes of a body that it
//! refuses are not followed further: it closes the connection.

use std::mem::{self, MaybeUninit};
use std::ops::Range;

use actix_web::http::{Method, Uri};
use actix_web::web::BytesMut;

/// Limit of the extensions of one chunk.
pub const EXTENSION_MAX: usize = 1024;
/// Limit of the extensions of all chunks of a body.
pub const EXTENSIONS_MAX: usize = 16 * 1024;
/// Limit of all trailers of a body, with their line ends.
pub const TRAILERS_MAX: usize = 8 * 1024;
/// Limit of a head. The library's own, as the next two.
const HEAD_MAX: usize = 128 * 1024;
const HEADERS_MAX: usize = 96;
/// The library panics at a longer name.
const NAME_MAX: usize = u16::MAX as usize;

/// The part of a request that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between requests.
    Idle,
    Head,
    Body,
}

/// Follows the bytes that a client sends.
#[derive(Default)]
pub struct Framing {
    at: At,
    /// The beginning of an incomplete head, which the library has not read.
    head: BytesMut,
    /// Complete heads, and a refused one.
    heads: u64,
    /// Bytes of the body's extensions and trailers.
    extensions: usize,
    trailers: usize,
}

/// What the library may read of bytes that have arrived.
#[derive(Debug)]
pub struct Passed {
    /// A head that began in earlier bytes and ends in these. It comes first.
    pub head: BytesMut,
    /// The part of these bytes that follows. The rest is held, or dropped after an end.
    pub bytes: Range<usize>,
    pub end: Option<End>,
}

/// Why no more bytes of a connection are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A body has too many bytes outside its content.
    Excess,
    Refused(Refusal),
}

/// Why a request is refused before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    TooLarge,
    TooSlow,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Head,
    /// The rest of a body whose length was declared.
    Length(u64),
    /// With the length of the extension so far.
    Size {
        size: u64,
        extension: Option<usize>,
    },
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataEndLine,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastLine,
    /// Bytes that the library refuses, or passes on until the connection ends.
    Unknown,
    /// The library reads nothing more.
    Refused,
}

impl Framing {
    /// With the number of heads that have arrived, a refused one included.
    pub fn phase(&self) -> (Phase, u64) {
        let phase = match self.at {
            At::Head if self.head.is_empty() => Phase::Idle,
            At::Refused => Phase::Idle,
            At::Head => Phase::Head,
            _ => Phase::Body,
        };
        (phase, self.heads)
    }

    /// Passes on nothing more: the request that has begun, or would be next, is refused.
    pub fn refuse(&mut self) {
        self.at = At::Refused;
        self.head = BytesMut::new();
        self.heads += 1;
    }

    /// Follows the next bytes.
    pub fn follow(&mut self, bytes: &[u8]) -> Passed {
        let mut head = BytesMut::new();
        let (mut from, mut at) = (0, 0);
        let mut end = None;
        while at < bytes.len() && end.is_none() {
            let rest = &bytes[at..];
            at += match self.at {
                At::Head => match self.follow_head(rest) {
                    Ok(Some(length)) => {
                        if !self.head.is_empty() {
                            head = mem::take(&mut self.head);
                            from = length;
                        }
                        length
                    }
                    Ok(None) => break,
                    Err(refusal) => {
                        self.refuse();
                        end = Some(End::Refused(refusal));
                        0
                    }
                },
                At::Length(left) => {
                    let (step, left) = skip(left, rest);
                    self.at = if left == 0 {
                        At::Head
                    } else {
                        At::Length(left)
                    };
                    step
                }
                At::Data(left) => {
                    let (step, left) = skip(left, rest);
                    self.at = if left == 0 {
                        At::DataEnd
                    } else {
                        At::Data(left)
                    };
                    step
                }
                At::Unknown => rest.len(),
                At::Refused => break,
                _ => {
                    self.at = self.after(rest[0]);
                    if self.is_excessive() {
                        self.at = At::Unknown;
                        end = Some(End::Excess);
                        0
                    } else {
                        1
                    }
                }
            };
        }
        Passed {
            head,
            bytes: from..at,
            end,
        }
    }

    fn is_excessive(&self) -> bool {
        let extension = match self.at {
            At::Size { extension, .. } => extension.unwrap_or_default(),
            _ => 0,
        };
        extension > EXTENSION_MAX
            || self.extensions > EXTENSIONS_MAX
            || self.trailers > TRAILERS_MAX
    }

    /// The number of these bytes that belong to the head, once it is complete. If it began in
    /// earlier bytes, the whole of it is in `self.head`; an incomplete one is held there.
    fn follow_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let before = self.head.len();
        let whole = if before == 0 {
            read_head(bytes)?
        } else {
            self.head.extend_from_slice(bytes);
            // A head ends with a line end.
            let may_end = bytes.contains(&b'\n');
            may_end
                .then(|| read_head(&self.head))
                .transpose()?
                .flatten()
        };
        if let Some((length, body)) = whole
            && length <= HEAD_MAX
        {
            self.head.truncate(length);
            self.at = body;
            self.heads += 1;
            (self.extensions, self.trailers) = (0, 0);
            return Ok(Some(length - before));
        }
        if before == 0 {
            self.head.extend_from_slice(bytes);
        }
        if self.head.len() >= HEAD_MAX {
            return Err(Refusal::TooLarge);
        }
        Ok(None)
    }

    /// As in the library's decoder: bytes that it refuses make the state unknown.
    fn after(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Size { size, .. }, b'\r') => At::SizeEnd(size),
            (
                At::Size {
                    size,
                    extension: None,
                },
                digit,
            ) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or_default();
                let size = size.checked_mul(16).map(|size| size | u64::from(digit));
                size.map_or(At::Unknown, |size| At::Size {
                    size,
                    extension: None,
                })
            }
            (At::Size { size, extension }, _) => {
                self.extensions += 1;
                At::Size {
                    size,
                    extension: Some(extension.unwrap_or_default() + 1),
                }
            }
            (At::SizeEnd(0), b'\n') => At::TrailerStart,
            (At::SizeEnd(size), b'\n') => At::Data(size),
            (At::DataEnd, b'\r') => At::DataEndLine,
            (At::DataEndLine, b'\n') => At::Size {
                size: 0,
                extension: None,
            },
            (At::TrailerStart, b'\r') => At::LastLine,
            (At::LastLine, b'\n') => At::Head,
            (At::Trailer, b'\r') => self.trailer(At::TrailerEnd),
            (At::TrailerStart | At::Trailer, _) => self.trailer(At::Trailer),
            (At::TrailerEnd, b'\n') => self.trailer(At::TrailerStart),
            _ => At::Unknown,
        }
    }

    fn trailer(&mut self, at: At) -> At {
        self.trailers += 1;
        at
    }
}

/// How many of `bytes` belong to `left` bytes, and how many remain.
fn skip(left: u64, bytes: &[u8]) -> (usize, u64) {
    let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (step, left - step as u64)
}

/// The length of a complete head, and the state of the connection after it.
///
/// # Errors
/// As the library: for what it refuses.
fn read_head(bytes: &[u8]) -> Result<Option<(usize, At)>, Refusal> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::Malformed),
    };
    let method = request.method.unwrap_or_default();
    let is_readable = Method::from_bytes(method.as_bytes()).is_ok()
        && Uri::try_from(request.path.unwrap_or_default()).is_ok();
    if !is_readable {
        return Err(Refusal::Malformed);
    }
    let is_newer = request.version == Some(1);
    let (mut content_length, mut is_chunked) = (None, false);
    let (mut has_host, mut is_websocket) = (false, false);
    for header in request.headers.iter() {
        if header.name.len() > NAME_MAX {
            return Err(Refusal::TooLarge);
        }
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        // As for the library: a value with other bytes is not text.
        let value = || {
            let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
            let text = header.value.iter().all(is_text);
            text.then(|| str::from_utf8(header.value).unwrap_or_default().trim())
        };
        if is("content-length") {
            let length = value().filter(|text| !text.starts_with('+'));
            let length: Option<u64> = length.and_then(|text| text.parse().ok());
            if length.is_none() || content_length.is_some() {
                return Err(Refusal::Malformed);
            }
            content_length = length;
        } else if is("transfer-encoding") {
            let is_known = value().is_some_and(|text| text.eq_ignore_ascii_case("chunked"));
            if !is_known || is_chunked || !is_newer {
                return Err(Refusal::Malformed);
            }
            is_chunked = true;
        } else if is("host") {
            if has_host {
                return Err(Refusal::Malformed);
            }
            has_host = true;
        } else if is("upgrade") {
            is_websocket |= value().is_some_and(|text| text.eq_ignore_ascii_case("websocket"));
        }
    }
    let is_unmeasured = content_length.is_none() && !is_chunked;
    let is_contradictory = is_chunked && content_length.is_some();
    let lacks_host = is_newer && !has_host;
    let lacks_length = !is_newer && method == "POST" && is_unmeasured && !is_websocket;
    if is_contradictory || lacks_host || lacks_length {
        return Err(Refusal::Malformed);
    }
    let body = match content_length {
        _ if is_chunked => At::Size {
            size: 0,
            extension: None,
        },
        // As in the library: until the connection ends.
        _ if is_websocket => At::Unknown,
        None | Some(0) if method == "CONNECT" => At::Unknown,
        None | Some(0) => At::Head,
        Some(length) => At::Length(length),
    };
    Ok(Some((length, body)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tokio_util::codec::Decoder;

    use super::*;

    const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";

    /// What is passed on, and why it ends; all at once, and byte by byte.
    fn followed(text: &[u8]) -> (Framing, Vec<u8>, Option<End>) {
        let follow = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut framing = Framing::default();
            let (mut read, mut end) = (Vec::new(), None);
            for piece in pieces {
                if end.is_some() {
                    break;
                }
                let passed = framing.follow(piece);
                read.extend_from_slice(&passed.head);
                read.extend_from_slice(&piece[passed.bytes]);
                end = passed.end;
            }
            (framing, read, end)
        };
        let at_once = follow(&mut [text].into_iter());
        let dripped = follow(&mut text.chunks(1));
        let text = String::from_utf8_lossy(text);
        assert_eq!(dripped.0.phase(), at_once.0.phase(), "{text}");
        assert_eq!((&dripped.1, dripped.2), (&at_once.1, at_once.2), "{text}");
        at_once
    }

    #[test]
    fn requests_are_told_apart() {
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";
        for (text, phase) in [
            ("", (Phase::Idle, 0)),
            ("G", (Phase::Head, 0)),
            ("GET / HTTP/1.1\r\nhost: a\r\n", (Phase::Head, 0)),
            (get, (Phase::Idle, 1)),
            (&format!("{get}{get}"), (Phase::Idle, 2)),
            (&format!("{get}\r\n{get}"), (Phase::Idle, 2)),
            (&format!("{get}G"), (Phase::Head, 1)),
            (&format!("{post}1234"), (Phase::Body, 1)),
            (&format!("{post}12345"), (Phase::Idle, 1)),
            (&format!("{post}12345{get}"), (Phase::Idle, 2)),
            (&format!("{CHUNKED}5\r\n1234"), (Phase::Body, 1)),
            (&format!("{CHUNKED}5\r\n12345\r\n0\r\n"), (Phase::Body, 1)),
            (
                &format!("{CHUNKED}5\r\n12345\r\n0\r\n\r\n"),
                (Phase::Idle, 1),
            ),
            (
                &format!(
                    "{CHUNKED}5;a=b\r\n12345\r\nA\r\n0123456789\r\n0\r\na: b\r\nc: d\r\n\r\n{get}"
                ),
                (Phase::Idle, 2),
            ),
        ] {
            let (framing, read, end) = followed(text.as_bytes());
            assert_eq!((framing.phase(), end), (phase, None), "{text}");
            let held = framing.head.len();
            assert_eq!(read, text.as_bytes()[..text.len() - held], "{text}");
            assert!(held == 0 || phase.0 == Phase::Head);
        }
    }

    #[test]
    fn nothing_of_a_refused_head_is_passed_on() {
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let long = format!(
            "GET / HTTP/1.1\r\nhost: a\r\na: {}\r\n\r\n",
            "a".repeat(HEAD_MAX)
        );
        for (head, refusal) in [
            ("\0\r\n\r\n", Refusal::Malformed),
            ("GET / HTTP/1.1\r\n\r\n", Refusal::Malformed),
            (&*long, Refusal::TooLarge),
        ] {
            for before in ["", get] {
                let (framing, read, end) = followed(format!("{before}{head}{get}").as_bytes());
                assert_eq!(end, Some(End::Refused(refusal)));
                assert_eq!(read, before.as_bytes());
                let heads = if before.is_empty() { 1 } else { 2 };
                assert_eq!(framing.phase(), (Phase::Idle, heads));
            }
        }
    }

    /// `None` if it needs more bytes.
    fn is_read_by_the_library(head: &[u8]) -> Option<bool> {
        let read = async {
            let mut codec = actix_http::h1::Codec::default();
            codec.decode(&mut BytesMut::from(head))
        };
        match actix_web::rt::Runtime::new().unwrap().block_on(read) {
            Ok(None) => None,
            read => Some(read.is_ok()),
        }
    }

    fn is_read_here(head: &[u8]) -> Option<bool> {
        match read_head(head) {
            Ok(None) => None,
            read => Some(read.is_ok()),
        }
    }

    proptest! {
        #[test]
        fn a_head_is_refused_exactly_if_the_library_refuses_it(
            line in select(&[
                "GET / HTTP/1.1", "POST /a?b HTTP/1.1", "POST / HTTP/1.0", "GET / HTTP/1.0",
                "CONNECT a:1 HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /< HTTP/1.1", "G@T / HTTP/1.1",
                "GET http://[ HTTP/1.1", "GET / HTTP/2.0", "GET /\u{e9} HTTP/1.1", "GET a HTTP/1.1",
            ][..]),
            headers in vec(select(&[
                "host: a", "Host:", "a: b", "a b: c", " a: b", "a: \0", "a: \u{e9}", ": a", "a",
                "content-length: 5", "Content-Length: 0", "content-length: +5", "content-length: ",
                "content-length: 5, 5", "content-length: 18446744073709551616",
                "content-length: \u{e9}", "transfer-encoding: chunked",
                "Transfer-Encoding:  CHUNKED ", "transfer-encoding: identity",
                "transfer-encoding: gzip, chunked", "transfer-encoding: \u{e9}",
                "upgrade: websocket", "Upgrade: WebSocket", "expect: 100-continue",
                "connection: close",
            ][..]), 0..5),
            end in select(&["\r\n", "\n", "\r", ""][..]),
            (at, byte) in (0_usize..200, any::<u8>()),
        ) {
            let lines: Vec<_> = std::iter::once(line).chain(headers).collect();
            let head = format!("{}{end}{end}", lines.join("\r\n"));
            prop_assert_eq!(is_read_here(head.as_bytes()), is_read_by_the_library(head.as_bytes()));
            let mut changed = head.into_bytes();
            if let Some(place) = changed.get_mut(at) {
                *place = byte;
                prop_assert_eq!(is_read_here(&changed), is_read_by_the_library(&changed));
            }
        }
    }

    #[test]
    fn one_byte_too_many_is_found() {
        let extension = |length: usize| format!("{CHUNKED}5;{}", "x".repeat(length - 1));
        let whole = |length| format!("{}\r\n12345\r\n0\r\n\r\n", extension(length));
        let excess_at = |text: &str| {
            let (_, read, end) = followed(text.as_bytes());
            end.map(|end| {
                assert_eq!(end, End::Excess);
                read.len()
            })
        };
        assert_eq!(excess_at(&whole(EXTENSION_MAX)), None);
        let at = extension(EXTENSION_MAX).len();
        assert_eq!(excess_at(&whole(EXTENSION_MAX + 1)), Some(at));

        let chunk = format!("1;{}\r\nx\r\n", "x".repeat(EXTENSION_MAX - 1));
        let many = format!("{CHUNKED}{}", chunk.repeat(EXTENSIONS_MAX / EXTENSION_MAX));
        assert_eq!(excess_at(&many), None);
        assert_eq!(excess_at(&format!("{many}1;")), Some(many.len() + 1));

        let trailer = format!("{CHUNKED}0\r\na: {}\r\n", "x".repeat(TRAILERS_MAX - 5));
        assert_eq!(excess_at(&format!("{trailer}\r\n")), None);
        assert_eq!(excess_at(&format!("{trailer}b")), Some(trailer.len()));
    }
}
