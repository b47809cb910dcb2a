//! Good pipelines and the graph that is made of them.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use majlis_config::{
    Load, OnFailure, Overflow, Pipeline, Restart, edge_worst_case_bytes, plugin_folders, worst_case_bytes,
};
use support::{checked, good, source};

fn pipeline(text: &str) -> Pipeline {
    let checked = checked(text);
    assert_eq!(checked.diagnostics, []);
    checked.pipeline.unwrap()
}

/// An edge by the names of its ends, as in the file.
fn edge<'p>(pipeline: &'p Pipeline, from: &str, to: &str) -> &'p majlis_config::Edge {
    let named = |edge: &&majlis_config::Edge| {
        let (producer, consumer) = (&pipeline.stages[edge.from], &pipeline.stages[edge.to]);
        format!("{}.{}", producer.name, producer.manifest.outputs[edge.output].name) == from
            && format!("{}.{}", consumer.name, consumer.manifest.inputs[edge.input].name) == to
    };
    pipeline.edges.iter().find(named).unwrap_or_else(|| panic!("there is no edge {from} → {to}"))
}

#[test]
fn every_key_of_the_host_arrives_in_the_graph() {
    let pipeline = pipeline(&good("riyadh"));
    assert_eq!(
        (pipeline.name.as_str(), pipeline.language.as_str(), pipeline.time_zone.as_str()),
        ("riyadh-expo", "ar-SA", "Asia/Riyadh")
    );
    assert_eq!((pipeline.max_visits, pipeline.drain_within), (8, Duration::from_secs(5)));
    assert_eq!(
        (pipeline.base.as_path(), &pipeline.plugins[..]),
        (Path::new("expo"), &[PathBuf::from("expo/plugins")][..])
    );
    assert_eq!(pipeline.until.as_deref(), Some("greeted"));
    let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["camera", "faces", "scene", "greeting", "avatar"]);
    let faces = &pipeline.stages[1];
    assert_eq!((faces.title.as_str(), faces.plugin.as_str()), ("التعرف على الوجوه", "insightface"));
    assert_eq!(
        (faces.load, faces.on_failure, faces.deadline),
        (Load::Prewarm, OnFailure::Stop, Some(Duration::from_secs(2)))
    );
    assert_eq!(faces.restart, Restart { max: 5, within: Duration::from_secs(300), delay: Duration::from_millis(100) });
    assert_eq!((faces.sha256, faces.checked_sha256), (Some([0x11; 32]), [0x11; 32]));
    assert_eq!(pipeline.threads[faces.thread], "vision");
    let frames = edge(&pipeline, "camera.frame", "faces.frame");
    assert_eq!((frames.depth, frames.overflow, frames.bytes), (1, Overflow::Latest, 32 << 20));
}

#[test]
fn what_is_not_written_has_its_default() {
    let pipeline = pipeline(
        "[stage.camera]\nplugin = \"camera\"\n[stage.faces]\nplugin = \"insightface\"\ninputs.frame = \"camera.frame\"\n",
    );
    assert_eq!(
        (pipeline.name.as_str(), pipeline.language.as_str(), pipeline.time_zone.as_str()),
        ("pipeline", "ar", "UTC")
    );
    assert_eq!((pipeline.max_visits, pipeline.drain_within, pipeline.until), (64, Duration::from_secs(10), None));
    let faces = &pipeline.stages[1];
    assert_eq!((faces.load, faces.on_failure, faces.deadline), (Load::Lazy, OnFailure::Skip, None));
    assert_eq!(faces.restart, Restart { max: 3, within: Duration::from_secs(60), delay: Duration::from_millis(200) });
    assert_eq!((faces.title.as_str(), pipeline.threads[faces.thread].as_str()), ("faces", "faces"));
    assert_eq!((pipeline.edges[0].depth, pipeline.edges[0].bytes), (4, 64 << 20));
}

#[test]
fn a_queue_of_one_input_goes_before_that_of_the_stage() {
    let pipeline = pipeline(&good("riyadh"));
    let faces = edge(&pipeline, "faces.faces", "greeting.faces");
    let scene = edge(&pipeline, "scene.scene", "greeting.scene");
    assert_eq!((faces.depth, faces.overflow), (2, Overflow::Block));
    assert_eq!((scene.depth, scene.overflow), (1, Overflow::DropOldest));
}

