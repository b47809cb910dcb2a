//! What the library asks of a recogniser.

use majlis_plugin_api::Result;

use crate::crop::Crop;
use crate::face::{Detection, Embedding};
use crate::template::{ModelId, Template};

/// A picture: 8 bits a channel, R, G, B, rows from top to bottom without a gap.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// `3 * width * height` bytes.
    pub rgb: &'a [u8],
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
}

/// Finds faces and turns them into embeddings. Errors are of the models and the picture, never of a single face.
pub trait Recogniser {
    /// The model whose embeddings it makes.
    fn model(&self) -> &ModelId;

    /// Every face in a picture, however few a frame is asked for: whose photograph it is must not depend on that.
    ///
    /// # Errors
    /// The picture cannot be searched.
    fn detect(&mut self, picture: &Picture<'_>) -> Result<Vec<Detection>>;

    /// The embedding of a face, whatever its size. None when it cannot be turned upright or has no direction.
    ///
    /// # Errors
    /// The model failed.
    fn embed(&mut self, picture: &Picture<'_>, face: &Detection) -> Result<Option<Embedding>>;

    /// The face turned upright, as the model sees it. None when it cannot be.
    ///
    /// # Errors
    /// The picture cannot be read.
    fn align(&mut self, picture: &Picture<'_>, face: &Detection) -> Result<Option<Crop>>;

    /// The embedding of a face that was turned upright before, perhaps by another recogniser. None when it is of a size
    /// that this one does not take, or has no direction.
    ///
    /// # Errors
    /// The model failed.
    fn embed_crop(&mut self, crop: &Crop) -> Result<Option<Embedding>>;

    /// Vectors of the same face by other models, for which people are enrolled beside this one's: so that the recogniser can
    /// be swapped without enrolling anybody again. One for each of them that can make one of this crop.
    ///
    /// # Errors
    /// A model failed.
    fn also(&mut self, _crop: &Crop) -> Result<Vec<Template>> {
        Ok(Vec::new())
    }

    /// The other models of [`Recogniser::also`], each with the name of its pack.
    ///
    /// # Errors
    /// A model could not be opened.
    fn others(&mut self) -> Result<Vec<(String, ModelId)>> {
        Ok(Vec::new())
    }
}
