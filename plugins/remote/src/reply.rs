use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;

use crate::events::Events;
use crate::failure::Failure;
use crate::remote::broken;

/// A good answer whose head is here and whose body comes. Dropped, its connection or stream is closed.
pub struct Reply {
    response: Response,
    server: String,
    /// So many bytes may still come.
    left: usize,
    most: usize,
    stall: Duration,
}

impl Reply {
    pub(crate) fn new(response: Response, server: &str, most: usize, stall: Duration) -> Self {
        Self { response, server: server.to_owned(), left: most, most, stall }
    }

    /// What the body is, such as `text/event-stream`: in small letters, without parameters; empty where the server does not say.
    #[must_use]
    pub fn content_type(&self) -> String {
        let given = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// How the server is named in sentences for an operator: its address, without path.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The next piece of the body, or nothing at its end.
    ///
    /// # Errors
    /// It breaks off, pauses too long, or has more bytes than an answer may have.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        // A body that says that it is too long is not begun.
        if self.left == self.most && self.response.content_length().is_some_and(|length| length > self.most as u64) {
            return Err(self.too_long());
        }
        let chunk = match timeout(self.stall, self.response.chunk()).await {
            Err(_) => {
                let stall = self.stall;
                return Err(Failure::passing(format!(
                    "{} stopped in the middle of its answer for {stall:?}",
                    self.server
                )));
            }
            Ok(Err(error)) => return Err(broken(&self.server, &error, "broke off in the middle of its answer")),
            Ok(Ok(chunk)) => chunk,
        };
        let Some(chunk) = chunk else { return Ok(None) };
        self.left = self.left.checked_sub(chunk.len()).ok_or_else(|| self.too_long())?;
        Ok(Some(chunk))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`chunk`](Reply::chunk).
    pub async fn whole(mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The body as server-sent events.
    #[must_use]
    pub fn events(self) -> Events {
        let most = self.most;
        Events::new(self, most)
    }

    fn too_long(&self) -> Failure {
        let (server, most) = (&self.server, self.most);
        Failure::last(format!("{server} sends an answer of more than {most} bytes; look whether `base_url` is right"))
    }
}