#[test]
fn behind_a_source_that_ends_nothing_is_dropped() {
    let finite = pipeline(&good("finite"));
    assert_eq!(edge(&finite, "photos.frame", "tap.in").overflow, Overflow::Block);
    assert_eq!(edge(&finite, "tap.out", "faces.frame").overflow, Overflow::Block);
    let mixed = good("finite")
        .replace("[\"photos.frame\"]", "")
        .replace("in = \"photos.frame\"", "in = [\"photos.frame\", \"live.frame\"]")
        + "\n[stage.live]\nplugin = \"camera\"\n";
    let mixed = pipeline(&mixed);
    assert_eq!(edge(&mixed, "photos.frame", "tap.in").overflow, Overflow::Block);
    assert_eq!(edge(&mixed, "live.frame", "tap.in").overflow, Overflow::Latest);
    assert_eq!(edge(&mixed, "tap.out", "faces.frame").overflow, Overflow::Latest, "one of its sources does not end");
}

#[test]
fn the_type_of_what_passes_through_is_known() {
    assert_eq!(edge(&pipeline(&good("finite")), "tap.out", "faces.frame").ty, "majlis/frame@1");
}

#[test]
fn only_what_leaves_an_origin_inside_a_loop_is_looping() {
    let pipeline = pipeline(&good("loop"));
    let looping: Vec<bool> = pipeline.edges.iter().map(|edge| edge.looping).collect();
    assert_eq!(looping.iter().filter(|looping| **looping).count(), 1);
    let frames = edge(&pipeline, "room.frame", "faces.frame");
    assert!(frames.looping);
    assert_eq!(frames.overflow, Overflow::Latest);
    assert!(!edge(&pipeline, "room.state", "states.in").looping, "it leaves the loop");
}

#[test]
fn a_small_message_in_a_loop_is_never_waited_for() {
    let text = "[stage.room]\nplugin = \"room\"\ninputs = { utterance = \"desk.utterance\" }\n\
                [stage.desk]\nplugin = \"host-desk\"\ninputs = { invite = \"room.invite\" }\n";
    let pipeline = pipeline(text);
    let invite = edge(&pipeline, "room.invite", "desk.invite");
    assert_eq!((invite.looping, invite.overflow), (true, Overflow::DropNewest));
}

#[test]
fn a_stage_that_acts_before_any_packet_is_not_lazy() {
    let pipeline = pipeline(&good("loop"));
    assert_eq!(pipeline.stages[pipeline.stage("room").unwrap()].load, Load::Prewarm);
    assert_eq!(pipeline.stages[pipeline.stage("faces").unwrap()].load, Load::Lazy);
}

#[test]
fn threads_in_a_circle_are_fine_where_an_edge_does_not_block() {
    let circle = |overflow: &str| {
        format!(
            "[stage.a]\nplugin = \"camera\"\nthread = \"x\"\n[stage.b]\nplugin = \"tap\"\ninputs.in = \"a.sound\"\nqueue.overflow = \"{overflow}\"\n\
             [stage.c]\nplugin = \"tap\"\nthread = \"x\"\nload = \"eager\"\ninputs.in = \"b.out\"\n"
        )
    };
    assert_eq!(checked(&circle("block")).diagnostics[0].code, "E0602");
    assert_eq!(checked(&circle("drop-oldest")).diagnostics, []);
}

#[test]
fn a_secret_is_resolved_and_never_shown() {
    let pipeline = pipeline(&good("riyadh"));
    let scene = &pipeline.stages[pipeline.stage("scene").unwrap()];
    assert_eq!(scene.config["api_key"], "sk-from-the-environment");
    assert_eq!(scene.config["model"], "small");
    assert_eq!(scene.secrets, ["/api_key"]);
    assert_eq!(scene.shown_config()["api_key"], "***");
    assert!(!format!("{pipeline:?}").contains("sk-from"));
}

#[test]
fn a_secret_out_of_a_file_loses_its_line_break() {
    let text = good("riyadh").replace("{ env = \"SCENE_KEY\" }", "{ file = \"secrets/key\" }");
    let pipeline = pipeline(&text);
    assert_eq!(pipeline.stages[pipeline.stage("scene").unwrap()].config["api_key"], "sk-from-a-file");
}

#[test]
fn a_path_starts_at_the_folder_of_the_file() {
    let riyadh = pipeline(&good("riyadh"));
    assert_eq!(riyadh.stages[1].config["sink"]["path"], "expo/faces.jsonl");
    let finite = pipeline(&good("finite"));
    assert_eq!(finite.stages[0].config["path"], "/data/expo/images", "an absolute variable stays absolute");
}

