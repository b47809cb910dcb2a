//! Two ways to look at mapped files, in a process of their own: the kernel's list is read in pieces, so another test that
//! maps something meanwhile would disturb it.

use majlis_meter::resident::{MappedFile, Snapshot, ThisProcess};

#[test]
fn both_ways_to_look_at_mapped_files_see_the_same() {
    let libraries = |files: Vec<MappedFile>| files.into_iter().filter(|file| file.library).collect::<Vec<_>>();
    // Pages of libraries only come in, so what the slow way sees lies between what the quick way sees around it.
    let before = libraries(Snapshot::mapped_files().unwrap());
    let whole = libraries(Snapshot::take(&ThisProcess).unwrap().files);
    let after = libraries(Snapshot::mapped_files().unwrap());
    assert!(before.len() >= 2, "the program and its C library");
    for file in &before {
        let same = |files: &[MappedFile]| files.iter().find(|other| other.path == file.path).cloned();
        let (whole, after) = (same(&whole).expect("seen both ways"), same(&after).expect("it stays mapped"));
        assert_eq!((file.mapped, after.mapped), (whole.mapped, whole.mapped), "{}", file.path);
        let between = file.resident..=after.resident;
        assert!(between.contains(&whole.resident), "{whole:?} is not in {between:?}");
    }
    assert!(before.iter().map(|file| file.resident).sum::<u64>() > 500_000);
}
