//! plugin jsonl
