//! Asks a virus scanner that speaks clamd's protocol (`INSTREAM`, clamd(8)).
//!
//! What is asked about is handed on piece by piece while it comes in, and never held here. A
//! scanner that does not answer has not said that it is clean.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::base::fault::Fault;
use crate::config::ScannerConfig;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// For one piece, and for the verdict.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// clamd's own answers are a line.
const ANSWER_MAX_BYTES: u64 = 4096;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A file that is being looked at.
pub struct Scan(Box<dyn Stream>);

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Infected,
    /// More than the scanner takes.
    TooLarge,
}

impl Scan {
    /// # Errors
    /// When the scanner is away.
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

    /// Hands a piece on. What the scanner has heard enough of is told at the end.
    ///
    /// # Errors
    /// When the scanner has gone.
    pub async fn hear(&mut self, piece: &[u8]) -> Result<(), Fault> {
        // A length of nothing would be the end.
        if piece.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(piece.len()).map_err(|error| Fault::caused("a piece", error))?;
        self.send(&length.to_be_bytes()).await?;
        self.send(piece).await
    }

    /// # Errors
    /// When the scanner has gone, or says neither.
    pub async fn verdict(mut self) -> Result<Verdict, Fault> {
        self.send(&[0; 4]).await?;
        let mut answer = Vec::new();
        let mut reader = self.0.take(ANSWER_MAX_BYTES);
        within(ANSWER_WITHIN, reader.read_to_end(&mut answer)).await?;
        let answer = String::from_utf8_lossy(&answer);
        let answer = answer.trim_end_matches(['\0', '\n']);
        if answer.is_empty() {
            Err(Fault::away("the scanner", "it has hung up"))
        } else if answer == "stream: OK" {
            Ok(Verdict::Clean)
        } else if answer.starts_with("stream: ") && answer.ends_with(" FOUND") {
            Ok(Verdict::Infected)
        } else if answer.starts_with("INSTREAM size limit exceeded") {
            Ok(Verdict::TooLarge)
        } else {
            Err(Fault::new(format!("the scanner says {answer:?}")))
        }
    }

    /// The scanner hangs up on what is too large for it, and says so: that is read at the end.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sent = timeout(ANSWER_WITHIN, self.0.write_all(bytes)).await;
        match sent {
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Ok(sent) => sent.map_err(|error| Fault::away("the scanner", error)),
            Err(late) => Err(Fault::away("the scanner", late)),
        }
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Fault> {
    match timeout(time, work).await {
        Ok(done) => done.map_err(|error| Fault::away("the scanner", error)),
        Err(late) => Err(Fault::away("the scanner", late)),
    }
}
