//! Faces of a stream: found in some frames, expected in the others, and looked at as often as it takes to name them.
//!
//! Making an embedding costs a third of a frame's time for each face, and a face that was named need not be named again. So
//! a face is looked at until the looks agree, and then again only when it can be seen clearly better.

use majlis_gallery::{Detection, Face, Followed, Verdict, Votes};
use majlis_plugin_api::Time;

use crate::config::Config;
use crate::detector::Found;
use crate::track::Tracker;
use crate::{Analyser, Result, Rgb8};

/// Looks that must agree where the operator says nothing.
const VOTES: usize = 3;

/// By how much better than at its best look a face must be seen to be looked at again.
const BETTER: f32 = 1.5;

/// How the faces of streams are followed.
#[derive(Debug)]
pub(crate) struct Following {
    detect_every: u32,
    min_votes: Option<usize>,
    /// Whether a stage behind wants the embedding of each face of each frame that is searched.
    every_look: bool,
    /// The number of the latest track, over all streams of the stage.
    tracks: u64,
}

/// One stream: that of a visit, or of no visit.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    tracker: Tracker<Watch>,
    /// Frames since the last one that was searched.
    since: u32,
    begun: bool,
    /// The people whom its looks were compared with.
    edition: u64,
}

/// What there is in a frame of a stream.
#[derive(Debug)]
pub(crate) struct Look<'s> {
    pub(crate) faces: Vec<Followed<'s>>,
    /// What might be a face; it is not followed.
    pub(crate) possible: Vec<Detection>,
    /// Nobody looked at this frame.
    pub(crate) extrapolated: bool,
}

/// What is known of a track.
#[derive(Debug, Clone, Default)]
struct Watch {
    votes: Votes,
    /// The quality of the best look.
    best: f32,
}

impl Following {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            detect_every: config.detect_every.max(1),
            min_votes: config.min_votes,
            every_look: config.emit_embeddings,
            tracks: 0,
        }
    }

    /// Looks that must agree.
    pub(crate) fn min_votes(&self) -> usize {
        self.min_votes.unwrap_or(VOTES)
    }

    /// Whether the operator wants several looks at photographs as well.
    pub(crate) fn is_asked_for_stills(&self) -> bool {
        self.min_votes.is_some_and(|votes| votes > 1)
    }

    /// The faces of the next frame of a stream, which was taken at `now`. Tells `step` the name of each part of the work.
    pub(crate) fn frame<'s>(
        &mut self,
        stream: &'s mut Stream,
        analyser: &mut Analyser,
        image: &Rgb8<'_>,
        now: Time,
        mut step: impl FnMut(&'static str),
    ) -> Result<Look<'s>> {
        stream.since += 1;
        if stream.begun && stream.since < self.detect_every {
            stream.tracker.expire(now);
            return Ok(Look { faces: stream.expected(now), possible: Vec::new(), extrapolated: true });
        }
        step("detect");
        let Found { faces: found, possible } = analyser.search(image)?;
        (stream.begun, stream.since) = (true, 0);
        let (min_votes, every_look) = (self.min_votes(), self.every_look);
        let tracks = &mut self.tracks;
        let places = stream.tracker.update(found.clone(), now, || {
            *tracks += 1;
            *tracks
        });
        let watched = stream.tracker.tracks();
        for track in watched.iter_mut().filter(|track| track.mixed) {
            // It may be the other one now: what was seen of it speaks for nobody any more.
            track.own = Watch::default();
        }
        let wanted = |(face, place): (&Detection, &usize)| {
            face.smaller_side() >= analyser.minimum_side()
                && (every_look || watched[*place].own.wants(quality(face), min_votes))
        };
        let wanted: Vec<bool> = found.iter().zip(&places).map(wanted).collect();
        if wanted.contains(&true) {
            step("embed");
        }
        let faces = analyser.embed_some(image, found, &wanted)?;
        let mut looked: Vec<Option<(Face, bool)>> = vec![None; watched.len()];
        for ((face, place), wanted) in faces.into_iter().zip(places).zip(wanted) {
            // Too small to be looked at is an outcome of a look, unless it was named before it went away from the camera.
            let small = face.detection.smaller_side() < analyser.minimum_side();
            looked[place] = Some((face, wanted || small));
        }
        let followed = watched.iter_mut().zip(looked).filter_map(|(track, seen)| {
            let (face, looked) = seen?;
            if face.embedding.is_some() {
                track.own.best = track.own.best.max(quality(&face.detection));
            }
            Some(Followed { face, looked, predicted: false, track: track.number, votes: &mut track.own.votes })
        });
        Ok(Look { faces: followed.collect(), possible, extrapolated: false })
    }
}

impl Stream {
    /// The looks that were compared with other people than those of `edition`, to be reviewed.
    pub(crate) fn outdated(&mut self, edition: u64) -> impl Iterator<Item = &mut Votes> {
        let changed = std::mem::replace(&mut self.edition, edition) != edition;
        self.tracker.tracks().iter_mut().filter(move |_| changed).map(|track| &mut track.own.votes)
    }

    fn expected(&mut self, now: Time) -> Vec<Followed<'_>> {
        let expected = |track: &'_ crate::track::Track<Watch>| Face { detection: track.expected(now), embedding: None };
        let tracks = self.tracker.tracks().iter_mut();
        tracks
            .map(|track| Followed {
                face: expected(track),
                looked: false,
                predicted: true,
                track: track.number,
                votes: &mut track.own.votes,
            })
            .collect()
    }
}

impl Watch {
    fn wants(&self, quality: f32, min_votes: usize) -> bool {
        self.votes.verdict(min_votes) == Verdict::Undecided || quality > self.best * BETTER
    }
}

/// How well a face can be seen: its area, px², by how sure the detector is.
fn quality(face: &Detection) -> f32 {
    let side = face.smaller_side();
    side * side * face.score
}
