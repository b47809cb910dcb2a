//! The one SQLite of the process, offered to plugins
