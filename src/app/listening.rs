//! The sockets to serve on.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::time::Duration;

use rustix::fs::FlockOperation;
#[cfg(target_os = "linux")]
use socket2::SockRef;

use crate::base::fault::Fault;
use crate::base::ids::KeyId;
use crate::config::{BaseUrl, Listen};

/// The owner and the group may connect: a proxy in front runs as another user.
const SOCKET_MODE: u32 = 0o660;

/// Sockets that already listen.
pub struct Listening {
    /// The first is the target of the base URL unless the settings have one.
    pub tcp: Vec<TcpListener>,
    pub unix: Option<UnixListener>,
    /// Removed on drop.
    pub file: Option<SocketFile>,
    /// The host name in the base URL.
    host: String,
}

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        let address = listener.local_addr().ok();
        Self {
            tcp: vec![listener],
            unix: None,
            file: None,
            host: address.map_or_else(String::new, |address| address.ip().to_string()),
        }
    }
}

impl Listening {
    /// Listens on every address of a name that this machine has, or on a Unix socket.
    pub fn start(listen: &Listen) -> Result<Self, Fault> {
        match listen {
            Listen::Tcp { host, port } => {
                let addresses = resolved(host, *port)?;
                Ok(Self {
                    tcp: bind_all(addresses).map_err(|(address, error)| {
                        let hint = hint(&error);
                        Fault::new(format!("cannot listen on {address}: {error}{hint}"))
                    })?,
                    unix: None,
                    file: None,
                    host: host.clone(),
                })
            }
            Listen::Unix(path) => {
                let (listener, file) = bind_unix(path)?;
                Ok(Self {
                    tcp: Vec::new(),
                    unix: Some(listener),
                    file: Some(file),
                    host: String::new(),
                })
            }
        }
    }

    /// The URL of this server unless the settings have one; `None` on a Unix socket.
    pub fn base_url(&self) -> Option<BaseUrl> {
        let address = self.tcp.first()?.local_addr().ok()?;
        Some(BaseUrl::of(&self.host, address.port()))
    }

    /// For the log.
    pub fn describe(&self) -> String {
        let addresses = self.tcp.iter().filter_map(|tcp| tcp.local_addr().ok());
        let mut described: Vec<_> = addresses.map(|address| address.to_string()).collect();
        let file = self.file.iter();
        described.extend(file.map(|file| format!("unix:{}", file.path.display())));
        described.join(" ")
    }
}

/// The addresses of a name, without duplicates.
pub fn resolved(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    let found = (host, port).to_socket_addrs();
    let found = found
        .map_err(|error| Fault::caused(format!("listen: the name {host} has no address"), error))?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Fault::new(format!(
            "listen: the name {host} has no address"
        )));
    }
    Ok(addresses)
}

