//! A desk on a real store, and a recogniser of painted faces: who somebody is stands in the colour.

#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use majlis_gallery::{
    Crop, Desk, Detection, Embedding, Face, Gallery, ModelId, People, Picture, Recogniser, Settings, Template,
    Thresholds,
};
use majlis_plugin_api::{self as api, Error, Flow, Host, Identity, Input, Output, Stage, Value};
use majlis_store::{Service, Store};
use majlis_testkit::Kit;
use serde_json::json;
use tempfile::TempDir;

/// A stage that does nothing: the kit needs one to have a host.
pub(crate) struct Nothing;

impl Stage for Nothing {
    type Config = Value;
    fn open(_: Value, _: &Host) -> api::Result<Self> {
        Ok(Self)
    }
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) -> api::Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// A process with a store in this folder, which waits 100 ms for blockers.
pub(crate) fn process(folder: &Path) -> Kit<Nothing> {
    let store = Store::new(folder.join("store")).with_patience(Duration::from_millis(100));
    patient(store)
}

/// A process with this store.
pub(crate) fn patient(store: Store) -> Kit<Nothing> {
    let service = Service::new(store);
    let builder = Kit::<Nothing>::builder().service("store", move |method, request| service.answer(method, request));
    builder.open(json!({})).unwrap()
}

/// A face of a painted picture.
#[derive(Clone, Copy)]
pub(crate) struct Painted {
    /// Who it is, below 32.
    pub(crate) who: u8,
    /// Which photograph of the person: two of one person have a similarity of 0.64, and of two people 0.
    pub(crate) shot: u8,
    pub(crate) side: usize,
    pub(crate) sharp: bool,
}

pub(crate) fn of(who: u8, shot: u8) -> Painted {
    Painted { who, shot, side: 120, sharp: true }
}

/// A painted picture.
pub(crate) struct Painting {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

impl Painting {
    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture { rgb: &self.rgb, width: self.width, height: self.height }
    }
}

/// Faces beside each other; the first row says where they are.
pub(crate) fn painted(faces: &[Painted]) -> Painting {
    let (width, height) = (faces.len().max(1) * 200, 200);
    let mut rgb = vec![0; 3 * width * height];
    rgb[0] = faces.len() as u8;
    for (number, face) in faces.iter().enumerate() {
        rgb[3 * (number + 1)] = face.side as u8;
        let left = number * 200 + 10;
        for y in 0..face.side {
            for x in 0..face.side {
                let fine = (x / 4 + y / 4) % 2 * 150;
                let detail = if face.sharp { fine } else { x * 150 / face.side };
                let at = 3 * ((y + 10) * width + left + x);
                rgb[at..at + 3].copy_from_slice(&[face.who, detail as u8, face.shot]);
            }
        }
    }
    Painting { rgb, width, height }
}

/// The same as a file.
pub(crate) fn paint(path: &Path, faces: &[Painted]) -> PathBuf {
    let Painting { rgb, width, height } = painted(faces);
    let picture = image::RgbImage::from_raw(width as u32, height as u32, rgb).unwrap();
    picture.save(path).unwrap();
    path.to_owned()
}

/// Recognises painted faces.
pub(crate) struct Reader {
    model: ModelId,
    /// Models that are enrolled for beside it, by number.
    pub(crate) others: Vec<u8>,
}

impl Reader {
    /// Models of different numbers have nothing in common, their dimension included.
    pub(crate) fn new(number: u8) -> Self {
        let dimension = 64 + usize::from(number);
        Self { model: ModelId { sha256: format!("{number:02x}").repeat(32), dimension }, others: Vec::new() }
    }

    fn direction(&self, who: u8, shot: u8) -> Embedding {
        let mut raw = vec![0.0; self.model.dimension];
        raw[usize::from(who)] = 0.8;
        raw[32 + usize::from(shot)] = 0.6;
        Embedding::from_raw(&raw).unwrap()
    }
}

impl Recogniser for Reader {
    fn model(&self) -> &ModelId {
        &self.model
    }

    fn detect(&mut self, picture: &Picture<'_>) -> api::Result<Vec<Detection>> {
        let faces = (0..usize::from(picture.rgb[0])).map(|number| {
            let (left, side) = ((number * 200 + 10) as f32, f32::from(picture.rgb[3 * (number + 1)]));
            Detection { bbox: [left, 10.0, left + side, 10.0 + side], score: 0.9, key_points: None }
        });
        Ok(faces.collect())
    }

