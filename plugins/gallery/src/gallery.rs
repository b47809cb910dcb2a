//! People and their embeddings, all of one model, and who is closest to one.

use std::collections::HashMap;

use crate::consent::Timestamp;
use crate::decision::Match;
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::person::Person;
use crate::template::{ModelId, Template};

/// People and their embeddings, all of one model.
pub struct Gallery {
    model: ModelId,
    people: Vec<Person>,
    /// Where each person stands in `people`.
    places: HashMap<String, usize>,
    /// For each row, the index of its person.
    owners: Vec<usize>,
    /// For each row, from when and until when the person may be compared: beside each other, because each search asks
    /// all of them.
    terms: Vec<[Timestamp; 2]>,
    rows: Matrix,
}

impl Gallery {
    /// A gallery without people.
    #[must_use]
    pub fn new(model: ModelId) -> Self {
        let rows = Matrix::new(model.dimension);
        Self { model, people: Vec::new(), places: HashMap::new(), owners: Vec::new(), terms: Vec::new(), rows }
    }

    /// The model whose embeddings it holds.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// The people in it, in the order of their enrolment.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The person with this id.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.places.get(id).map(|place| &self.people[*place])
    }

    /// Adds an embedding of a person; a person with the same id is brought up to date and keeps earlier embeddings.
    ///
    /// # Errors
    /// [`Error::ForeignEmbedding`] when another model made the embedding.
    pub fn add(&mut self, person: Person, template: &Template) -> Result<()> {
        if *template.model() != self.model {
            return Err(Error::ForeignEmbedding {
                expected: self.model.to_string(),
                found: template.model().to_string(),
            });
        }
        let term = term(&person);
        let owner = match self.places.get(&person.id) {
            Some(&place) => {
                // Read from the store, a person comes once with each embedding, and mostly unchanged.
                if self::term(&self.people[place]) != term {
                    let held = self.owners.iter().zip(&mut self.terms).filter(|(owner, _)| **owner == place);
                    held.for_each(|(_, held)| *held = term);
                }
                self.people[place] = person;
                place
            }
            None => {
                self.places.insert(person.id.clone(), self.people.len());
                self.people.push(person);
                self.people.len() - 1
            }
        };
        self.owners.push(owner);
        self.terms.push(term);
        self.rows.push(template.unit());
        Ok(())
    }

    /// The same people without this one. None when there was none.
    #[must_use]
    pub fn without(&self, id: &str) -> Option<Self> {
        let gone = *self.places.get(id)?;
        let mut kept = Self::new(self.model.clone());
        let shifted = |place: usize| place - usize::from(place > gone);
        kept.people = self.people.iter().filter(|person| person.id != id).cloned().collect();
        kept.places = kept.people.iter().enumerate().map(|(place, person)| (person.id.clone(), place)).collect();
        for (row, owner) in self.owners.iter().enumerate().filter(|(_, owner)| **owner != gone) {
            kept.owners.push(shifted(*owner));
            kept.terms.push(self.terms[row]);
            kept.rows.copy(&self.rows, row);
        }
        Some(kept)
    }

    /// The two people who are closest to a direction at `now`, each by the closest of their embeddings. Whoever's consent
    /// does not allow it is not compared at all. Nobody where the direction has another dimension.
    #[must_use]
    pub fn closest(&self, unit: &[f32], now: Timestamp) -> [Option<Match<'_>>; 2] {
        self.two(unit, |row| self.terms[row][0] <= now && now < self.terms[row][1])
    }

    /// The two closest of all people, whatever they agreed to: to find out that somebody is enrolled already.
    #[must_use]
    pub fn closest_of_all(&self, unit: &[f32]) -> [Option<Match<'_>>; 2] {
        self.two(unit, |_| true)
    }

    /// How close a person is to a direction, by the closest of the person's embeddings.
    #[must_use]
    pub fn likeness(&self, id: &str, unit: &[f32]) -> Option<f32> {
        let place = *self.places.get(id)?;
        let [best, _] = self.two(unit, |row| self.owners[row] == place);
        best.map(|best| best.similarity)
    }

    fn two(&self, unit: &[f32], wanted: impl Fn(usize) -> bool) -> [Option<Match<'_>>; 2] {
        if unit.len() != self.model.dimension {
            return [None, None];
        }
        let mut best: [(usize, f32); 2] = [(usize::MAX, f32::NEG_INFINITY); 2];
        self.rows.products(unit, wanted, |row, similarity| {
            if similarity <= best[1].1 {
                return;
            }
            let owner = self.owners[row];
            if owner == best[0].0 {
                best[0].1 = best[0].1.max(similarity);
            } else if similarity > best[0].1 {
                best = [(owner, similarity), best[0]];
            } else {
                best[1] = (owner, similarity);
            }
        });
        best.map(|(owner, similarity)| self.people.get(owner).map(|person| Match { person, similarity }))
    }
}