/// An address that this machine does not have is left out, unless it is the only one: `localhost`
/// often has an IPv6 address where IPv6 is switched off.
fn bind_all(addresses: Vec<SocketAddr>) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut bound: Vec<TcpListener> = Vec::new();
    let mut missing = None;
    for mut address in addresses {
        // Port 0 means a free port, the same for all addresses.
        let first = bound.first().and_then(|first| first.local_addr().ok());
        if let Some(first) = first {
            address.set_port(first.port());
        }
        match TcpListener::bind(address) {
            Ok(listener) => bound.push(listener),
            Err(error) if is_missing(&error) => missing = Some((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    match missing {
        Some(missing) if bound.is_empty() => Err(missing),
        _ => Ok(bound),
    }
}

fn is_missing(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unsupported)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            ". Another program listens there: stop it, or choose another port with --listen"
        }
        ErrorKind::AddrNotAvailable => {
            ". This machine does not have this address; 0.0.0.0 stands for all that it has"
        }
        ErrorKind::PermissionDenied => {
            ". A port below 1024 needs the capability CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
}

/// The file of a Unix socket.
pub struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl SocketFile {
    fn is_there(&self) -> bool {
        id_of(&self.path).is_ok_and(|id| id == self.id)
    }

    pub fn remove(&self) {
        // Another server may have its own socket at this path by now.
        if self.is_there() {
            fs::remove_file(&self.path).ok();
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn bind_unix(path: &Path) -> Result<(UnixListener, SocketFile), Fault> {
    let failed = |error| {
        let what = format!("cannot listen on unix:{}", path.display());
        Fault::caused(what, error)
    };
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    let folder = File::open(above).map_err(|error| {
        let what = format!("cannot listen in the folder {}", above.display());
        Fault::caused(what, error)
    })?;
    // Servers that start at once take turns to check the path and to put their socket there. The
    // lock ends with the file.
    rustix::fs::flock(&folder, FlockOperation::LockExclusive)
        .map_err(|error| failed(error.into()))?;
    clear_stale(path)?;
    // Moved into place with its final mode, so that no client connects before.
    let draft = above.join(format!(".{}", &KeyId::new().to_string()[..8]));
    let bound = UnixListener::bind(&draft).and_then(|listener| {
        fs::set_permissions(&draft, fs::Permissions::from_mode(SOCKET_MODE))?;
        fs::rename(&draft, path)?;
        Ok((listener, id_of(path)?))
    });
    if bound.is_err() {
        fs::remove_file(&draft).ok();
    }
    let (listener, id) = bound.map_err(failed)?;
    let path = path.to_owned();
    Ok((listener, SocketFile { path, id }))
}

/// Removes the socket of a server that was killed; never a socket in use, nor any other file.
fn clear_stale(path: &Path) -> Result<(), Fault> {
    let refused = |why: &str| {
        Err(Fault::new(format!(
            "cannot listen on unix:{}: {why}. Nothing was changed",
            path.display()
        )))
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(found) if !found.file_type().is_socket() => {
            return refused("there is a file that is not a socket");
        }
        _ => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| Fault::caused(format!("remove the stale {}", path.display()), error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => refused(&format!("it cannot be told whether it is in use ({error})")),
        Ok(_) => refused("another program listens there. Stop it, or choose another path"),
    }
}

/// Limits what the kernel buffers for each client of this listener: connections inherit its
/// options.
#[cfg(target_os = "linux")]
pub fn limit_unsent(listener: &TcpListener) {
    /// Unsent bytes. More waits in the server, which measures the client's pace.
    const UNSENT_BYTES: u32 = 128 * 1024;
    /// For sent data to be acknowledged, also after the connection has been closed.
    const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);
    let socket = SockRef::from(listener);
    // Both only limit resources: a kernel without these options works as well.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES).ok();
    socket.set_tcp_user_timeout(Some(ACKNOWLEDGED_WITHIN)).ok();
}

#[cfg(not(target_os = "linux"))]
pub fn limit_unsent(_: &TcpListener) {}

/// Drops packets that would open a new connection, and keeps open connections: closing a socket
/// resets the connections in its queue. The client's kernel tries again a second later, and reaches
/// the next server or is refused.
#[cfg(target_os = "linux")]
pub fn drop_new_connections(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;

    const FLAGS_OF_TCP: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_AND_ACK: u32 = 0x12;
    // Classic BPF (linux/bpf_common.h): drops packets that open a connection, passes all others.
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(0x30, 0, 0, FLAGS_OF_TCP), // load a byte
        SockFilter::new(0x54, 0, 0, SYN_AND_ACK),  // and
        SockFilter::new(0x15, 0, 1, SYN),          // if it is not this, skip one
        SockFilter::new(0x06, 0, 0, 0),            // drop
        SockFilter::new(0x06, 0, 0, u32::MAX),     // pass
    ])
}

#[cfg(not(target_os = "linux"))]
pub fn drop_new_connections(_: &TcpListener) -> io::Result<()> {
    Ok(())
}
