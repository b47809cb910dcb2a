//! An embedding as it is stored: with the model that it belongs to.

use std::fmt;

use crate::error::{Error, Result};
use crate::face::Embedding;

/// What embeddings can be compared within: the recogniser's file and the length of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelId {
    /// Of the model's file, lower-case hexadecimal.
    pub sha256: String,
    /// Values an embedding.
    pub dimension: usize,
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} dimensions)", self.sha256.get(..16).unwrap_or(&self.sha256), self.dimension)
    }
}

/// A direction in the space of one model.
#[derive(Clone, PartialEq)]
pub struct Template {
    model: ModelId,
    unit: Vec<f32>,
}

impl Template {
    const FORMAT: &[u8; 4] = b"MJE1";

    /// What is kept of an embedding that `model` made.
    ///
    /// # Errors
    /// [`Error::ForeignEmbedding`] when it has another dimension.
    pub fn new(model: &ModelId, embedding: &Embedding) -> Result<Self> {
        Self::of_unit(&model.sha256, embedding.unit.clone()).and_then(|made| {
            if made.model == *model {
                return Ok(made);
            }
            Err(Error::ForeignEmbedding { expected: model.to_string(), found: made.model.to_string() })
        })
    }

    /// What is kept of a vector of length 1 that the model with this sha256 made.
    ///
    /// # Errors
    /// [`Error::DamagedEmbedding`] when the sha256 is none, or the vector has another length than 1.
    pub fn of_unit(sha256: &str, unit: Vec<f32>) -> Result<Self> {
        let damaged = |why: &str| Err(Error::DamagedEmbedding(why.into()));
        if sha256.len() != 64 || !sha256.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return damaged("its model is not named by 64 lower-case hexadecimal digits");
        }
        let square: f32 = unit.iter().map(|value| value * value).sum();
        if square.is_nan() || (square - 1.0).abs() > 1e-3 {
            return damaged("its length is not 1");
        }
        Ok(Self { model: ModelId { sha256: sha256.into(), dimension: unit.len() }, unit })
    }

    /// The model that it belongs to.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// Its values; their squares add up to 1.
    #[must_use]
    pub fn unit(&self) -> &[f32] {
        &self.unit
    }

    /// As bytes: `MJE1`, the model's sha256 as 64 characters, the dimension as `u32`, the values as `f32`; little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(72 + 4 * self.unit.len());
        bytes.extend_from_slice(Self::FORMAT);
        bytes.extend_from_slice(self.model.sha256.as_bytes());
        bytes.extend_from_slice(&(self.unit.len() as u32).to_le_bytes());
        for value in &self.unit {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Back from [`Template::to_bytes`].
    ///
    /// # Errors
    /// [`Error::DamagedEmbedding`] when it is cut off, of another format, or not a direction.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |why: &str| Error::DamagedEmbedding(why.into());
        let (format, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| damaged("it is cut off"))?;
        if format != Self::FORMAT {
            return Err(damaged("it is of another format"));
        }
        let (sha256, rest) = rest.split_first_chunk::<64>().ok_or_else(|| damaged("it is cut off"))?;
        let (dimension, values) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("it is cut off"))?;
        let sha256 = std::str::from_utf8(sha256).map_err(|_| damaged("it names no model"))?;
        let (values, rest) = values.as_chunks::<4>();
        if values.len() != u32::from_le_bytes(*dimension) as usize || !rest.is_empty() {
            return Err(damaged("its length is not that of its dimension"));
        }
        Self::of_unit(sha256, values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }
}

// Not derived: an embedding identifies a person and must not get into a log by way of `{:?}`.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template(model {})", self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::of_unit(&"ab".repeat(32), vec![0.6, 0.0, -0.8]).unwrap()
    }

    #[test]
    fn a_stored_embedding_comes_back_as_it_was_or_not_at_all() {
        let bytes = template().to_bytes();
        assert_eq!(Template::from_bytes(&bytes).unwrap(), template());
        for cut in [0, 3, 40, 70, bytes.len() - 1] {
            assert_eq!(Template::from_bytes(&bytes[..cut]).unwrap_err().code(), "gallery.damaged-embedding");
        }
        let mut longer = bytes.clone();
        longer.truncate(bytes.len() - 4);
        longer.extend_from_slice(&f32::NAN.to_le_bytes());
        assert!(Template::from_bytes(&longer).is_err());
        let mut other = bytes;
        other[3] = b'2';
        assert!(Template::from_bytes(&other).unwrap_err().to_string().contains("format"));
    }

    #[test]
    fn a_vector_that_is_no_direction_or_of_no_model_is_refused() {
        assert!(Template::of_unit(&"ab".repeat(32), vec![0.6, 0.6]).is_err());
        assert!(Template::of_unit(&"ab".repeat(32), Vec::new()).is_err());
        assert!(Template::of_unit("AB", vec![1.0]).is_err());
        let model = ModelId { sha256: "ab".repeat(32), dimension: 3 };
        let short = Embedding::from_raw(&[1.0, 1.0]).unwrap();
        assert_eq!(Template::new(&model, &short).unwrap_err().code(), "gallery.foreign-embedding");
    }

    #[test]
    fn an_embedding_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", template()).contains("0.6"));
    }
}
