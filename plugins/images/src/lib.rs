//! plugin images
