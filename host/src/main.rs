//! The Majlis host.
fn main() {}
