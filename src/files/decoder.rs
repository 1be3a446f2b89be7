//! Decodes an image in a separate process: its memory is freed when it ends, and an image that
//! crashes the decoder affects nothing else. The process sees one image and nothing of the server.

use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use futures_util::TryStreamExt;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::thumbnail;
use crate::base::fault::Fault;
use crate::blobs::Content;

/// The hidden command by which the server calls itself.
pub const COMMAND: &str = "thumbnail";
/// The largest image takes a sixth of it.
const MEMORY_MAX_BYTES: u64 = 1 << 30;
/// The worst image takes a tenth of it.
const CPU_MAX_SECONDS: u64 = 30;

#[derive(Clone)]
pub enum Decoder {
    /// The decoder is a process of this program.
    Child(PathBuf),
    /// The server is not a program of its own, as in tests.
    Here,
}

pub enum Failed {
    /// The image could not be read, or the decoder could not be started.
    NotTried(Fault),
    Decoder(Fault),
}

impl Decoder {
    /// The thumbnail; `None` for a file that is not an image, is broken or is too large.
    pub async fn thumbnail(&self, mut content: Content) -> Result<Option<Vec<u8>>, Failed> {
        match self {
            Self::Child(program) => {
                let program = program.clone();
                let child = blocking(move || Ok(start(&program))).await?;
                let not_tried = |error| Failed::NotTried(Fault::caused("the decoder", error));
                decode_in(child.map_err(not_tried)?, content).await
            }
            Self::Here => {
                let mut whole = Vec::new();
                while let Some(piece) = content.try_next().await.map_err(Failed::NotTried)? {
                    whole.extend_from_slice(&piece);
                }
                blocking(move || Ok(thumbnail::make(&whole))).await
            }
        }
    }
}

fn start(program: &PathBuf) -> io::Result<Child> {
    Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

async fn decode_in(mut child: Child, mut content: Content) -> Result<Option<Vec<u8>>, Failed> {
    let mut typed = child.stdin.take();
    let mut read = Ok(());
    while let Some(mut into) = typed.take() {
        let piece: Bytes = match content.try_next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(fault) => {
                read = Err(Failed::NotTried(fault));
                break;
            }
        };
        typed = blocking(move || match into.write_all(&piece) {
            Ok(()) => Ok(Some(into)),
            // The process has ended, and its status says why.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
            Err(error) => Err(error),
        })
        .await?;
    }
    // Always waited for, so that no zombie process is left.
    let ended = blocking(move || child.wait_with_output()).await?;
    read?;
    if !ended.status.success() {
        let why = format!("it ended with {}", ended.status);
        let fault = Fault::caused("the decoder", why);
        // The loader's codes: the program did not run, so the image is not the cause.
        return Err(match ended.status.code() {
            Some(126 | 127) => Failed::NotTried(fault),
            _ => Failed::Decoder(fault),
        });
    }
    Ok(Some(ended.stdout).filter(|image| !image.is_empty()))
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failed> {
    let ran = tokio::task::spawn_blocking(run).await;
    let failed = |error| Failed::Decoder(Fault::caused("the decoder", error));
    ran.map_err(|panic| failed(panic.into()))?.map_err(failed)
}

/// The work of the process: reads an image from stdin, and writes its thumbnail to stdout.
pub fn run() -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::caused("the decoder", error);
    for (what, most) in [
        (Resource::As, MEMORY_MAX_BYTES),
        (Resource::Cpu, CPU_MAX_SECONDS),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(what, limit).map_err(|error| failed(error.into()))?;
    }
    let mut content = Vec::new();
    let most = u64::try_from(thumbnail::FILE_MAX_BYTES).unwrap_or_default();
    let mut typed = io::stdin().lock().take(most);
    typed.read_to_end(&mut content).map_err(failed)?;
    if let Some(image) = thumbnail::make(&content) {
        io::stdout().write_all(&image).map_err(failed)?;
    }
    io::stdout().flush().map_err(failed)
}
