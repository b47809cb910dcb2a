//! The search of a face in a gallery, without anything around it.

use std::hint::black_box;
use std::time::Instant;

use majlis_gallery::{Consent, Gallery, ModelId, Person, Template};

const PEOPLE: usize = 10_000;
const DIMENSION: usize = 512;
const ROUNDS: usize = 40;

/// Milliseconds of each search for the two closest of 10,000 people with 512 dimensions.
pub(crate) fn rounds() -> Result<Vec<f64>, String> {
    let model = ModelId { sha256: "ab".repeat(32), dimension: DIMENSION };
    let mut gallery = Gallery::new(model.clone());
    let mut random = 1_u32;
    let mut direction = || {
        let mut raw: Vec<f32> = (0..DIMENSION)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
        raw.iter_mut().for_each(|value| *value /= length);
        raw
    };
    for number in 0..PEOPLE {
        let consent = Consent { recognise: true, ..Consent::default() };
        let person = Person { id: format!("p{number}"), consent, ..Person::default() };
        let template = Template::of_unit(&model.sha256, direction()).map_err(|error| error.to_string())?;
        gallery.add(person, &template).map_err(|error| error.to_string())?;
    }
    let asked = direction();
    let search = |_| {
        let begun = Instant::now();
        black_box(gallery.closest(black_box(&asked), 1));
        begun.elapsed().as_secs_f64() * 1e3
    };
    Ok((0..ROUNDS).map(search).collect())
}