#[test]
fn the_folders_of_plugins_are_known_before_the_rest_is_right() {
    let text = "[pipeline]\nplugins = [\"build\", \"/opt/plugins\"]\n[stage.x]\nplugin = 3\n";
    assert_eq!(plugin_folders(&source(text)), [PathBuf::from("expo/build"), PathBuf::from("/opt/plugins")]);
    assert_eq!(plugin_folders(&source("[[")), [] as [PathBuf; 0]);
}

#[test]
fn what_a_plugin_says_of_its_configuration_is_shown_in_the_file() {
    let text = good("riyadh");
    let pipeline = pipeline(&text);
    let line = |path: &str| pipeline.locate(1, path).unwrap().line as usize;
    let at = |needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
    assert_eq!(line("threshold"), at("threshold"));
    assert_eq!(line("detector.least_side"), at("least_side"));
    assert_eq!(line("/detector/least_side"), at("least_side"));
    assert_eq!(line("detector.absent[3]"), at("detector"), "what is not there is shown at its table");
    assert_eq!(line(""), at("[stage.faces.config]"));
    assert_eq!(pipeline.locate(0, "x").unwrap().line as usize, at("[stage.camera]"));
    assert_eq!(pipeline.locate(99, ""), None);
    let diagnostic = pipeline.refused_by_plugin(1, "models", "the files of buffalo_l are not here").unwrap();
    assert_eq!((diagnostic.code, diagnostic.line as usize), ("E0713", at("models")));
    insta::assert_snapshot!(majlis_config::render(&[diagnostic], &source(&text), false));
}

#[test]
fn the_worst_case_of_a_queue_is_bounded_by_its_bytes() {
    let pipeline = pipeline(&good("riyadh"));
    let frame = 1920 * 1080 * 3;
    assert_eq!(edge_worst_case_bytes(&pipeline, edge(&pipeline, "camera.frame", "faces.frame")), 32 << 20);
    assert_eq!(edge_worst_case_bytes(&pipeline, edge(&pipeline, "camera.frame", "scene.frame")), 64 << 20);
    assert_eq!(edge_worst_case_bytes(&pipeline, edge(&pipeline, "scene.scene", "greeting.scene")), 9 * 64 * 1024);
    let all: u64 = pipeline.edges.iter().map(|edge| edge_worst_case_bytes(&pipeline, edge)).sum();
    assert_eq!(worst_case_bytes(&pipeline), all);
    let one = support::good("finite")
        .replace("[stage.tap]\nplugin = \"tap\"", "[stage.tap]\nplugin = \"tap\"\nqueue = { bytes = \"64 KiB\" }");
    let one = self::pipeline(&one);
    assert_eq!(edge_worst_case_bytes(&one, edge(&one, "photos.frame", "tap.in")), frame, "one packet always fits");
}

#[test]
fn a_number_of_a_plugin_may_come_from_the_environment() {
    let config = |config: &str| {
        let text = format!(
            "[stage.camera]\nplugin = \"camera\"\n[stage.faces]\nplugin = \"insightface\"\n\
             inputs.frame = \"camera.frame\"\nconfig = {{ {config} }}\n"
        );
        pipeline(&text).stages[1].config.clone()
    };
    assert_eq!(config("ids = { env = \"FEW\" }"), serde_json::json!({ "ids": 5 }));
    assert_eq!(config("threshold = { env = \"NONE\", default = 0.5 }"), serde_json::json!({ "threshold": 0.5 }));
    assert_eq!(config("largest_only = { env = \"QUIET\" }"), serde_json::json!({ "largest_only": false }));
    assert_eq!(config("size = [{ env = \"MANY\" }, 640]"), serde_json::json!({ "size": [1000, 640] }));
}

#[test]
fn a_stage_of_which_no_input_is_wired_is_opened_at_the_start() {
    let clock = "[stage.clock]\nplugin = \"clock\"\n";
    assert_eq!(pipeline(clock).stages[0].load, Load::Prewarm);
    let asked = format!(
        "{clock}inputs.asked = \"room.invite\"\n[stage.room]\nplugin = \"room\"\ninputs.utterance = \"clock.utterance\"\n"
    );
    assert_eq!(pipeline(&asked).stages[0].load, Load::Lazy);
}