/// From when and until when a person may be compared; never, without consent.
fn term(person: &Person) -> [Timestamp; 2] {
    let consent = &person.consent;
    if consent.recognise { [consent.given, consent.until.unwrap_or(Timestamp::MAX)] } else { [Timestamp::MAX, 0] }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::consent::Consent;
    use crate::person::Names;

    pub(crate) const DIMENSION: usize = 19;
    pub(crate) const NOW: Timestamp = 150;

    pub(crate) fn model() -> ModelId {
        ModelId { sha256: "ff".repeat(32), dimension: DIMENSION }
    }

    pub(crate) fn person(id: &str) -> Person {
        let consent =
            Consent { given: 100, text: "expo-2".into(), until: Some(200), recognise: true, ..Consent::default() };
        Person {
            id: id.into(),
            names: Names { latin: format!("name of {id}"), ..Names::default() },
            consent,
            ..Person::default()
        }
    }

    /// A direction that has this cosine with axis `axis`, the rest along the last axis.
    pub(crate) fn unit(axis: usize, cosine: f32) -> Vec<f32> {
        let mut unit = vec![0.0; DIMENSION];
        unit[axis] = cosine;
        unit[DIMENSION - 1] = (1.0 - cosine * cosine).sqrt();
        unit
    }

    pub(crate) fn gallery(people: &[(&str, usize)]) -> Gallery {
        let mut gallery = Gallery::new(model());
        for (id, axis) in people {
            let template = Template::of_unit(&model().sha256, unit(*axis, 1.0)).unwrap();
            gallery.add(person(id), &template).unwrap();
        }
        gallery
    }

    fn closest(gallery: &Gallery, unit: &[f32], now: Timestamp) -> [Option<(String, f32)>; 2] {
        gallery.closest(unit, now).map(|found| found.map(|found| (found.person.id.clone(), found.similarity)))
    }

    #[test]
    fn the_two_closest_people_are_found_and_a_persons_second_embedding_is_no_second_person() {
        let gallery = gallery(&[("a", 0), ("b", 1), ("a", 2), ("c", 3)]);
        let mut asked = vec![0.0; DIMENSION];
        (asked[0], asked[2], asked[1]) = (0.6, 0.7, 0.3);
        let [best, second] = closest(&gallery, &asked, NOW);
        assert_eq!((best, second), (Some(("a".into(), 0.7)), Some(("b".into(), 0.3))));
        (asked[0], asked[1], asked[3]) = (0.1, 0.2, 0.9);
        let [best, second] = closest(&gallery, &asked, NOW);
        assert_eq!((best, second), (Some(("c".into(), 0.9)), Some(("a".into(), 0.7))));
    }

    #[test]
    fn nobody_is_compared_after_the_end_of_consent_or_without_it() {
        let mut gallery = gallery(&[("a", 0)]);
        assert_eq!(closest(&gallery, &unit(0, 1.0), 199)[0], Some(("a".into(), 1.0)));
        assert_eq!(closest(&gallery, &unit(0, 1.0), 200), [None, None]);
        assert_eq!(closest(&gallery, &unit(0, 1.0), 99), [None, None]);
        let mut withdrawn = person("a");
        withdrawn.consent.recognise = false;
        gallery.add(withdrawn, &Template::of_unit(&model().sha256, unit(1, 1.0)).unwrap()).unwrap();
        assert_eq!(closest(&gallery, &unit(0, 1.0), NOW), [None, None]);
        assert_eq!(gallery.closest_of_all(&unit(0, 1.0))[0].as_ref().unwrap().person.id, "a");
    }

    #[test]
    fn forgetting_removes_every_embedding_of_one_person_and_of_no_other() {
        let gallery = gallery(&[("a", 0), ("b", 1), ("a", 2), ("c", 3)]).without("a").unwrap();
        assert!(gallery.without("a").is_none() && gallery.person("a").is_none());
        for (axis, who) in [(1, "b"), (3, "c")] {
            assert_eq!(closest(&gallery, &unit(axis, 0.9), NOW)[0].as_ref().unwrap().0, who);
        }
        for axis in [0, 2] {
            assert!(closest(&gallery, &unit(axis, 0.9), NOW)[0].as_ref().unwrap().1 < 0.01);
        }
    }

    #[test]
    fn an_embedding_of_another_model_is_refused_and_one_of_another_dimension_finds_nobody() {
        let mut gallery = gallery(&[("a", 0)]);
        let foreign = Template::of_unit(&"00".repeat(32), unit(0, 1.0)).unwrap();
        assert_eq!(gallery.add(person("b"), &foreign).unwrap_err().code(), "gallery.foreign-embedding");
        assert!(gallery.person("b").is_none());
        assert!(gallery.closest(&[1.0; 4], NOW)[0].is_none());
    }

    #[test]
    fn names_do_not_show_in_debug_output() {
        assert!(!format!("{:?}", gallery(&[("a", 0)]).people()).contains("name of"));
    }
}
