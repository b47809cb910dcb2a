//! The boundary grows by extension tables alone: a plugin that was built against a later minor runs in this host, and the
//! plugins of today are opened by a host of a later minor.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use majlis_tests::{Folder, Majlis, binary, plugins, root};
use serde_json::Value;

/// A picture of 4 by 2 pixels.
const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04\x00\x00\x00\x02\x08\x02\x00\x00\x00\xf0\
\xca\xea\x34\x00\x00\x00\x22\x49\x44\x41\x54\x78\x9c\x05\xc1\x31\x01\x00\x00\x0c\xc2\x30\x94\xc0\x8b\x1c\xe4\x4c\x62\x65\x2d\x91\x70\xf1\xf0\x61\
\x89\x94\x8c\x1c\x79\x72\x40\x09\x15\x6e\x17\xa6\x4a\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// Both sides of the grown boundary: its plugin `identity`, and its host.
fn built() -> &'static [PathBuf; 2] {
    static BUILT: OnceLock<[PathBuf; 2]> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = binary().parent().and_then(Path::parent).expect("target/PROFILE").join("abi-growth");
        let built =
            Command::new("bash").arg(root().join("tests/abi-growth.sh")).arg(folder).output().expect("bash is there");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let said = String::from_utf8_lossy(&built.stdout);
        let paths: Vec<PathBuf> = said.lines().map(PathBuf::from).collect();
        paths.try_into().unwrap_or_else(|paths| panic!("a plugin and a host were expected: {paths:?}"))
    })
}

/// (major, minor) of each preamble in a library's bytes.
fn minors(library: &Path) -> Vec<(u32, u32)> {
    let bytes = std::fs::read(library).expect("a built library can be read");
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes);
    let heads = bytes.windows(8).enumerate().filter(|(_, window)| *window == b"MAJLISAB");
    heads.map(|(at, _)| (word(at + 8), word(at + 12))).collect()
}

#[test]
fn a_plugin_of_a_later_minor_runs_in_this_host() {
    let [later, _] = built();
    assert!(minors(later).contains(&(1, 1)), "it speaks 1.1: {:?}", minors(later));
    assert!(minors(&plugins().join("libmajlis_identity.so")).contains(&(1, 0)), "this host's own speak 1.0");

    let folder = Folder::new();
    let _ = folder.write("visitors/one.png", PICTURE);
    let file = folder.write(
        "growth.toml",
        r#"
            [stage.camera]
            plugin = "images"
            config = { path = "visitors", as_visits = true }

            [stage.later]
            plugin = "identity"
            inputs = { packet = "camera.frame" }

            [stage.lines]
            plugin = "jsonl"
            inputs = { packets = "later.passed" }
            config = { path = "lines.jsonl" }
        "#,
    );
    // Only these: the folder with everything has the other `identity`.
    for plugin in ["images", "jsonl"] {
        let library = format!("libmajlis_{plugin}.so");
        let _ = folder
            .write(&format!("plugins/{library}"), std::fs::read(plugins().join(&library)).expect("a built plugin"));
    }
    let _ = folder.write("plugins/later.so", std::fs::read(later).expect("a built plugin"));
    let run = |arguments: &[&str]| Majlis::without_plugins(arguments).arg("--plugins").arg(folder.file("plugins"));

    let _ = run(&["plugins", "why", "identity"]).run().with(0);
    let report = run(&["run", "--report", "json"]).arg(file).run().report();
    assert_eq!(
        (&report.stage("later")["calls"], &report.stage("later")["failed"]),
        (&report.stage("lines")["calls"], &0.into())
    );
    let line: Value = serde_json::from_str(folder.read("lines.jsonl").trim()).expect("the tap writes JSON");
    assert_eq!((&line["type"], &line["packet"]["width"]), (&"majlis/frame@1".into(), &4.into()));
}

#[test]
fn plugins_of_today_are_opened_by_a_host_of_a_later_minor() {
    let [later, host] = built();
    let open = |library: &Path| {
        let ended = Command::new(host).arg(library).output().expect("the grown host was built");
        assert!(ended.status.success(), "{}: {}", library.display(), String::from_utf8_lossy(&ended.stderr));
        String::from_utf8_lossy(&ended.stdout).trim().to_owned()
    };
    for plugin in ["avatar-console", "greeting", "identity", "images", "insightface", "jsonl", "replay"] {
        let library = plugins().join(format!("libmajlis_{}.so", plugin.replace('-', "_")));
        assert_eq!(open(&library), format!("{plugin} of minor 0 in a host of minor 1, without its table"));
    }
    assert_eq!(open(later), "identity of minor 1 in a host of minor 1, with its table");
}
