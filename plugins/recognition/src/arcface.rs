//! ArcFace: who a face looks like, as a direction in a space whose dimension the model decides.

use crate::backend::{Model, Tensor};
use crate::detector::{image_input, words};
use crate::error::{Error, Result};
use crate::face::{Embedding, KeyPoints};
use crate::gallery::ModelId;
use crate::graph::Normalisation;
use crate::image::Rgb8;
use crate::warp::{Affine, similarity, warp};

/// Where eyes, nose and corners of the mouth belong in a picture of 112 x 112 px.
const TEMPLATE: [[f32; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// The recogniser: a graph, and the buffer that it needs for a face.
pub struct ArcFace {
    model: Box<dyn Model>,
    identity: ModelId,
    size: usize,
    template: [[f64; 2]; 5],
    normalisation: Normalisation,
    /// Faces that the graph takes at once.
    batch: usize,
    blob: Vec<f32>,
}

impl ArcFace {
    /// Takes a graph as a recogniser; `sha256` is that of its file, to which its embeddings are bound.
    ///
    /// # Errors
    /// [`Error::ModelShape`] when it is none. [`Error::Inference`] when its dimension could only be learnt by running it, and that failed.
    pub fn new(mut model: Box<dyn Model>, sha256: &str) -> Result<Self> {
        let misfit = |model: &dyn Model, expected: &str, found| Error::ModelShape {
            model: model.name().into(),
            expected: expected.into(),
            found,
        };
        let (width, height) = image_input(&*model)?;
        let size = width.or(height).unwrap_or(112);
        let template = template(size).filter(|_| height.is_none_or(|height| height == size));
        let Some(template) = template else {
            let found = words(&model.inputs()[0]);
            return Err(misfit(&*model, "a square input whose side is a multiple of 112 or of 128 px", found));
        };
        let blob = vec![0.0; 3 * size * size];
        let declared = match model.outputs() {
            // The first axis is the batch, which most graphs leave open. Where the rest is known nothing has to be run: an
            // R50 takes 117 ms for it, more than all else of its opening.
            [output] if output.float => match &output.shape[..] {
                [_, rest @ ..] if !rest.is_empty() => {
                    rest.iter().try_fold(1, |all: usize, extent| Some(all * (*extent)?))
                }
                _ => None,
            },
            [output] => {
                return Err(misfit(&*model, "an embedding of 32-bit floats", words(output)));
            }
            outputs => {
                return Err(misfit(&*model, "one output, the embedding", format!("{} outputs", outputs.len())));
            }
        };
        let dimension = match declared {
            Some(dimension) => dimension,
            None => run(&mut *model, 1, size, &blob, <[f32]>::len)?,
        };
        if dimension < 2 {
            return Err(misfit(&*model, "an embedding of at least 2 dimensions", format!("{dimension}")));
        }
        let normalisation = Normalisation::of(model.first_nodes());
        let identity = ModelId { sha256: sha256.into(), dimension };
        let batch = if model.inputs()[0].shape[0].is_none() { BATCH } else { 1 };
        Ok(Self { model, identity, size, template, normalisation, batch, blob })
    }

    /// The model whose embeddings these are.
    #[must_use]
    pub fn identity(&self) -> &ModelId {
        &self.identity
    }

    /// Width and height of an upright face, px.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where the key points of an upright face lie, px.
    #[must_use]
    pub fn upright(&self) -> KeyPoints {
        self.template.map(|point| point.map(|v| v as f32))
    }

    /// The upright face whose key points are given in px of the frame: R, G, B, row by row, of [`ArcFace::size`].
    ///
    /// # Errors
    /// [`Error::Alignment`] when the key points coincide.
    pub fn align(&self, image: &Rgb8<'_>, key_points: &KeyPoints) -> Result<Vec<u8>> {
        let transform = similarity(key_points, &self.template).ok_or(Error::Alignment("its key points coincide"))?;
        let mut rgb = Vec::with_capacity(3 * self.size * self.size);
        warp(image, &transform, self.size, |_, _, pixel| rgb.extend_from_slice(&pixel));
        Ok(rgb)
    }

    /// The embedding of the face whose key points are given in px of the frame.
    ///
    /// # Errors
    /// [`Error::Alignment`] when the key points coincide, [`Error::Inference`], [`Error::ModelShape`] when the graph answers
    /// otherwise than it declared, [`Error::EmptyEmbedding`].
    pub fn embed(&mut self, image: &Rgb8<'_>, key_points: &KeyPoints) -> Result<Embedding> {
        let transform = similarity(key_points, &self.template).ok_or(Error::Alignment("its key points coincide"))?;
        let raw = self.run(image, &[transform])?;
        Embedding::from_raw(&raw)
            .ok_or_else(|| Error::EmptyEmbedding { model: self.model.name().into(), norm: norm(&raw) })
    }

    /// The embeddings of several faces of a frame, as one batch where the graph takes one. None for a face whose key points
    /// coincide, or whose embedding has no direction.
    ///
    /// # Errors
    /// As [`ArcFace::embed`], for what concerns the model and not a single face.
    pub fn embed_all(&mut self, image: &Rgb8<'_>, faces: &[KeyPoints]) -> Result<Vec<Option<Embedding>>> {
        let transforms: Vec<Option<Affine>> = faces.iter().map(|points| similarity(points, &self.template)).collect();
        let upright: Vec<Affine> = transforms.iter().flatten().copied().collect();
        let mut embeddings = Vec::with_capacity(upright.len());
        for batch in upright.chunks(self.batch) {
            let raw = self.run(image, batch)?;
            embeddings.extend(raw.chunks_exact(self.identity.dimension).map(Embedding::from_raw));
        }
        let mut embeddings = embeddings.into_iter();
        Ok(transforms.into_iter().map(|transform| transform.and_then(|_| embeddings.next().flatten())).collect())
    }

    /// The raw answers for faces turned upright, one after the other.
    fn run(&mut self, image: &Rgb8<'_>, batch: &[Affine]) -> Result<Vec<f32>> {
        let (size, normalisation) = (self.size, self.normalisation);
        let plane = size * size;
        self.blob.resize(3 * plane * batch.len(), 0.0);
        for (transform, blob) in batch.iter().zip(self.blob.chunks_exact_mut(3 * plane)) {
            warp(image, transform, size, |x, y, pixel| {
                for (channel, value) in pixel.into_iter().enumerate() {
                    blob[channel * plane + y * size + x] = normalisation.apply(value);
                }
            });
        }
        let raw = run(&mut *self.model, batch.len(), size, &self.blob, <[f32]>::to_vec)?;
        if raw.len() != batch.len() * self.identity.dimension {
            return Err(Error::ModelShape {
                model: self.model.name().into(),
                expected: format!("an embedding of {} values", self.identity.dimension),
                found: format!("{} values for {} faces", raw.len(), batch.len()),
            });
        }
        Ok(raw)
    }
}

/// Faces that go through the graph at once, where it takes a batch: beyond that the buffers grow and the time does not.
const BATCH: usize = 8;

fn norm(values: &[f32]) -> f32 {
    values.iter().map(|v| v * v).sum::<f32>().sqrt()
}

fn run<T>(model: &mut dyn Model, count: usize, size: usize, blob: &[f32], read: impl Fn(&[f32]) -> T) -> Result<T> {
    let shape = [count as i64, 3, size as i64, size as i64];
    let mut answer = None;
    model.run(Tensor { shape: &shape, data: blob }, &mut |outputs| {
        answer = outputs.first().map(|output| read(output.data))
    })?;
    answer.ok_or_else(|| Error::Inference { model: model.name().into(), reason: "it gave no output".into() })
}

/// The template for an input of `size` px: scaled for multiples of 112; for multiples of 128 also moved to the middle.
fn template(size: usize) -> Option<[[f64; 2]; 5]> {
    let (base, shift) = match size {
        0 => return None,
        size if size % 112 == 0 => (112, 0.0),
        size if size % 128 == 0 => (128, 8.0),
        _ => return None,
    };
    let ratio = (size / base) as f32;
    Some(TEMPLATE.map(|[x, y]| [f64::from(x * ratio + shift * ratio), f64::from(y * ratio)]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::backend::Port;
    use crate::graph::Node;

    /// Answers with the sum of each plane of its input, as often as there are dimensions.
    struct Sums {
        inputs: Vec<Port>,
        outputs: Vec<Port>,
        nodes: Vec<Node>,
        dimension: usize,
        runs: Arc<AtomicUsize>,
    }

    fn port(shape: &[Option<usize>]) -> Port {
        Port { name: "x".into(), float: true, shape: shape.to_vec() }
    }

    fn sums(side: Option<usize>, declared: Option<usize>, dimension: usize) -> Sums {
        Sums {
            inputs: vec![port(&[None, Some(3), side, side])],
            outputs: vec![port(&[None, declared])],
            nodes: Vec::new(),
            dimension,
            runs: Arc::default(),
        }
    }

    impl Model for Sums {
        fn name(&self) -> &str {
            "sums.onnx"
        }
        fn inputs(&self) -> &[Port] {
            &self.inputs
        }
        fn outputs(&self) -> &[Port] {
            &self.outputs
        }
        fn first_nodes(&self) -> &[Node] {
            &self.nodes
        }
        fn run(&mut self, input: Tensor<'_>, read: &mut dyn FnMut(&[Tensor<'_>])) -> Result<()> {
            let (count, image) = (input.shape[0], input.data.len() / input.shape[0] as usize);
            let plane = image / 3;
            let sums = |image: &[f32]| -> Vec<f32> {
                (0..self.dimension).map(|i| image[(i % 3) * plane..][..plane].iter().sum()).collect()
            };
            let data: Vec<f32> = input.data.chunks_exact(image).flat_map(sums).collect();
            self.runs.fetch_add(1, Ordering::Relaxed);
            read(&[Tensor { shape: &[count, self.dimension as i64], data: &data }]);
            Ok(())
        }
    }

    fn upright(size: usize) -> KeyPoints {
        template(size).unwrap().map(|point| point.map(|v| v as f32))
    }

    fn picture(side: usize) -> Vec<u8> {
        [255, 51, 0].repeat(side * side)
    }

    #[test]
    fn the_dimension_comes_from_the_graph_or_from_running_it() {
        for (batch, declared, runs) in [(Some(1), None, 1), (Some(1), Some(7), 0), (None, Some(7), 0)] {
            let mut model = sums(None, declared, 7);
            model.outputs[0].shape[0] = batch;
            let counted = Arc::clone(&model.runs);
            let recogniser = ArcFace::new(Box::new(model), "ab").unwrap();
            assert_eq!(*recogniser.identity(), ModelId { sha256: "ab".into(), dimension: 7 });
            assert_eq!(counted.load(Ordering::Relaxed), runs, "it is run where the graph does not say");
        }
    }

    #[test]
    fn the_graph_decides_how_pixels_are_normalised_and_planes_are_red_green_blue() {
        let bytes = picture(112);
        let image = Rgb8::packed(&bytes, 112, 112).unwrap();
        let signed =
            ArcFace::new(Box::new(sums(Some(112), None, 3)), "ab").unwrap().embed(&image, &upright(112)).unwrap();
        assert!(signed.unit[0] > 0.0 && signed.unit[1] < 0.0 && signed.unit[2] < signed.unit[1], "{:?}", signed.unit);

        let mut model = sums(Some(112), None, 3);
        model.nodes = ["Sub_0", "Mul_1"].map(|name| Node { name: name.into(), operator: String::new() }).into();
        let pixels = ArcFace::new(Box::new(model), "ab").unwrap().embed(&image, &upright(112)).unwrap();
        assert!((pixels.unit[0] / pixels.unit[1] - 5.0).abs() < 1e-3 && pixels.unit[2] == 0.0, "{:?}", pixels.unit);
    }

    #[test]
    fn an_input_that_is_no_multiple_of_112_or_128_is_refused() {
        for side in [0, 96, 100, 111, 120] {
            let error = ArcFace::new(Box::new(sums(Some(side), Some(8), 8)), "ab").err().unwrap();
            assert_eq!(error.code(), "recognition.model-shape");
            assert!(error.to_string().contains("multiple of 112"), "{error}");
        }
        for side in [112, 224, 128] {
            ArcFace::new(Box::new(sums(Some(side), Some(8), 8)), "ab").unwrap();
        }
    }

    #[test]
    fn an_answer_of_another_length_than_declared_is_an_error() {
        let bytes = picture(112);
        let image = Rgb8::packed(&bytes, 112, 112).unwrap();
        let mut model = sums(Some(112), Some(4), 3);
        model.outputs[0].shape[0] = Some(1);
        let mut recogniser = ArcFace::new(Box::new(model), "ab").unwrap();
        assert_eq!(recogniser.embed(&image, &upright(112)).unwrap_err().code(), "recognition.model-shape");
    }

    #[test]
    fn key_points_that_coincide_and_an_answer_of_nothing_are_errors_not_panics() {
        let bytes = picture(8);
        let image = Rgb8::packed(&bytes, 8, 8).unwrap();
        let mut model = sums(Some(112), None, 3);
        model.nodes = ["Sub_0", "Mul_1"].map(|name| Node { name: name.into(), operator: String::new() }).into();
        let mut recogniser = ArcFace::new(Box::new(model), "ab").unwrap();
        assert_eq!(recogniser.embed(&image, &[[3.0, 3.0]; 5]).unwrap_err().code(), "recognition.alignment");
        // A face that lies beyond the frame is black, which this model answers with 0.
        let beyond = upright(112).map(|[x, y]| [x + 5000.0, y]);
        assert_eq!(recogniser.embed(&image, &beyond).unwrap_err().code(), "recognition.empty-embedding");
    }

    #[test]
    fn several_faces_are_one_batch_and_one_that_cannot_be_turned_upright_does_not_shift_the_others() {
        let bytes = picture(112);
        let image = Rgb8::packed(&bytes, 112, 112).unwrap();
        // Half of the second face lies beyond the picture, so its sums are others.
        let second = upright(112).map(|[x, y]| [x + 56.0, y]);
        let faces = [upright(112), [[3.0, 3.0]; 5], second];
        for (batch, runs) in [(None, 1), (Some(1), 2)] {
            let mut model = sums(Some(112), None, 3);
            model.inputs[0].shape[0] = batch;
            model.outputs[0].shape = vec![batch, Some(3)];
            let counted = Arc::clone(&model.runs);
            let mut recogniser = ArcFace::new(Box::new(model), "ab").unwrap();
            counted.store(0, Ordering::Relaxed);
            let all = recogniser.embed_all(&image, &faces).unwrap();
            assert_eq!(counted.load(Ordering::Relaxed), runs);
            assert_eq!(all[0].as_ref(), Some(&recogniser.embed(&image, &faces[0]).unwrap()));
            assert_eq!(all[1], None);
            assert_eq!(all[2].as_ref(), Some(&recogniser.embed(&image, &faces[2]).unwrap()));
            assert_ne!(all[0], all[2]);
        }
    }
}
