//! Streams of bytes and of text that others send.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::proto::{
    ByteStreamReaderReadIncrementalRequest, FfiRequestMessage as Request, OwnedByteStreamReader, OwnedTextStreamReader,
    StreamError, TextStreamReaderReadIncrementalRequest,
};
use crate::routes::Routes;

/// How many bytes of a stream may wait to be read. Whoever sends more faster than it is read loses the stream.
const WAITING: usize = 16 << 20;

/// What a stream was announced with.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// The stream's id.
    pub id: String,
    /// Who sends it, as the server says it.
    pub identity: String,
    /// Under which heading.
    pub topic: String,
    /// A name, such as a file's; empty for text.
    pub name: String,
    /// Free texts by name.
    pub attributes: HashMap<String, String>,
    /// How long it will be in bytes, where the sender said so.
    pub total_length: Option<u64>,
}

/// No attribute: they may hold what was said.
impl std::fmt::Debug for StreamInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamInfo")
            .field("id", &self.id)
            .field("identity", &self.identity)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// A piece of a stream.
pub(crate) trait Piece: Send + Sized + 'static {
    fn length(&self) -> usize;
    fn table(routes: &mut Routes) -> &mut HashMap<u64, Unread<Self>>;
    fn request(reader: u64) -> Request;
}

impl Piece for Vec<u8> {
    fn length(&self) -> usize {
        self.len()
    }
    fn table(routes: &mut Routes) -> &mut HashMap<u64, Unread<Self>> {
        &mut routes.bytes
    }
    fn request(reader_handle: u64) -> Request {
        Request::ByteReadIncremental(ByteStreamReaderReadIncrementalRequest { reader_handle })
    }
}

impl Piece for String {
    fn length(&self) -> usize {
        self.len()
    }
    fn table(routes: &mut Routes) -> &mut HashMap<u64, Unread<Self>> {
        &mut routes.texts
    }
    fn request(reader_handle: u64) -> Request {
        Request::TextReadIncremental(TextStreamReaderReadIncrementalRequest { reader_handle })
    }
}

/// Where the pieces of a stream wait.
pub(crate) struct Unread<T> {
    sender: UnboundedSender<Result<T>>,
    waiting: Arc<AtomicUsize>,
}

impl<T> Clone for Unread<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waiting: self.waiting.clone() }
    }
}

impl<T: Piece> Unread<T> {
    /// Whether more is wanted.
    pub(crate) fn push(&self, piece: T) -> bool {
        let waiting = self.waiting.fetch_add(piece.length(), Ordering::Relaxed) + piece.length();
        if waiting > WAITING {
            let _ = self.sender.send(Err(Error::Overrun { waiting }));
            return false;
        }
        self.sender.send(Ok(piece)).is_ok()
    }

    pub(crate) fn finish(self, error: Option<StreamError>) {
        if let Some(error) = error {
            let _ = self.sender.send(Err(Error::failed("read_incremental", error.description)));
        }
    }
}

/// The pieces of a stream that is being read.
pub struct Pieces<T> {
    receiver: UnboundedReceiver<Result<T>>,
    waiting: Arc<AtomicUsize>,
    /// Takes the stream out of the table.
    reader: Option<Reading>,
}

struct Reading {
    core: Arc<Core>,
    id: u64,
    remove: fn(&Core, u64),
}

impl Drop for Reading {
    fn drop(&mut self) {
        (self.remove)(&self.core, self.id);
    }
}

#[allow(private_bounds)]
impl<T: Piece> Pieces<T> {
    fn read(handle: Handle) -> Result<Self> {
        let (sender, receiver) = unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        let (core, id) = (handle.core().clone(), handle.id());
        let mut routes = core.routes.lock();
        core.call("read_incremental", T::request(id))?;
        T::table(&mut routes).insert(id, Unread { sender, waiting: waiting.clone() });
        drop(routes);
        let remove: fn(&Core, u64) = |core, id| {
            let unread = T::table(&mut core.routes.lock()).remove(&id);
            drop(unread);
        };
        Ok(Self { receiver, waiting, reader: Some(Reading { core, id, remove }) })
    }

    /// The next piece; none when the sender has closed the stream.
    ///
    /// # Errors
    /// [`Error::Failed`]: the stream broke off, by the sender's will or because it left. [`Error::Overrun`].
    pub async fn next(&mut self) -> Result<Option<T>> {
        let piece = self.receiver.recv().await;
        match piece {
            Some(Ok(piece)) => {
                self.waiting.fetch_sub(piece.length(), Ordering::Relaxed);
                Ok(Some(piece))
            }
            Some(Err(error)) => Err(error),
            None => {
                if let Some(reader) = self.reader.take() {
                    reader.core.ended()?;
                }
                Ok(None)
            }
        }
    }
}

macro_rules! reader {
    ($(#[$doc:meta])* $name:ident, $owned:ident, $piece:ty, $title:expr) => {
        $(#[$doc])*
        pub struct $name {
            handle: Handle,
            info: StreamInfo,
        }

        impl $name {
            pub(crate) fn read(core: &Arc<Core>, owned: $owned, identity: String) -> Self {
                let name = ($title)(&owned.info);
                let info = StreamInfo {
                    id: owned.info.stream_id,
                    identity,
                    topic: owned.info.topic,
                    name,
                    attributes: owned.info.attributes,
                    total_length: owned.info.total_length,
                };
                Self { handle: core.own(&owned.handle), info }
            }

            /// What it was announced with.
            #[must_use]
            pub fn info(&self) -> &StreamInfo {
                &self.info
            }

            /// Begins to read.
            ///
            /// # Errors
            /// [`Error::Refused`], [`Error::Ended`].
            pub fn pieces(self) -> Result<Pieces<$piece>> {
                Pieces::read(self.handle)
            }

            /// Reads all of it.
            ///
            /// # Errors
            /// Those of [`Pieces::next`].
            pub async fn whole(self) -> Result<$piece> {
                let mut pieces = self.pieces()?;
                let mut whole = <$piece>::new();
                while let Some(piece) = pieces.next().await? {
                    whole.extend(<$piece>::from(piece).drain(..));
                }
                Ok(whole)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.info).finish()
            }
        }
    };
}

reader!(
    /// A stream of bytes that somebody sends. Dropping it unread refuses it.
    ByteReader, OwnedByteStreamReader, Vec<u8>, |info: &crate::proto::ByteStreamInfo| info.name.clone()
);
reader!(
    /// A stream of text that somebody sends. Dropping it unread refuses it.
    TextReader, OwnedTextStreamReader, String, |_: &crate::proto::TextStreamInfo| String::new()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_sent_faster_than_it_is_read_is_given_up_at_16_mib() {
        let (sender, mut receiver) = unbounded_channel();
        let unread = Unread { sender, waiting: Arc::default() };
        for _ in 0..16 {
            assert!(unread.push(vec![0_u8; 1 << 20]));
        }
        assert!(!unread.push(vec![0_u8; 1]), "no more is wanted");
        let pieces: Vec<_> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        assert_eq!(pieces.len(), 17);
        assert!(matches!(pieces.last(), Some(Err(Error::Overrun { .. }))));
    }
}
