//! plugin avatar-console
