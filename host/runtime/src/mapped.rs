//! Which opening mapped a file. Openings on several threads overlap, and the system knows files by process only: so what
//! appears is charged once, and where it may be another's, the record says so.

use majlis_meter::record::MappedFile;

#[derive(Default)]
pub(crate) struct Mappings {
    /// As of the last look.
    known: Vec<MappedFile>,
    /// Openings that go on, the oldest first, with what they were charged with.
    open: Vec<(u16, Vec<MappedFile>)>,
}

impl Mappings {
    /// An opening begins; `look` tells what is mapped.
    pub(crate) fn begin(&mut self, stage: u16, look: impl FnOnce() -> Vec<MappedFile>) {
        self.charge(0, look());
        self.open.push((stage, Vec::new()));
    }

    /// An opening is over; `look` tells what is mapped. Gives what it mapped.
    pub(crate) fn end(&mut self, stage: u16, look: impl FnOnce() -> Vec<MappedFile>) -> Vec<MappedFile> {
        let Some(at) = self.open.iter().position(|(open, _)| *open == stage) else { return Vec::new() };
        self.charge(at, look());
        self.open.remove(at).1
    }

    /// Charges what is new to one of the openings.
    fn charge(&mut self, at: usize, now: Vec<MappedFile>) {
        let others: Vec<u16> =
            self.open.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, open)| open.0).collect();
        // What appears while nothing is opened is no opening's.
        if let Some((_, charged)) = self.open.get_mut(at) {
            for file in &now {
                let had = self.known.iter().find(|old| old.file == file.file).map_or(0, |old| old.bytes);
                if file.bytes > had {
                    add(charged, MappedFile { bytes: file.bytes - had, or_by: others.clone(), ..file.clone() });
                }
            }
        }
        self.known = now;
    }
}

fn add(charged: &mut Vec<MappedFile>, more: MappedFile) {
    match charged.iter_mut().find(|file| file.file == more.file) {
        Some(file) => {
            file.bytes += more.bytes;
            let new: Vec<u16> = more.or_by.into_iter().filter(|stage| !file.or_by.contains(stage)).collect();
            file.or_by.extend(new);
        }
        None => charged.push(more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(files: &[(&str, u64)]) -> Vec<MappedFile> {
        files.iter().map(|(file, bytes)| MappedFile { file: (*file).into(), bytes: *bytes, or_by: vec![] }).collect()
    }

    fn told(files: &[MappedFile]) -> Vec<(&str, u64, &[u16])> {
        files.iter().map(|file| (file.file.as_str(), file.bytes, file.or_by.as_slice())).collect()
    }

    #[test]
    fn an_opening_alone_is_charged_with_what_grew_and_not_with_what_was_there() {
        let mut mappings = Mappings::default();
        mappings.begin(3, || mapped(&[("libc", 5)]));
        let charged = mappings.end(3, || mapped(&[("libc", 7), ("model", 9)]));
        assert_eq!(told(&charged), [("libc", 2, &[][..]), ("model", 9, &[])]);
        mappings.begin(4, || mapped(&[("libc", 8), ("model", 9)]));
        assert!(mappings.end(4, || mapped(&[("libc", 8), ("model", 9)])).is_empty());
    }

    #[test]
    fn what_was_mapped_while_two_opened_is_charged_once_and_named_uncertain() {
        let mut mappings = Mappings::default();
        mappings.begin(0, || mapped(&[]));
        mappings.begin(1, || mapped(&[("first", 1)]));
        let second = mappings.end(1, || mapped(&[("first", 1), ("either", 2)]));
        let first = mappings.end(0, || mapped(&[("first", 1), ("either", 2), ("last", 4)]));
        assert_eq!(told(&second), [("either", 2, &[0][..])]);
        assert_eq!(told(&first), [("first", 1, &[][..]), ("last", 4, &[])]);
    }

    #[test]
    fn a_third_opening_does_not_hide_what_the_others_mapped_before() {
        let mut mappings = Mappings::default();
        mappings.begin(0, || mapped(&[]));
        mappings.begin(1, || mapped(&[]));
        mappings.begin(2, || mapped(&[("either", 2)]));
        assert!(mappings.end(2, || mapped(&[("either", 2)])).is_empty());
        assert!(mappings.end(1, || mapped(&[("either", 3)])).iter().map(|file| file.bytes).eq([1]));
        let first = mappings.end(0, || mapped(&[("either", 3)]));
        assert_eq!(told(&first), [("either", 2, &[1][..])]);
    }
}
