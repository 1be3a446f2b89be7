//! Settings of files.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::reader::Reader;
use super::within;

/// 1 MB is 1,000,000 bytes.
pub const MB: i64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct FilesConfig {
    pub store: StoreConfig,
    /// Maximum of one file, in bytes.
    pub max_bytes: i64,
    /// Maximum of an account's files together, unless it has a quota of its own.
    pub quota_bytes: i64,
    pub quota_files: i64,
    /// Free space on the disk of a folder below which uploads are refused.
    pub keep_free_bytes: i64,
    /// The allowed types: `image/png`, `image/*`. Empty: all types.
    pub types: Vec<String>,
    pub scanner: Option<ScannerConfig>,
    /// Our own program, which decodes images in a separate process. Not a setting.
    pub program: Option<PathBuf>,
}

/// Where files are stored.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    Folder(PathBuf),
    S3(S3Config),
}

#[derive(Clone, Debug)]
pub struct S3Config {
    pub bucket: String,
    /// `None`: Amazon's endpoint.
    pub endpoint: Option<String>,
    pub region: String,
    pub credentials: S3Credentials,
    /// Time without progress of a request or its response.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub enum S3Credentials {
    Key {
        id: String,
        secret: SecretString,
    },
    /// A file that another program renews.
    File(PathBuf),
}

/// The address of a virus scanner that speaks clamd's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerConfig {
    /// Host and port.
    Tcp(String),
    Unix(PathBuf),
}

impl ScannerConfig {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("tcp", address) => {
                let (host, port) = address.rsplit_once(':')?;
                let good = !host.is_empty() && port.parse::<u16>().is_ok();
                good.then(|| Self::Tcp(address.to_owned()))
            }
            ("unix", path) => (!path.is_empty()).then(|| Self::Unix(path.into())),
            _ => None,
        }
    }
}

pub fn take(r: &mut Reader) -> FilesConfig {
    let megabytes = |text: &str| within(1, 1_000_000_000)(text).map(|mb: i64| mb * MB);
    FilesConfig {
        store: store(r),
        max_bytes: r.take("files.max_mb", "1000", "1 to 1000000000", megabytes),
        quota_bytes: r.take("files.quota_mb", "5000", "1 to 1000000000", megabytes),
        quota_files: r.take(
            "files.quota_files",
            "10000",
            "1 to 1000000000",
            within(1, 1_000_000_000),
        ),
        keep_free_bytes: r.take("files.keep_free_mb", "500", "0 to 1000000000", |text| {
            within(0, 1_000_000_000)(text).map(|mb: i64| mb * MB)
        }),
        types: r.take(
            "files.types",
            "",
            "media types like image/png or image/*, with commas between them",
            |text| {
                let types = text.split(',').map(str::trim);
                let types = types.filter(|kind| !kind.is_empty());
                types.map(media_type).collect()
            },
        ),
        scanner: r.take("files.scanner", "", "tcp:HOST:PORT or unix:PATH", |text| {
            if text.is_empty() {
                Some(None)
            } else {
                ScannerConfig::parse(text).map(Some)
            }
        }),
        program: None,
    }
}

fn media_type(text: &str) -> Option<String> {
    let (kind, subtype) = text.split_once('/')?;
    let plain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".+-".contains(&b);
        !part.is_empty() && part.bytes().all(allowed)
    };
    (plain(kind) && (subtype == "*" || plain(subtype))).then(|| text.to_ascii_lowercase())
}

/// A folder without a path is `files` in `data_dir`.
fn store(r: &mut Reader) -> StoreConfig {
    let expected = "folder:PATH or s3:BUCKET";
    let store = r.take("files.store", "folder:", expected, |text| {
        let (kind, place) = text.split_once(':')?;
        match kind {
            "folder" => Some((PathBuf::from(place), None)),
            "s3" => (!place.is_empty()).then(|| (PathBuf::new(), Some(place.to_owned()))),
            _ => None,
        }
    });
    let expected = "http:// or https:// and a host";
    let endpoint = r.take("files.s3_endpoint", "", expected, |text| {
        let url = Url::parse(text);
        let good = url.is_ok_and(|url| url.has_host() && url.scheme().starts_with("http"));
        let good = good || text.is_empty();
        good.then(|| (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned()))
    });
    let region = r.take("files.s3_region", "us-east-1", "a region", |text| {
        (!text.is_empty()).then(|| text.to_owned())
    });
    // It is sent in a header.
    let key_id = r.take("files.s3_key_id", "", "the ID of an access key", |text| {
        let good = text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| text.to_owned())
    });
    let secret_key = r.take_secret(
        "files.s3_secret_key",
        "(for S3 only)",
        "the secret of the access key",
        |text| (!text.is_empty()).then(|| SecretString::from(text)),
    );
    let file = r.take("files.s3_credentials", "", "a path", |text| {
        Some((!text.is_empty()).then(|| PathBuf::from(text)))
    });
    let timeout = r.take("files.s3_idle_seconds", "10", "1 to 600", |text| {
        within(1, 600)(text).map(Duration::from_secs)
    });
    let (folder, Some(bucket)) = store else {
        return StoreConfig::Folder(store.0);
    };
    let credentials = match (key_id.is_empty(), secret_key, file) {
        (true, None, Some(file)) => S3Credentials::File(file),
        (false, Some(secret), None) => S3Credentials::Key { id: key_id, secret },
        _ => {
            r.problem("files.s3_key_id and files.s3_secret_key, or files.s3_credentials alone, must be set, because files.store is s3:".to_owned());
            return StoreConfig::Folder(folder);
        }
    };
    StoreConfig::S3(S3Config {
        bucket,
        endpoint,
        region,
        credentials,
        timeout,
    })
}
