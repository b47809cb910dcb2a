//! The analyser as people are enrolled by it.

use majlis_gallery::{Crop, Picture, Recogniser};
use majlis_plugin_api as api;

use crate::face::{Detection, Embedding};
use crate::gallery::ModelId;
use crate::stage::told;
use crate::{Analyser, Result, Rgb8};

fn view<'a>(picture: &Picture<'a>) -> Result<Rgb8<'a>> {
    Rgb8::packed(picture.rgb, picture.width, picture.height)
}

impl Recogniser for Analyser {
    fn model(&self) -> &ModelId {
        Self::model(self)
    }

    fn detect(&mut self, picture: &Picture<'_>) -> api::Result<Vec<Detection>> {
        view(picture).and_then(|image| self.detect_all(&image)).map_err(told)
    }

    fn embed(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Embedding>> {
        view(picture).and_then(|image| self.embedding(&image, face)).map_err(told)
    }

    fn align(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Crop>> {
        let image = view(picture).map_err(told)?;
        let side = self.recogniser().size() as u32;
        // The only thing that can be wrong is that its key points coincide.
        let rgb = face.key_points.as_ref().and_then(|points| self.recogniser().align(&image, points).ok());
        Ok(rgb.map(|rgb| Crop { rgb, width: side, height: side }))
    }

    fn embed_crop(&mut self, crop: &Crop) -> api::Result<Option<Embedding>> {
        let side = self.recogniser().size();
        if (crop.width as usize, crop.height as usize) != (side, side) {
            return Ok(None);
        }
        let image = Rgb8::packed(&crop.rgb, side, side).map_err(told)?;
        let upright = Detection {
            bbox: [0.0, 0.0, side as f32, side as f32],
            score: 1.0,
            key_points: Some(self.recogniser().upright()),
        };
        self.embedding(&image, &upright).map_err(told)
    }
}