    fn embed(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Embedding>> {
        let crop = self.align(picture, face)?;
        crop.map_or(Ok(None), |crop| self.embed_crop(&crop))
    }

    fn align(&mut self, picture: &Picture<'_>, face: &Detection) -> api::Result<Option<Crop>> {
        let [left, top, right, _] = face.bbox.map(|at| at as usize);
        let side = right - left;
        let pixel = |at: usize| {
            let (x, y) = (left + at % 112 * side / 112, top + at / 112 * side / 112);
            let at = 3 * (y * picture.width + x);
            picture.rgb[at..at + 3].to_vec()
        };
        Ok(Some(Crop { rgb: (0..112 * 112).flat_map(pixel).collect(), width: 112, height: 112 }))
    }

    fn embed_crop(&mut self, crop: &Crop) -> api::Result<Option<Embedding>> {
        Ok(Some(self.direction(crop.rgb[0], crop.rgb[2])))
    }

    fn also(&mut self, crop: &Crop) -> api::Result<Vec<Template>> {
        let template = |number: &u8| {
            let other = Self::new(*number);
            Ok(Template::new(&other.model, &other.direction(crop.rgb[0], crop.rgb[2]))?)
        };
        self.others.iter().map(template).collect()
    }

    fn others(&mut self) -> api::Result<Vec<(String, ModelId)>> {
        Ok(self.others.iter().map(|number| (format!("pack-{number}"), Self::new(*number).model)).collect())
    }
}

/// A desk, its recogniser, and the folder of its store and photographs.
pub(crate) struct Room {
    pub(crate) desk: Desk,
    pub(crate) reader: Reader,
    pub(crate) kit: Kit<Nothing>,
    pub(crate) folder: Arc<TempDir>,
}

pub(crate) fn settings() -> Settings {
    Settings {
        thresholds: Thresholds::of_model(0.6),
        file: Some("people".into()),
        keep_crops: false,
        emit_embeddings: false,
        pack: "painted".into(),
    }
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(tempfile::tempdir().unwrap()), 1, settings())
    }

    /// A desk of its own process on a folder, with the model of this number.
    pub(crate) fn with(folder: Arc<TempDir>, model: u8, settings: Settings) -> Self {
        let kit = process(folder.path());
        let reader = Reader::new(model);
        let desk = Desk::open(kit.host(), settings, Gallery::new(reader.model.clone())).unwrap();
        Self { desk, reader, kit, folder }
    }

    /// Another process on the same folder.
    pub(crate) fn elsewhere(&self) -> Self {
        Self::with(Arc::clone(&self.folder), 1, settings())
    }

    pub(crate) fn people(&self) -> People {
        People::open(self.kit.host(), "people").unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn photo(&self, name: &str, faces: &[Painted]) -> PathBuf {
        paint(&self.path(name), faces)
    }

    pub(crate) fn ask(&mut self, verb: &str, arguments: Value) -> Result<Value, Error> {
        self.desk.control(verb, arguments, self.kit.host(), &mut self.reader)
    }

    /// Enrols with the least that is needed, and what is said beside it.
    pub(crate) fn enrol(&mut self, id: &str, photos: &[&Path], change: Value) -> Result<Value, Error> {
        let mut arguments =
            json!({ "id": id, "photos": photos, "name_latin": format!("Name of {id}"), "consent": "expo-2" });
        arguments.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.ask("enrol", arguments)
    }

    /// Who a face is called.
    pub(crate) fn who(&self, face: Painted) -> Option<String> {
        let face = Face {
            detection: Detection { bbox: [0.0, 0.0, face.side as f32, face.side as f32], score: 0.9, key_points: None },
            embedding: Some(self.reader.direction(face.who, face.shot)),
        };
        let (faces, _) = self.desk.decide(vec![face], 640, 480);
        match &faces[0].identity {
            Identity::Known(person) => Some(person.id.clone()),
            _ => None,
        }
    }

    /// Which files of the store hold these bytes.
    pub(crate) fn holding(&self, wanted: &[u8]) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.path("store")).unwrap().map(|entry| entry.unwrap().path());
        let holds = |file: &PathBuf| std::fs::read(file).unwrap().windows(wanted.len()).any(|part| part == wanted);
        files.filter(holds).collect()
    }

    /// A file with a passphrase.
    pub(crate) fn passphrase(&self) -> PathBuf {
        let path = self.path("passphrase");
        std::fs::write(&path, "correct horse battery staple\n").unwrap();
        path
    }
}

/// Waits until it holds, for so long at most.
pub(crate) fn within(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while !holds() {
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::yield_now();
    }
    true
}
