//! From a frame to faces with embeddings: detector, alignment and recogniser in one.

use std::path::PathBuf;

use crate::arcface::ArcFace;
use crate::backend::Backend;
use crate::detector::{self, Detector, Found};
use crate::error::{Error, Result};
use crate::face::{Detection, Embedding, Face, KeyPoints};
use crate::gallery::ModelId;
use crate::image::Rgb8;
use crate::pack::Card;
use crate::stage::Kind;

/// What one may choose about the analysis of frames.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Options {
    /// About finding faces.
    pub detector: detector::Settings,
    /// Faces with a smaller side below this many px get no embedding: they would not be named, and embedding costs
    /// a third of a frame's time for each. 0: all faces.
    pub minimum_side: f32,
}

/// A detector and a recogniser that belong to one pack.
pub struct Analyser {
    detector: Detector,
    recogniser: ArcFace,
    minimum_side: f32,
}

impl Analyser {
    /// Loads the pack that `card` describes from the first of `folders` that has each file.
    ///
    /// # Errors
    /// When a file is missing, is not what the card says, is refused by the runtime, or does not fit its role. A detector
    /// without key points is refused here: it cannot serve recognition.
    pub fn open(
        backend: &dyn Backend,
        card: &Card,
        kind: &Kind,
        folders: &[PathBuf],
        options: Options,
    ) -> Result<Self> {
        // Both are looked for before one is loaded: what is missing is known at once.
        let detector = card.detector(kind.form, folders)?;
        let recogniser = card.recogniser(folders)?;
        let model = Detector::new(backend.load(&detector)?, kind.recognise, options.detector)?;
        if !model.gives_key_points() {
            return Err(Error::ModelShape {
                model: detector.name().into(),
                expected: "a detector with key points, by which faces are turned upright".into(),
                found: "one without".into(),
            });
        }
        let recogniser = ArcFace::new(backend.load(&recogniser)?, recogniser.sha256())?;
        Ok(Self::new(model, recogniser, options.minimum_side))
    }

    /// Joins a detector and a recogniser.
    #[must_use]
    pub fn new(detector: Detector, recogniser: ArcFace, minimum_side: f32) -> Self {
        Self { detector, recogniser, minimum_side }
    }

    /// The model whose embeddings the faces bear.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        self.recogniser.identity()
    }

    /// The faces in a frame, in the order of [`Detector::search`]. One that cannot be turned upright or gives no embedding is
    /// there all the same, without one: somebody has come.
    ///
    /// # Errors
    /// As [`Detector::search`] and [`ArcFace::embed`], for what concerns the frame or the models and not a single face.
    pub fn analyse(&mut self, image: &Rgb8<'_>) -> Result<Vec<Face>> {
        let faces = self.detector.detect(image)?;
        self.embed(image, faces)
    }

    /// What was found in `image`, with an embedding where it is large enough and can be had.
    ///
    /// # Errors
    /// As [`ArcFace::embed_all`].
    pub fn embed(&mut self, image: &Rgb8<'_>, found: Vec<Detection>) -> Result<Vec<Face>> {
        let wanted: Vec<bool> = found.iter().map(|face| face.smaller_side() >= self.minimum_side).collect();
        self.embed_some(image, found, &wanted)
    }

    /// The faces in a frame and what might be one, without embeddings.
    ///
    /// # Errors
    /// As [`Detector::search`].
    pub fn search(&mut self, image: &Rgb8<'_>) -> Result<Found> {
        self.detector.search(image)
    }

    /// The faces in a frame, without embeddings.
    ///
    /// # Errors
    /// As [`Detector::search`].
    pub fn detect(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        self.detector.detect(image)
    }

    /// What was found in `image`, with an embedding where it is wanted and can be had.
    ///
    /// # Errors
    /// As [`ArcFace::embed_all`].
    pub fn embed_some(&mut self, image: &Rgb8<'_>, found: Vec<Detection>, wanted: &[bool]) -> Result<Vec<Face>> {
        let points = |(face, wanted): (&Detection, &bool)| face.key_points.filter(|_| *wanted);
        let points: Vec<Option<KeyPoints>> = found.iter().zip(wanted).map(points).collect();
        let known: Vec<KeyPoints> = points.iter().flatten().copied().collect();
        let mut embeddings = self.recogniser.embed_all(image, &known)?.into_iter();
        let embedding = points.into_iter().map(|points| points.and_then(|_| embeddings.next().flatten()));
        let embedding: Vec<Option<Embedding>> = embedding.collect();
        Ok(found.into_iter().zip(embedding).map(|(detection, embedding)| Face { detection, embedding }).collect())
    }

    /// Every face in a picture, however few a frame is asked for: whose photograph it is must not depend on that.
    ///
    /// # Errors
    /// As [`Detector::search`].
    pub fn detect_all(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        self.detector.detect_all(image)
    }

    /// The embedding of a face of any size. None when it cannot be turned upright, or has no direction.
    ///
    /// # Errors
    /// As [`ArcFace::embed`], for what concerns the models and not the face.
    pub fn embedding(&mut self, image: &Rgb8<'_>, detection: &Detection) -> Result<Option<Embedding>> {
        let Some(key_points) = &detection.key_points else { return Ok(None) };
        match self.recogniser.embed(image, key_points) {
            Ok(embedding) => Ok(Some(embedding)),
            Err(Error::Alignment(_) | Error::EmptyEmbedding { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The side below which a face gets no embedding, px.
    #[must_use]
    pub fn minimum_side(&self) -> f32 {
        self.minimum_side
    }

    /// The recogniser.
    #[must_use]
    pub fn recogniser(&self) -> &ArcFace {
        &self.recogniser
    }
}
