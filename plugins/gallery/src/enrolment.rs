//! Which photographs somebody may be enrolled from.

use majlis_plugin_api::{Error, Result};

use crate::crop::Crop;
use crate::decision::{Match, Thresholds};
use crate::face::Detection;
use crate::gallery::Gallery;
use crate::recogniser::{Picture, Recogniser};
use crate::record::Look;
use crate::template::Template;

/// The smaller side that a face must have to be enrolled, px.
pub const ENROL_PX: f32 = 80.0;

/// The sharpness that a face must have to be enrolled: see [`Crop::sharpness`](crate::Crop::sharpness). Good photographs have
/// 0.1 to 1.2; a face of 270 px that was blurred until its likeness fell by a sixth has 0.007.
pub const SHARPNESS: f32 = 0.025;

/// A face whose smaller side reaches this share of the largest one's may be the person as well.
const RIVAL: f32 = 0.5;

/// A face that somebody may be enrolled from.
pub(crate) struct Admitted {
    /// Its smaller side, px.
    pub(crate) side: f32,
    pub(crate) sharpness: f32,
    pub(crate) template: Template,
    /// Of other models.
    also: Vec<Template>,
    crop: Crop,
}

impl Admitted {
    /// What is kept of it.
    pub(crate) fn look(self, keep_crop: bool) -> Look {
        let templates = [self.template].into_iter().chain(self.also).collect();
        Look { templates, crop: keep_crop.then_some(self.crop) }
    }

    /// How alike two faces are: a cosine.
    pub(crate) fn likeness(&self, other: &Self) -> f32 {
        self.template.unit().iter().zip(other.template.unit()).map(|(a, b)| a * b).sum()
    }
}

/// Where a face is looked for; it decides on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Photograph,
    Camera,
}

impl Seen {
    fn shows(self) -> &'static str {
        match self {
            Self::Photograph => "the photograph shows",
            Self::Camera => "the camera sees",
        }
    }

    fn or(self) -> &'static str {
        match self {
            Self::Photograph => "crop it",
            Self::Camera => "let the person stand alone before the camera",
        }
    }
}

/// The faces of a picture, the most prominent first: the order in which faces are counted wherever an operator counts.
pub(crate) fn found(picture: &Picture<'_>, recogniser: &mut dyn Recogniser) -> Result<Vec<Detection>> {
    let mut faces = recogniser.detect(picture)?;
    sort(&mut faces, picture.width, picture.height);
    Ok(faces)
}

pub(crate) fn sort(faces: &mut [Detection], width: usize, height: usize) {
    let rank = |face: &Detection| face.prominence(width as f32, height as f32);
    faces.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
}

/// The only face of a picture, or the one that was chosen, counted from 1.
pub(crate) fn chosen(faces: Vec<Detection>, face: Option<usize>, seen: Seen) -> Result<Detection> {
    let (count, shows) = (faces.len(), seen.shows());
    match (face, count) {
        (_, 0) => Err(Error::new(format!("{shows} no face"))),
        (None, 1) => Ok(faces.into_iter().next().expect("there is one")),
        (None, _) => {
            let listed: Vec<String> = faces.iter().take(8).enumerate().map(|(at, face)| place(at, face)).collect();
            let more = if count > 8 { " …" } else { "" };
            let listed = listed.join("; ");
            Err(Error::config(
                "face",
                format!(
                    "{shows} {count} faces: {listed}{more}; choose the person's with face=NUMBER, or {}",
                    seen.or()
                ),
            ))
        }
        (Some(number), _) => number
            .checked_sub(1)
            .and_then(|at| faces.into_iter().nth(at))
            .ok_or_else(|| Error::config("face", format!("{shows} {count} faces; there is no face {number}"))),
    }
}

fn place(at: usize, face: &Detection) -> String {
    let [x, y, ..] = face.bbox;
    format!("{} at {x:.0}, {y:.0} ({:.0} px)", at + 1, face.smaller_side())
}

/// The largest face, if no other comes near it.
pub(crate) fn portrait(faces: Vec<Detection>) -> Result<Detection> {
    let side = Detection::smaller_side;
    let largest = faces.iter().map(side).fold(f32::NEG_INFINITY, f32::max);
    let rivals = faces.iter().filter(|face| side(face) >= largest * RIVAL).count();
    if rivals > 1 {
        return Err(Error::new(format!(
            "the photograph shows {rivals} faces of similar size; crop it to the person's"
        )));
    }
    let found = faces.into_iter().find(|face| side(face) == largest);
    found.ok_or_else(|| Error::new("the photograph shows no face"))
}

