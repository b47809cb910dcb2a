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
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::getpeername;
use rustix::net::sockopt::{set_tcp_nodelay, tcp_nodelay};

const OPEN_FILES: &str = "/proc/self/fd";
/// Between two looks lies a quarter of the time since the newest of those who join began, and this at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// And so many times what a look takes: in a process with many rooms there are thousands of files, and the thread that looks has
/// the library's events to read.
const SHARE: u32 = 20;

/// Who is waited for.
#[derive(Default)]
pub(crate) struct Prompt {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: Vec<Wanted>,
    /// Of the next one who waits.
    number: u64,
    /// When the next look is due, and before when there is none whoever comes.
    due: Option<Instant>,
    not_before: Option<Instant>,
}

/// A socket that is about to be opened, to a port.
struct Wanted {
    number: u64,
    port: u16,
    /// Sockets that were there before: they are somebody else's.
    before: BTreeSet<u64>,
    begun: Instant,
}

/// As long as this is held, the socket is looked for.
pub(crate) struct Waiting<'a> {
    prompt: &'a Prompt,
    number: u64,
}

impl Prompt {
    /// Sockets to the server of this address that are opened from now on do not wait; looks are due from now on.
    pub(crate) fn expect(&self, url: &str) -> Option<Waiting<'_>> {
        let (port, begun) = (port(url)?, Instant::now());
        let before = sockets().map(|(_, inode)| inode).collect();
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        state.wanted.push(Wanted { number, port, before, begun });
        state.due = state.not_before;
        Some(Waiting { prompt: self, number })
    }

    /// Looks, where it is time to: once for all who wait. Answers in how long the next look is due; nothing where nobody is waited for.
    pub(crate) fn look(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        let newest = state.wanted.iter().map(|wanted| wanted.begun).max()?;
        let now = Instant::now();
        if state.due.is_none_or(|due| due <= now) {
            for (number, inode) in sockets() {
                let is_new = |wanted: &&Wanted| !wanted.before.contains(&inode);
                hurry(number, |port| state.wanted.iter().filter(is_new).any(|wanted| wanted.port == port));
            }
            let (pause, took) = ((newest.elapsed() / 4).clamp(PAUSE.0, PAUSE.1), now.elapsed());
            let now = Instant::now();
            state.not_before = Some(now + took * SHARE);
            state.due = Some(now + pause.max(took * SHARE));
        }
        state.due.map(|due| due.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.prompt.state.lock().wanted.retain(|wanted| wanted.number != self.number);
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

/// A socket that is connected to a port that is meant waits no more. Others are left as they are.
fn hurry(number: RawFd, is_meant: impl Fn(u16) -> bool) {
    // SAFETY: the invariant of this island.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let peer = getpeername(socket).ok().and_then(|peer| std::net::SocketAddr::try_from(peer?).ok());
    if peer.is_some_and(|peer| is_meant(peer.port())) && tcp_nodelay(socket).is_ok_and(|prompt| !prompt) {
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

    /// Whoever looks has events to read.
    #[test]
    fn looking_takes_a_small_part_of_the_time_however_many_join_at_once() {
        let (_server, port) = listener();
        let prompt = Prompt::default();
        let _waiting: Vec<_> = (0..50).map(|_| prompt.expect(&format!("ws://127.0.0.1:{port}")).unwrap()).collect();
        let begun = Instant::now();
        let next = prompt.look().unwrap();
        let took = begun.elapsed();
        assert!(next + took >= took * SHARE / 2, "{next:?} after {took:?}");
        assert!(prompt.look().unwrap() <= next, "it is not looked again before that");
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
