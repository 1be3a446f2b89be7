//! Follows where the requests on a connection begin and end.
//!
//! The HTTP library does not limit the extensions and trailers of a chunked body, and does not
//! report when a head has begun. So the bytes are also followed here, before the library reads
//! them. Heads are parsed by the library's own parser. Bytes that it refuses are not followed
//! further: it closes the connection.

use std::mem::MaybeUninit;

/// Limit of the extensions of one chunk.
pub const EXTENSION_MAX: usize = 1024;
/// Limit of the extensions of all chunks of a body.
pub const EXTENSIONS_MAX: usize = 16 * 1024;
/// Limit of all trailers of a body, with their line ends.
pub const TRAILERS_MAX: usize = 8 * 1024;
/// The library's own limit.
const HEADERS_MAX: usize = 96;
/// A larger buffer is not kept for the next head.
const HEAD_KEPT_BYTES: usize = 8 * 1024;

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
    /// The beginning of an incomplete head.
    head: Vec<u8>,
    /// Complete heads.
    heads: u64,
    /// Bytes of the body's extensions and trailers.
    extensions: usize,
    trailers: usize,
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
}

/// A body with too many bytes outside its content.
#[derive(Debug, PartialEq, Eq)]
pub struct Excess {
    /// The first byte over the limit.
    pub at: usize,
}

impl Framing {
    /// With the number of heads that have arrived.
    pub fn phase(&self) -> (Phase, u64) {
        let phase = match self.at {
            At::Head if self.head.is_empty() => Phase::Idle,
            At::Head => Phase::Head,
            _ => Phase::Body,
        };
        (phase, self.heads)
    }

    /// Follows the next bytes.
    ///
    /// # Errors
    /// [`Excess`]. The rest is not followed.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.at {
                At::Head => self.follow_head(rest),
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
                At::Unknown => return Ok(()),
                _ => {
                    self.at = self.after(rest[0]);
                    1
                }
            };
            if self.is_excessive() {
                self.at = At::Unknown;
                return Err(Excess { at: at - 1 });
            }
        }
        Ok(())
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

    /// Returns how many bytes it has followed.
    fn follow_head(&mut self, bytes: &[u8]) -> usize {
        let before = self.head.len();
        let head = if before == 0 {
            read_head(bytes)
        } else {
            self.head.extend_from_slice(bytes);
            // A head ends with a line end.
            if bytes.contains(&b'\n') {
                read_head(&self.head)
            } else {
                Head::Partial
            }
        };
        let (end, body) = match head {
            Head::Whole(length, body) => (length - before, body),
            Head::Partial => {
                if before == 0 {
                    self.head.extend_from_slice(bytes);
                }
                return bytes.len();
            }
            Head::Refused => (bytes.len(), At::Unknown),
        };
        self.at = body;
        self.heads += 1;
        (self.extensions, self.trailers) = (0, 0);
        if self.head.capacity() > HEAD_KEPT_BYTES {
            self.head = Vec::new();
        }
        self.head.clear();
        end
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

enum Head {
    /// With its length, and the state of the connection after it.
    Whole(usize, At),
    Partial,
    Refused,
}

fn read_head(bytes: &[u8]) -> Head {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Head::Partial,
        Err(_) => return Head::Refused,
    };
    let mut body = At::Head;
    // As in the library: until the connection ends.
    let mut is_stream = request.method == Some("CONNECT");
    for header in request.headers.iter() {
        let value = || str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            body = match value().parse() {
                Ok(0) => At::Head,
                Ok(length) => At::Length(length),
                Err(_) => return Head::Refused,
            };
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            // With `Content-Length` too, or in HTTP/1.0, the library refuses the request.
            let size = At::Size {
                size: 0,
                extension: None,
            };
            return match value().eq_ignore_ascii_case("chunked") {
                true => Head::Whole(length, size),
                false => Head::Refused,
            };
        } else if header.name.eq_ignore_ascii_case("upgrade") {
            is_stream |= value().eq_ignore_ascii_case("websocket");
        }
    }
    Head::Whole(length, if is_stream { At::Unknown } else { body })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";

    /// All at once, and byte by byte.
    fn followed(text: &str) -> Result<(Phase, u64), Excess> {
        let mut whole = Framing::default();
        let at_once = whole.follow(text.as_bytes()).map(|()| whole.phase());
        let mut slow = Framing::default();
        let mut dripped = Ok(());
        for (at, byte) in text.bytes().enumerate() {
            if dripped.is_ok() {
                dripped = slow.follow(&[byte]).map_err(|_| Excess { at });
            }
        }
        assert_eq!(dripped.map(|()| slow.phase()), at_once, "{text}");
        at_once
    }

    #[test]
    fn requests_are_told_apart() {
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n";
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
            ("\0\r\n\r\n", (Phase::Body, 1)),
        ] {
            assert_eq!(followed(text), Ok(phase), "{text}");
        }
    }

    #[test]
    fn one_byte_too_many_is_found() {
        let extension = |length: usize| format!("{CHUNKED}5;{}", "x".repeat(length - 1));
        let whole = |length| format!("{}\r\n12345\r\n0\r\n\r\n", extension(length));
        assert_eq!(followed(&whole(EXTENSION_MAX)), Ok((Phase::Idle, 1)));
        let at = extension(EXTENSION_MAX).len();
        assert_eq!(followed(&whole(EXTENSION_MAX + 1)), Err(Excess { at }));

        let chunk = format!("1;{}\r\nx\r\n", "x".repeat(EXTENSION_MAX - 1));
        let many = format!("{CHUNKED}{}", chunk.repeat(EXTENSIONS_MAX / EXTENSION_MAX));
        assert_eq!(followed(&many), Ok((Phase::Body, 1)));
        let at = many.len() + 1;
        assert_eq!(followed(&format!("{many}1;")), Err(Excess { at }));

        let trailer = format!("{CHUNKED}0\r\na: {}\r\n", "x".repeat(TRAILERS_MAX - 5));
        assert_eq!(followed(&format!("{trailer}\r\n")), Ok((Phase::Idle, 1)));
        let at = trailer.len();
        assert_eq!(followed(&format!("{trailer}b")), Err(Excess { at }));
    }
}
