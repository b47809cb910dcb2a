//! Face recognition as InsightFace does it: SCRFD finds faces and their key points, ArcFace turns each into an embedding.
//!
//! **The decision that shapes it: it is SCRFD's form and nothing else.** What all recognisers do (pixels, backends, packs,
//! galleries, verbs) is `majlis_recognition`, so that another detector is a plugin of two files and swapping them is one
//! line of a pipeline.
//!
//! **What it must never know**: how a graph is run, and who anybody is.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod scrfd;

use majlis_plugin_api::{Event, Faces, Flow, Frame, Host, Input, Output, Result, Stage, Value, export_stage, manifest};
use majlis_recognition::{Config, Kind, Recognition};

manifest! {
    name: "insightface",
    summary: "Finds faces and recognises people who enrolled (SCRFD and ArcFace, as InsightFace does it)",
    inputs: { frame: Frame },
    outputs: { faces: Faces },
    milestones: ["recognised"],
    native: ["onnxruntime"],
    alias: "faces",
    verbs: {
        "enrol": ("Enrols a person in the store, with consent, from photographs or before the camera", "../../gallery/verbs/enrol.schema.json"),
        "list": ("Lists who is enrolled, in the pipeline file or in the store", "../../gallery/verbs/list.schema.json"),
        "show": ("Shows what is kept of a person", "../../gallery/verbs/show.schema.json"),
        "forget": ("Erases a person in every file of the store", "../../gallery/verbs/forget.schema.json"),
        "purge": ("Erases everybody whose consent is over", "../../gallery/verbs/purge.schema.json"),
        "export": ("Writes everybody of the store into an encrypted file", "../../gallery/verbs/export.schema.json"),
        "import": ("Takes people from an export, or names with vectors", "../../gallery/verbs/import.schema.json"),
        "check": ("Says who cannot be recognised now, and why", "../../gallery/verbs/check.schema.json"),
        "reindex": ("Makes vectors of this model from the faces that are kept", "../../gallery/verbs/reindex.schema.json"),
        "why": ("Says who a photograph shows, and why", "../../gallery/verbs/why.schema.json"),
    },
    schema: "../../recognition/config.schema.json",
}

/// What makes it this recogniser.
pub const KIND: Kind = Kind { form: "scrfd", recognise: scrfd::form, threshold: 0.5, pack: "buffalo_l" };

/// The stage.
pub struct InsightFace(Recognition);

impl Stage for InsightFace {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        Recognition::open(&config, host, &KIND).map(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        if let Input::Packet(packet) = input
            && let Some(frame) = packet.get(input::frame)?
        {
            let faces = self.0.faces(&packet, &frame, out)?;
            out.emit(output::faces, faces)?;
            self.0.attend(&frame, packet.time());
        }
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        self.0.event(&event);
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, args: Value, host: &Host) -> Result<Value> {
        self.0.control(verb, args, host)
    }
}

export_stage!(InsightFace);
