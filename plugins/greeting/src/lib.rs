//! plugin greeting
