//! Vectors by other packs, for which people are enrolled beside the one in use: `enrol_for`.
//!
//! Every recogniser of ArcFace's form sees the same upright face, so it needs no detector of its own. The models are opened
//! when somebody enrols and closed when it is over: a show that runs all day holds the one that it recognises with.

use std::path::PathBuf;

use majlis_gallery::{Crop, ModelId, Picture, Recogniser, Template};
use majlis_plugin_api as api;

use crate::arcface::ArcFace;
use crate::backend::Backend;
use crate::face::{Detection, Embedding};
use crate::pack::{Card, ModelFile};
use crate::stage::told;
use crate::{Analyser, Rgb8};

/// A pack of `enrol_for`.
struct Other {
    pack: String,
    file: ModelFile,
    recogniser: Option<ArcFace>,
}

/// A pack that people are to be enrolled for.
pub(crate) struct Wanted {
    /// Its place in `enrol_for`.
    pub(crate) at: usize,
    pub(crate) card: Card,
    /// Where its files may lie.
    pub(crate) folders: Vec<PathBuf>,
}

/// The packs of `enrol_for`.
pub(crate) struct Others {
    backend: Box<dyn Backend>,
    packs: Vec<Other>,
}

impl Others {
    /// Looks for the file of each; opens none.
    ///
    /// # Errors
    /// A file is missing, with its place in the configuration.
    pub(crate) fn new(backend: Box<dyn Backend>, wanted: Vec<Wanted>) -> api::Result<Self> {
        let pack = |Wanted { at, card, folders }| {
            let file = card.recogniser(&folders);
            let file = file.map_err(|error| api::Error::config(place(at), told(error).to_string()))?;
            Ok(Other { pack: card.name, file, recogniser: None })
        };
        Ok(Self { backend, packs: wanted.into_iter().map(pack).collect::<api::Result<_>>()? })
    }

    /// Gives the memory of the models back.
    pub(crate) fn close(&mut self) {
        self.packs.iter_mut().for_each(|other| other.recogniser = None);
    }

    fn opened(&mut self) -> api::Result<impl Iterator<Item = (&str, &mut ArcFace)>> {
        for other in self.packs.iter_mut().filter(|other| other.recogniser.is_none()) {
            let model = self.backend.load(&other.file).map_err(told)?;
            other.recogniser = Some(ArcFace::new(model, other.file.sha256()).map_err(told)?);
        }
        Ok(self.packs.iter_mut().filter_map(|other| Some((other.pack.as_str(), other.recogniser.as_mut()?))))
    }
}

/// The place of a pack in the configuration.
pub(crate) fn place(at: usize) -> String {
    format!("enrol_for[{at}]")
}

/// The analyser as people are enrolled by it, with what is enrolled for beside it.
pub(crate) struct Enrolling<'a> {
    pub(crate) analyser: &'a mut Analyser,
    pub(crate) others: &'a mut Others,
}

impl Recogniser for Enrolling<'_> {
    fn model(&self) -> &ModelId {
        Recogniser::model(self.analyser)
    }

    fn detect(&mut self, picture: &Picture<'_>) -> api::Result<Vec<Detection>> {
        Recogniser::detect(self.analyser, picture)
    }

    fn embed(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Embedding>> {
        Recogniser::embed(self.analyser, picture, face)
    }

    fn align(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Crop>> {
        Recogniser::align(self.analyser, picture, face)
    }

    fn embed_crop(&mut self, crop: &Crop) -> api::Result<Option<Embedding>> {
        self.analyser.embed_crop(crop)
    }

    fn also(&mut self, crop: &Crop) -> api::Result<Vec<Template>> {
        let (width, height) = (crop.width as usize, crop.height as usize);
        let image = Rgb8::packed(&crop.rgb, width, height).map_err(told)?;
        let mut templates = Vec::new();
        for (pack, recogniser) in self.others.opened()? {
            if (width, height) != (recogniser.size(), recogniser.size()) {
                tracing::warn!(
                    pack,
                    found = width,
                    needed = recogniser.size(),
                    "nobody is enrolled for it: it takes upright faces of another size"
                );
                continue;
            }
            let upright = recogniser.upright();
            let embedding = recogniser.embed(&image, &upright).map_err(told)?;
            templates.push(Template::new(recogniser.identity(), &embedding)?);
        }
        Ok(templates)
    }

    fn others(&mut self) -> api::Result<Vec<(String, ModelId)>> {
        let opened = self.others.opened()?;
        Ok(opened.map(|(pack, recogniser)| (pack.to_owned(), recogniser.identity().clone())).collect())
    }
}