#[test]
fn a_listener_that_is_not_lazy_and_a_language_that_is_known_need_no_word() {
    let text = "[pipeline]\nlanguage = \"en-GB\"\n[stage.camera]\nplugin = \"camera\"\n[stage.faces]\nplugin = \"insightface\"\n\
                inputs.frame = \"camera.frame\"\n[stage.welcome]\nplugin = \"welcome\"\nload = \"eager\"\n\
                inputs.faces = \"faces.faces\"\n";
    pipeline(text);
    let french = text.replace("en-GB", "fr");
    pipeline(&format!("{french}config = {{ texts = \"texts.toml\" }}\n"));
    pipeline(&format!("{french}config = {{ languages = [\"AR-sa\"] }}\n"));
}

#[test]
fn what_a_value_needs_is_there_when_it_is_wired_or_written() {
    let look = |config: &str, inputs: &str| {
        format!(
            "[stage.camera]\nplugin = \"camera\"\n[stage.faces]\nplugin = \"insightface\"\ninputs = {{ frame = \"camera.frame\" }}\n\
             [stage.look]\nplugin = \"look\"\ninputs = {{ frame = \"camera.frame\"{inputs} }}\nconfig = {{ {config} }}\n"
        )
    };
    pipeline(&look("", ", faces = \"faces.faces\""));
    pipeline(&look("faces = \"send\", notice = \"At the door\"", ""));
    let waits = |deadline: &str| {
        look(
            "answer_within = \"3s\"",
            &format!(", faces = \"faces.faces\" }}\ndeadline = \"{deadline}\"\nrestart = {{"),
        )
    };
    pipeline(&waits("3s"));
    let codes = |text: &str| checked(text).diagnostics.iter().map(|finding| finding.code).collect::<Vec<_>>();
    assert_eq!(codes(&look("faces = \"send\"", "")), ["E0205"]);
    // A wire that is wrong is reported as that.
    assert_eq!(codes(&look("", ", faces = \"faces.nothing\"")), ["E0503"]);
}

#[test]
fn files_that_are_as_the_plugin_says_pass_and_are_named_to_it_as_before() {
    let text = "[stage.camera]\nplugin = \"camera\"\n[stage.faces]\nplugin = \"insightface\"\n\
                inputs = { frame = \"camera.frame\" }\n[stage.phrases]\nplugin = \"phrases\"\n\
                inputs = { faces = \"faces.faces\" }\n[stage.phrases.config]\ntags = \"good/tags.toml\"\ndays = \"none\"\n\
                recordings = \"good\"\nprofiles = [{ env = \"PHOTOS\", append = \"profile.toml\" }]\nmore_profiles = \"good/profiles\"\n";
    let good = pipeline(text);
    let config = &good.stages[2].config;
    assert_eq!(config["tags"], "expo/good/tags.toml", "a path is joined");
    assert_eq!((&config["days"], &config["recordings"]), (&"none".into(), &"good".into()), "what is no path stays");
    let codes = |text: &str| checked(text).diagnostics.iter().map(|finding| finding.code).collect::<Vec<_>>();
    assert_eq!(codes(&text.replace("\"none\"", "\"\"")), ["E0709"], "an empty text is no file");
    assert_eq!(codes(&text.replace("\"none\"", "\"None\"")), ["E0716"]);
}

#[test]
fn values_that_go_together_and_tables_that_files_describe_otherwise_pass() {
    let agency = |hall: &str, config: &str| {
        format!(
            "[stage.hall]\nplugin = \"hall\"\n{hall}[stage.agency]\nplugin = \"agency\"\ninputs = {{ invite = \"hall.invite\" }}\n\
             [stage.agency.config]\n{config}\n"
        )
    };
    let codes = |text: &str| checked(text).diagnostics.iter().map(|finding| finding.code).collect::<Vec<_>>();
    assert_eq!(codes(&agency("", "service = \"other\"\nahead = 1")), [""; 0]);
    assert_eq!(codes(&agency("config = { dispatch = {} }\n", "service = \"other\"")), [""; 0]);
    assert_eq!(codes(&agency("", "service = \"drowsy\"")), [""; 0]);
    // A file may say something else of these names.
    assert_eq!(codes(&agency("", "services = [\"drowsy\", \"quick\"]\nahead = 1\nfiles = [\"quick.toml\"]")), [""; 0]);
    assert_eq!(
        codes(&agency("", "services = [\"drowsy\", \"quick\"]\nahead = 1\nfiles = []")),
        ["E0717", "E0205", "E0205"]
    );
}
