//! What the servers of this process have logged.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

static START: Once = Once::new();
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Collects every line from now on, at the most verbose level; also in a file of its own in
/// `DOORWARD_TEST_LOGS`, where `scripts/test` searches the logs of the whole suite.
pub fn start() {
    START.call_once(|| {
        if let Ok(folder) = std::env::var("DOORWARD_TEST_LOGS") {
            let file = File::create(format!("{folder}/{}.log", std::process::id())).unwrap();
            *FILE.lock().unwrap() = Some(file);
        }
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Both)
            .init();
    });
}

pub fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

struct Both;

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        if let Some(file) = &mut *FILE.lock().unwrap_or_else(PoisonError::into_inner) {
            file.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
