//! A client for a virus scanner that speaks clamd's protocol (`INSTREAM`, clamd(8)).
//!
//! A file is passed on piece by piece while it is received, and not buffered here. Without a
//! response of the scanner a file is not clean.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::base::fault::Fault;
use crate::config::ScannerConfig;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Timeout for one piece, and for the verdict.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// clamd's responses are one line.
const ANSWER_MAX_BYTES: u64 = 4096;

/// The errors of a write after the scanner has closed the connection.
const HUNG_UP: [ErrorKind; 3] = [
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
];

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A file that is being scanned.
pub struct Scan(Box<dyn Stream>);

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Infected,
    /// Larger than the scanner accepts.
    TooLarge,
}

impl Scan {
    pub async fn begin(scanner: &ScannerConfig) -> Result<Self, Fault> {
        let connected = async {
            Ok::<Box<dyn Stream>, std::io::Error>(match scanner {
                ScannerConfig::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                ScannerConfig::Unix(path) => Box::new(UnixStream::connect(path).await?),
            })
        };
        let mut scan = Self(within(CONNECT_WITHIN, connected).await?);
        scan.send(b"zINSTREAM\0").await?;
        Ok(scan)
    }

    /// Passes a piece on. A scanner that has decided early responds and closes the connection: that
    /// is the verdict.
    pub async fn hear(&mut self, piece: &[u8]) -> Result<Option<Verdict>, Fault> {
        // A length of 0 would mean the end.
        if piece.is_empty() {
            return Ok(None);
        }
        let length = u32::try_from(piece.len()).map_err(|error| Fault::caused("a piece", error))?;
        if self.send(&length.to_be_bytes()).await? && self.send(piece).await? {
            return Ok(None);
        }
        match self.answer().await? {
            Verdict::Clean => Err(Fault::unavailable(
                "the scanner",
                "it has hung up before the end",
            )),
            verdict => Ok(Some(verdict)),
        }
    }

    /// # Errors
    /// When the scanner is unavailable, or its answer is unknown.
    pub async fn verdict(mut self) -> Result<Verdict, Fault> {
        self.send(&[0; 4]).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Verdict, Fault> {
        let mut answer = Vec::new();
        let mut reader = (&mut self.0).take(ANSWER_MAX_BYTES);
        let read = within(ANSWER_WITHIN, async {
            match reader.read_to_end(&mut answer).await {
                // The scanner has closed the connection before it had read everything. A Unix
                // socket reports that once, before the response can be read.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    reader.read_to_end(&mut answer).await
                }
                read => read,
            }
        });
        let read = read.await;
        let answer = String::from_utf8_lossy(&answer);
        let answer = answer.trim_end_matches(['\0', '\n']);
        if answer.starts_with("INSTREAM size limit exceeded") {
            return Ok(Verdict::TooLarge);
        }
        // Any other incomplete response is an error.
        read?;
        if answer.is_empty() {
            Err(Fault::unavailable("the scanner", "it has hung up"))
        } else if answer == "stream: OK" {
            Ok(Verdict::Clean)
        } else if answer.starts_with("stream: ") && answer.ends_with(" FOUND") {
            Ok(Verdict::Infected)
        } else {
            Err(Fault::new(format!("the scanner says {answer:?}")))
        }
    }

    /// `false` if the scanner has closed the connection.
    async fn send(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        let sent = timeout(ANSWER_WITHIN, self.0.write_all(bytes)).await;
        match sent {
            Ok(Err(error)) if HUNG_UP.contains(&error.kind()) => Ok(false),
            Ok(sent) => sent
                .map(|()| true)
                .map_err(|error| Fault::unavailable("the scanner", error)),
            Err(late) => Err(Fault::unavailable("the scanner", late)),
        }
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Fault> {
    match timeout(time, work).await {
        Ok(done) => done.map_err(|error| Fault::unavailable("the scanner", error)),
        Err(late) => Err(Fault::unavailable("the scanner", late)),
    }
}
