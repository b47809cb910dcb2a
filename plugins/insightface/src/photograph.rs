//! The photograph that somebody is enrolled from: read, decoded, and whose face it shows.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use image::ImageDecoder as _;
use majlis_plugin_api::{Error, Host, Result};

use crate::Rgb8;
use crate::face::Detection;

/// A decoded photograph, turned as its camera was held.
pub(crate) struct Photograph {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl Photograph {
    /// Reads a JPEG or PNG.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let place = format!("the photograph {}", path.display());
        let unreadable = |error: image::ImageError| Error::from(error).within(&place);
        let mut reader = image::ImageReader::open(path).map_err(|error| Error::from(error).within(&place))?;
        // A picture of more pixels than any camera makes is a trap: a small file can unpack to gigabytes.
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(32_768);
        limits.max_image_height = Some(32_768);
        limits.max_alloc = Some(512 * 1024 * 1024);
        reader.limits(limits);
        let reader = reader.with_guessed_format().map_err(|error| Error::from(error).within(&place))?;
        let mut decoder = reader.into_decoder().map_err(unreadable)?;
        let orientation = decoder.orientation().map_err(unreadable)?;
        let mut picture = image::DynamicImage::from_decoder(decoder).map_err(unreadable)?;
        picture.apply_orientation(orientation);
        let picture = picture.into_rgb8();
        Ok(Self { width: picture.width() as usize, height: picture.height() as usize, bytes: picture.into_raw() })
    }

    pub(crate) fn view(&self) -> crate::Result<Rgb8<'_>> {
        Rgb8::packed(&self.bytes, self.width, self.height)
    }
}

/// Photographs that another thread decodes while models are loaded, in the order that was asked for.
///
/// One is decoded ahead and no more: a photograph of a good camera takes 70 MB.
pub(crate) struct Ahead(Receiver<Result<Photograph>>);

impl Ahead {
    pub(crate) fn start(host: &Host, paths: Vec<PathBuf>) -> Result<Self> {
        let (send, receive) = sync_channel(1);
        if !paths.is_empty() {
            host.spawn("photographs", move || {
                for path in paths {
                    // Nobody waits any more: the stage could not be opened.
                    if send.send(Photograph::open(&path)).is_err() {
                        return;
                    }
                }
            })?;
        }
        Ok(Self(receive))
    }

    pub(crate) fn next(&self) -> Result<Photograph> {
        let ended = |_| Error::new("the photograph could not be decoded: its decoder broke off");
        self.0.recv().map_err(ended)?
    }
}

/// The smaller side that a face must have to be enrolled from the pipeline's table, px.
pub(crate) const PORTRAIT: f32 = 80.0;

/// A face whose smaller side reaches this share of the largest one's may be the person as well.
const RIVAL: f32 = 0.5;

/// The face of the person whose photograph it is: the largest, if no other comes near it; otherwise what is wrong.
pub(crate) fn portrait(faces: Vec<Detection>, minimum: f32) -> Result<Detection, String> {
    let side = |face: &Detection| face.smaller_side();
    let Some(largest) =
        faces.iter().enumerate().max_by(|(_, a), (_, b)| side(a).total_cmp(&side(b))).map(|(index, _)| index)
    else {
        return Err("the photograph shows no face".into());
    };
    let least = side(&faces[largest]) * RIVAL;
    let rivals = faces.iter().filter(|face| side(face) >= least).count();
    if rivals > 1 {
        return Err(format!("the photograph shows {rivals} faces of similar size; crop it to the person's"));
    }
    let portrait = faces.into_iter().nth(largest);
    portrait.filter(|face| side(face) >= minimum).ok_or_else(|| {
        format!("the face is {:.0} px across; at least {minimum:.0} px are needed to enrol a person", least / RIVAL)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(left: f32, side: f32) -> Detection {
        Detection { bbox: [left, 0.0, left + side, side * 1.3], score: 0.9, key_points: None }
    }

    #[test]
    fn the_largest_face_is_the_persons_if_others_stand_far_behind() {
        let found = portrait(vec![face(0.0, 40.0), face(50.0, 90.0), face(9.0, 44.0)], 80.0);
        assert_eq!(found.unwrap().bbox[0], 50.0);
    }

    #[test]
    fn a_face_of_half_the_size_makes_it_uncertain_whose_photograph_it_is() {
        let why = portrait(vec![face(0.0, 100.0), face(200.0, 50.0), face(0.0, 9.0)], 80.0);
        assert!(why.unwrap_err().contains("2 faces of similar size"));
    }

    #[test]
    fn no_face_or_one_below_the_minimum_is_refused() {
        assert!(portrait(vec![], 80.0).unwrap_err().contains("no face"));
        assert!(portrait(vec![face(0.0, 80.0)], 80.0).is_ok());
        let why = portrait(vec![face(0.0, 79.0)], 80.0).unwrap_err();
        assert!(why.contains("79 px"), "{why}");
        assert!(portrait(vec![face(f32::NAN, 90.0)], 80.0).is_err());
    }
}
