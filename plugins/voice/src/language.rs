use std::collections::BTreeMap;

/// What is there for a language: for its BCP 47 tag, or for the tag without its last parts, as `ar` is for `ar-SA` (the
/// lookup of RFC 4647). Tags are compared without regard to case.
#[must_use]
pub fn lookup<'a, T>(of: &'a BTreeMap<String, T>, language: &str) -> Option<&'a T> {
    let mut tag = language;
    loop {
        if let Some((_, found)) = of.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag)) {
            return Some(found);
        }
        tag = tag.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_tag_that_fits_is_taken() {
        let of = BTreeMap::from([("ar".to_owned(), 1), ("ar-EG".to_owned(), 2)]);
        let found = ["ar-SA", "AR", "ar-eg", "ar-EG-u-nu-latn", "en", ""].map(|tag| lookup(&of, tag).copied());
        assert_eq!(found, [Some(1), Some(1), Some(2), Some(2), None, None]);
    }
}
