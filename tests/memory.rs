//! Memory that native code of a plugin uses, by C's `malloc` and by `mmap`: the report knows it to 64 KiB.

use majlis_tests::{Folder, Report, close, mb, mib, reported, root};

/// What the meter promises, in MiB.
const EXACT: f64 = 1.0 / 16.0;

fn run(folder: &Folder, text: &str) -> Report {
    reported(folder.write("memory.toml", text))
}

/// One stage that does this.
fn alone(what: &str) -> Report {
    let text = format!("[stage.alone]\nplugin = \"fixture-memory\"\nconfig = {{ do = \"{what}\" }}\n");
    run(&Folder::new(), &text)
}

#[test]
fn blocks_of_malloc_on_a_shared_thread_are_the_stages_that_asked_for_them() {
    let report = run(
        &Folder::new(),
        r#"
            [stage.before]
            plugin = "fixture-memory"
            thread = "shared"
            config = { do = "untouched" }

            [stage.after]
            plugin = "fixture-memory"
            thread = "shared"
            inputs = { frame = "before.passed" }
            config = { do = "blocks" }
        "#,
    );
    let visit = report.visit();
    let before = visit.step("before (wake)");
    close("MiB that the first keeps", mib(&before["live_bytes"]), 64.0, EXACT);
    let after = visit.step("after");
    close("the second's peak in MiB", mib(&after["peak_bytes"]), 64.0, 0.1);
    close("MiB that the second keeps", mib(&after["live_bytes"]), 8.0, 0.1);
    close("the first's row of the heap", mib(report.row("heap", "before")), 64.0, EXACT);
    close("the second's row of the heap", mib(report.row("heap", "after")), 8.0, EXACT);
    report.assert_ledgers();
}

#[test]
fn memory_that_is_never_touched_is_heap_and_not_resident() {
    // The first run after a build reads libraries that nobody has read before, and may hold much of them for a while.
    let _first = alone("nothing");
    let (nothing, untouched) = (alone("nothing"), alone("untouched"));
    let row = |report: &Report| mib(report.row("heap", "alone"));
    close("MiB more of heap", row(&untouched) - row(&nothing), 64.0, EXACT);
    // Without files: how much of a program is in memory depends on who read it before.
    const OF_NO_FILE: [&str; 4] = ["heap in use", "kept by the allocator", "stacks", "rest"];
    let resident = |report: &Report| OF_NO_FILE.iter().map(|row| mib(report.row("resident", row))).sum::<f64>();
    close("MiB more of resident memory", resident(&untouched) - resident(&nothing), 0.0, 4.0);
    let heap = |report: &Report| mib(&report.run()["heap"]["total_bytes"]);
    close("MiB more of the allocator's own total", heap(&untouched) - heap(&nothing), 64.0, 1.0);
}

#[test]
fn buffers_that_the_next_stage_keeps_are_named_with_their_maker_and_their_holder() {
    let report = run(
        &Folder::new(),
        r#"
            [stage.maker]
            plugin = "fixture-memory"
            config = { do = "make" }

            [stage.holder]
            plugin = "fixture-memory"
            inputs = { frame = "maker.passed" }
            queue = { overflow = "block" }
            config = { do = "keep" }
        "#,
    );
    let table = report.run()["packets_in_flight"].as_array().expect("the report has a table of packets");
    let [row] = &table[..] else { panic!("one row was expected: {table:#?}") };
    assert_eq!((&row["producer"], &row["holder"], &row["count"]), (&"maker".into(), &"holder".into(), &8.into()));
    // A packet takes a slot of its pool: at least its header and its 4,096 pixels.
    assert!(row["bytes"].as_u64().is_some_and(|bytes| (8 * 4_160..8 * 16_384).contains(&bytes)), "{row}");
    assert!(
        report.stage("holder")["calls"].as_u64() >= Some(1_000),
        "nothing was dropped: {:#}",
        report.stage("holder")
    );
    // They are no heap of the maker: frames never pass malloc.
    assert!(mib(report.row("heap", "maker")).abs() < 1.0, "{:#}", report.run()["heap"]);
}

#[test]
fn what_an_adopted_thread_keeps_is_its_stages_background() {
    let text = "[stage.alone]\nplugin = \"fixture-memory\"\ntitle = \"Avatar\"\nconfig = { do = \"background\" }\n";
    let report = run(&Folder::new(), text);
    close("MiB of the background", mib(report.row("heap", "Avatar (background)")), 32.0, EXACT);
    assert!(mib(report.row("heap", "Avatar")) < 1.0, "{:#}", report.run()["heap"]);
    assert_eq!(report.run()["unclaimed_threads"], serde_json::json!([]));
    report.assert_ledgers();
}

#[test]
fn a_file_that_is_mapped_during_an_opening_is_that_openings() {
    const LENGTH: usize = 100_000_000;
    let folder = Folder::new();
    let _ = folder.write("weights.bin", vec![7; LENGTH]);
    let report = run(
        &folder,
        r#"
            [stage.plain]
            plugin = "fixture-memory"
            config = { do = "nothing" }

            [stage.model]
            plugin = "fixture-memory"
            inputs = { frame = "plain.passed" }
            config = { do = "map", file = "weights.bin" }
        "#,
    );
    let mapped = |stage: &str| {
        let files = report.opening(stage)["mapped"].as_array().expect("an opening lists what it mapped").clone();
        files.into_iter().find(|file| file["file"] == "weights.bin")
    };
    let weights = mapped("model").expect("the opening that mapped the file names it");
    close("the file's MiB", mib(&weights["bytes"]), LENGTH as f64 / f64::from(1 << 20), EXACT);
    assert_eq!(mapped("plain"), None);
    close("the file's row of resident memory", mb(report.row("resident", "weights.bin")), 100.0, 0.1);
    assert!(mib(&report.opening("model")["live_bytes"]) < 1.0, "a mapping is no heap: {:#}", report.opening("model"));
}

#[test]
fn a_gate_that_is_asked_all_day_allocates_for_its_first_frames_alone() {
    let allocated = |frames: usize| {
        let pictures = ["1-salem.png", "5-empty.png"].map(|name| root().join("models/demo/visitors").join(name));
        let paths: Vec<String> = (0..frames).map(|number| format!("{:?}", pictures[number / 10 % 2])).collect();
        let text = format!(
            "[stage.camera]\nplugin = \"images\"\nconfig = {{ fps = 100, paths = [{}] }}\n\n[stage.gate]\nplugin = \"scene-gate\"\n\
             inputs = {{ frame = \"camera.frame\" }}\n",
            paths.join(", ")
        );
        let report = run(&Folder::new(), &text);
        let gate = report.stage("gate");
        assert_eq!(gate["calls"].as_u64(), Some(frames as u64), "it is asked about each");
        gate["allocated_bytes"].as_u64().expect("a number")
    };
    assert_eq!(allocated(200), allocated(40), "whatever a frame shows, and whether or not it goes on");
}
