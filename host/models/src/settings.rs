//! What a pull is told by its caller: patience, room, and when to stop.

use std::io;
use std::path::Path;
use std::time::Duration;

/// Patience and room.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a connection may take to be there.
    pub connect: Duration,
    /// How long nothing may come over a connection.
    pub stall: Duration,
    /// How often it is tried in a row without getting on.
    pub tries: u32,
    /// The pause before the second try; it doubles from try to try.
    pub pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest_pause: Duration,
    /// Bytes that a folder has room for.
    pub room: fn(&Path) -> io::Result<u64>,
}

impl Default for Settings {
    /// For a network as it is at exhibitions: shared, slow, and gone now and then.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            tries: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            room,
        }
    }
}

/// What this user may still write.
fn room(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whoever looks on.
pub trait Watch {
    /// Bytes of `what` are coming; `at` of `total` are here already.
    fn begin(&mut self, what: &str, at: u64, total: Option<u64>);
    /// So many are here now; fewer than before when a server begins anew.
    fn advance(&mut self, at: u64);
    /// No more of them come.
    fn end(&mut self);
    /// Something that an operator should know.
    fn say(&mut self, text: &str);
    /// Whether to stop. Asked ten times a second, and once for every piece that comes.
    fn stopped(&self) -> bool;
}
