//! A worker on paused time. The wire is in memory, since time that a test turns does not wait for a network; what the official
//! server does stands in `tests/`.

mod jobs;
mod peer;
mod sockets;
mod timing;
