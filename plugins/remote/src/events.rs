use std::collections::VecDeque;

use crate::failure::Failure;
use crate::reply::Reply;
use crate::sse::{Parser, ServerEvent, TooLong};

/// The server-sent events of an answer. Dropped, its connection or stream is closed.
pub struct Events {
    reply: Reply,
    parser: Parser,
    ready: VecDeque<ServerEvent>,
    ended: bool,
}

impl Events {
    pub(crate) fn new(reply: Reply, most: usize) -> Self {
        Self { reply, parser: Parser::new(most), ready: VecDeque::new(), ended: false }
    }

    /// The next event, or nothing at the end of the stream.
    ///
    /// # Errors
    /// As [`Reply::chunk`].
    pub async fn next(&mut self) -> Result<Option<ServerEvent>, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            match self.reply.chunk().await? {
                Some(chunk) => self.parser.push(&chunk, &mut self.ready).map_err(|TooLong| {
                    Failure::last(format!("{} sends an event that does not end", self.reply.server()))
                })?,
                None => {
                    self.ended = true;
                    self.parser.finish(&mut self.ready);
                }
            }
        }
    }
}
