//! The photograph that somebody is enrolled from: read and decoded.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use image::ImageDecoder as _;
use majlis_plugin_api::{Error, Host, Result};

use crate::recogniser::Picture;

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

    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture { rgb: &self.bytes, width: self.width, height: self.height }
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
