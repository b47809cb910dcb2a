//! plugin replay
