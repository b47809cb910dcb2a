//! All that is kept of a person.

use crate::crop::Crop;
use crate::person::Person;
use crate::template::Template;

/// What is kept of one photograph: vectors, one a model, and the face turned upright where that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Of different models.
    pub templates: Vec<Template>,
    /// What another model can make its vector of.
    pub crop: Option<Crop>,
}

/// All that is kept of a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Who, and what the person agreed to.
    pub person: Person,
    /// One a photograph.
    pub looks: Vec<Look>,
}
