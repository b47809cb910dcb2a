//! The socket over which the library talks to a server: what it says there from its joining on goes out at once.
//!
//! The library opens that socket as the system does by itself: a small message waits until the one before is acknowledged, which the
//! other end puts off for 40 ms, and there is nothing by which it could be asked for another one. Joining a room is a handful of
//! small messages, and so is receiving a track. So as long as a room is being joined, the process's new sockets to that
//! server's port are looked for, and told not to wait (`TCP_NODELAY`). Where there is no `/proc`, it stays as it was; so does the socket by which the library gets a
//! lost connection back.
//!
//! Unsafe island. The invariant: the number of an open file is borrowed for three calls that ask for and set an option of a
//! socket, and never to read, write or close it. Whoever owns it may close it meanwhile, and the number may be another's
//! then: that is an error, or a socket that waits no more either, and nothing else.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{read_dir, read_link};
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::getpeername;
use rustix::net::sockopt::{set_tcp_nodelay, tcp_nodelay};

const OPEN_FILES: &str = "/proc/self/fd";
/// Between two looks lies a quarter of the time since the first, and this at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// Who is waited for.
#[derive(Default)]
pub(crate) struct Prompt {
    wanted: Mutex<Vec<Arc<Wanted>>>,
}

/// A socket that is about to be opened, to a port.
struct Wanted {
    port: u16,
    /// Sockets that were there before: they are somebody else's.
    before: BTreeSet<u64>,
    begun: Instant,
    due: Mutex<Instant>,
}

/// As long as this is held, the socket is looked for.
pub(crate) struct Waiting<'a> {
    prompt: &'a Prompt,
    wanted: Arc<Wanted>,
}

impl Prompt {
    /// Sockets to the server of this address that are opened from now on do not wait; looks are due from now on.
    pub(crate) fn expect(&self, url: &str) -> Option<Waiting<'_>> {
        let (port, now) = (port(url)?, Instant::now());
        let before = sockets().map(|(_, inode)| inode).collect();
        let wanted = Arc::new(Wanted { port, before, begun: now, due: Mutex::new(now) });
        self.wanted.lock().push(Arc::clone(&wanted));
        Some(Waiting { prompt: self, wanted })
    }

    /// Looks, where it is time to. Answers in how long the next look is due; nothing where nobody is waited for.
    pub(crate) fn look(&self) -> Option<Duration> {
        let wanted = self.wanted.lock().clone();
        wanted.iter().map(|wanted| wanted.look()).min()
    }
}

impl Wanted {
    fn look(&self) -> Duration {
        let (mut due, now) = (self.due.lock(), Instant::now());
        if *due <= now {
            for (number, _) in sockets().filter(|(_, inode)| !self.before.contains(inode)) {
                hurry(number, self.port);
            }
            *due = Instant::now() + (self.begun.elapsed() / 4).clamp(PAUSE.0, PAUSE.1);
        }
        due.saturating_duration_since(Instant::now())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.prompt.wanted.lock().retain(|wanted| !Arc::ptr_eq(wanted, &self.wanted));
    }
}

/// Open sockets: the number of each, and what it is called by the system, which is never another's.
fn sockets() -> impl Iterator<Item = (RawFd, u64)> {
    let open = read_dir(OPEN_FILES).into_iter().flatten().flatten();
    open.filter_map(|file| Some((file.file_name().to_str()?.parse().ok()?, inode(&file.path())?)))
}

fn inode(file: &Path) -> Option<u64> {
    let target = read_link(file).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A socket that is connected to this port waits no more. Others are left as they are.
fn hurry(number: RawFd, port: u16) {
    // SAFETY: the invariant of this island.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let peer = getpeername(socket).ok().and_then(|peer| std::net::SocketAddr::try_from(peer?).ok());
    if peer.is_some_and(|peer| peer.port() == port) && tcp_nodelay(socket).is_ok_and(|prompt| !prompt) {
        // Where that is not possible, it waits as it did.
        let _ = set_tcp_nodelay(socket, true);
    }
}

/// The port of an address.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    // An address in brackets has colons of its own.
    match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((_, port)) => port.parse().ok(),
        None if matches!(scheme, "wss" | "https") => Some(443),
        None => Some(80),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_new_socket_to_the_servers_port_waits_no_more_and_no_other_is_touched() {
        let ((_server, port), (_another, other)) = (listener(), listener());
        let connect = |port| TcpStream::connect(("127.0.0.1", port)).unwrap();
        let before = connect(port);
        let prompt = Prompt::default();
        assert_eq!(prompt.look(), None);
        let waiting = prompt.expect(&format!("ws://127.0.0.1:{port}")).unwrap();
        let (new, elsewhere) = (connect(port), connect(other));
        assert!(prompt.look().is_some_and(|next| next >= PAUSE.0 / 2));
        assert!(new.nodelay().unwrap());
        assert!(!before.nodelay().unwrap() && !elsewhere.nodelay().unwrap());
        drop(waiting);
        assert_eq!(prompt.look(), None, "nobody is waited for any more");
    }

    #[test]
    fn the_port_of_an_address_is_the_one_that_is_written_or_the_schemes() {
        for (url, wanted) in [
            ("ws://h:7880", Some(7880)),
            ("http://h:7880/path?a=b:1", Some(7880)),
            ("wss://h", Some(443)),
            ("https://h/a:b", Some(443)),
            ("ws://h/", Some(80)),
            ("ws://[::1]:7880", Some(7880)),
            ("wss://[::1]", Some(443)),
            ("h:7880", None),
            ("ws://h:port", None),
        ] {
            assert_eq!(port(url), wanted, "{url}");
        }
    }
}
