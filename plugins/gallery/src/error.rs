//! What can be wrong with an embedding, each with a stable code.

/// The result of everything in this crate that only computes.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an embedding cannot be used. [`Error::code`] is stable; the text is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Embeddings of different models say nothing about each other.
    #[error(
        "an embedding of model {found} cannot be compared with a gallery of model {expected}; enrol the person again with \
         the model that is now in use (gallery.foreign-embedding)"
    )]
    ForeignEmbedding {
        /// The gallery's model: first characters of its sha256, and its dimension.
        expected: String,
        /// The embedding's model, likewise.
        found: String,
    },

    /// A stored embedding is damaged, or what is offered as one is no direction.
    #[error("an embedding cannot be used: {0} (gallery.damaged-embedding)")]
    DamagedEmbedding(String),
}

impl Error {
    /// A stable name for this kind of failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForeignEmbedding { .. } => "gallery.foreign-embedding",
            Self::DamagedEmbedding(_) => "gallery.damaged-embedding",
        }
    }
}