/// Takes a face, or says what is wrong with it.
pub(crate) fn admit(
    picture: &Picture<'_>,
    face: &Detection,
    thresholds: &Thresholds,
    recogniser: &mut dyn Recogniser,
) -> Result<Admitted> {
    let (side, minimum) = (face.smaller_side(), ENROL_PX.max(thresholds.min_face_px));
    if side.is_nan() || side < minimum {
        return Err(Error::new(format!(
            "the face is {side:.0} px across; at least {minimum:.0} px are needed to enrol a person: it has to be nearer to the \
             camera"
        )));
    }
    let crop = recogniser.align(picture, face)?;
    let embedding = recogniser.embed(picture, face)?;
    let (Some(crop), Some(embedding)) = (crop, embedding) else {
        return Err(Error::new("the face cannot be turned upright: it has to be seen from the front"));
    };
    let sharpness = crop.sharpness();
    if sharpness < SHARPNESS {
        return Err(Error::new(format!(
            "the face is blurred (sharpness {sharpness:.3}; at least {SHARPNESS} is needed): it takes more light, or a hand \
             and a head that are still"
        )));
    }
    let template = Template::new(recogniser.model(), &embedding)?;
    let also = recogniser.also(&crop)?;
    Ok(Admitted { side, sharpness, template, also, crop })
}

/// Refuses photographs that do not show one person: the one who is enrolled with this id, if somebody is.
pub(crate) fn one_person(id: &str, faces: &[Admitted], galleries: &[&Gallery], thresholds: &Thresholds) -> Result<()> {
    for (number, face) in faces.iter().enumerate() {
        let unit = face.template.unit();
        for (earlier, other) in faces[..number].iter().enumerate() {
            let likeness = face.likeness(other);
            if likeness < thresholds.unknown_threshold {
                return Err(Error::new(format!(
                    "photographs {} and {} do not show the same person (similarity {likeness:.2}, needed {:.2})",
                    earlier + 1,
                    number + 1,
                    thresholds.unknown_threshold
                )));
            }
        }
        for gallery in galleries {
            if let Some(likeness) =
                gallery.likeness(id, unit).filter(|likeness| *likeness < thresholds.unknown_threshold)
            {
                return Err(Error::config(
                    "id",
                    format!(
                        "somebody else is enrolled as `{id}` (similarity {likeness:.2}, needed {:.2}): use another id, or \
                         forget that one first",
                        thresholds.unknown_threshold
                    ),
                ));
            }
        }
        if let Some(twin) = twin(id, unit, galleries, thresholds) {
            let names = &twin.person.names;
            let name = [&names.latin, &names.arabic, &names.spoken].into_iter().find(|name| !name.is_empty());
            return Err(Error::config(
                "id",
                format!(
                    "this person is enrolled already, as `{}` ({}; similarity {:.2}): use that id, or forget it first",
                    twin.person.id,
                    name.map_or("no name", String::as_str),
                    twin.similarity
                ),
            ));
        }
    }
    Ok(())
}

/// Who is enrolled under another id and would be taken for this person.
pub(crate) fn twin<'a>(
    id: &str,
    unit: &[f32],
    galleries: &[&'a Gallery],
    thresholds: &Thresholds,
) -> Option<Match<'a>> {
    let all = galleries.iter().flat_map(|gallery| gallery.closest_of_all(unit)).flatten();
    let alike = all.filter(|found| found.person.id != id && found.similarity >= thresholds.match_threshold);
    alike.max_by(|a, b| a.similarity.total_cmp(&b.similarity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(left: f32, side: f32) -> Detection {
        Detection { bbox: [left, 0.0, left + side, side * 1.3], score: 0.9, key_points: None }
    }

    #[test]
    fn the_largest_face_is_the_persons_if_others_stand_far_behind() {
        let found = portrait(vec![face(0.0, 40.0), face(50.0, 90.0), face(9.0, 44.0)]);
        assert_eq!(found.unwrap().bbox[0], 50.0);
    }

    #[test]
    fn a_face_of_half_the_size_makes_it_uncertain_whose_photograph_it_is() {
        let why = portrait(vec![face(0.0, 100.0), face(200.0, 50.0), face(0.0, 9.0)]).unwrap_err();
        assert!(why.to_string().contains("2 faces of similar size"));
    }

    #[test]
    fn where_there_is_no_face_nobody_is_enrolled() {
        assert!(portrait(vec![]).unwrap_err().to_string().contains("no face"));
        assert!(portrait(vec![face(f32::NAN, 90.0)]).is_err());
        assert!(chosen(vec![], Some(1), Seen::Photograph).unwrap_err().to_string().contains("no face"));
    }

    #[test]
    fn one_of_several_faces_has_to_be_chosen_by_its_number() {
        let several = || vec![face(0.0, 100.0), face(200.0, 90.0)];
        let refused = chosen(several(), None, Seen::Photograph).unwrap_err();
        assert!(refused.to_string().contains("2 faces: 1 at 0, 0 (100 px); 2 at 200, 0 (90 px)"), "{refused}");
        let refused = chosen(several(), None, Seen::Camera).unwrap_err().to_string();
        assert!(refused.contains("the camera sees 2 faces") && refused.contains("stand alone"), "{refused}");
        assert_eq!(chosen(several(), Some(2), Seen::Photograph).unwrap().bbox[0], 200.0);
        for wrong in [0, 3] {
            assert_eq!(chosen(several(), Some(wrong), Seen::Photograph).unwrap_err().path(), "face");
        }
        assert!(chosen(vec![face(0.0, 100.0)], None, Seen::Camera).is_ok());
    }
}
