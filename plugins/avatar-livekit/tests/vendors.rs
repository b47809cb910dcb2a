//! Vendors are data: what is shipped is right, what is wrong is told at its place, and an operator adds one without a compiler.

mod common;

use common::*;
use majlis_avatar_livekit::{Avatars, Config, KINDS, Profile, SHIPPED};
use majlis_plugin_api::AvatarStep;
use majlis_test_server::Server;
use majlis_testkit::Kit;
use serde_json::{Value, json};

#[test]
fn the_schemas_are_those_of_the_types() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
    majlis_testkit::schema::check::<Profile>("vendors/profile.schema.json");
}

#[test]
fn every_profile_that_is_shipped_fits_the_schema_and_has_no_fault() {
    let schema = std::fs::read_to_string("vendors/profile.schema.json").expect("the schema can be read");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for (file, text) in SHIPPED {
        let value: Value = toml::from_str(text).expect("TOML");
        let faults: Vec<String> =
            schema.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert_eq!(faults, Vec::<String>::new(), "{file}");
        let profile = Profile::parse(text).unwrap_or_else(|faults| panic!("{file}: {faults:?}"));
        assert_eq!(format!("{}.toml", profile.name), file);
    }
}

/// A vendor with a fault of each kind that a form alone does not show; its lines are counted below.
const BROKEN: &str = r#"name = "Acme Faces"
title = "Acme"
base_url = "api.acme.example"
sample_rate = 16
usual_start = "6s"
idle = "silence"
key = { header = "x-api-key" }

[options.country]
about = "where it is"

[[start]]
request = "POST v1/sessions"
answer = { session = "id" }

[start.body]
face = "{option.face}"
room = { url = "{livekit_ur}", token = "{token" }
again = ["{answer.other}", "{session}"]

[list]
request = "GET /v1/sessions"
session = "/id"
tag = "/name"

[[errors]]
means = "no-slot"
"#;

#[test]
fn each_fault_of_a_profile_is_told_at_its_place_and_all_at_once() {
    let faults = Profile::parse(BROKEN).expect_err("it is full of faults");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let expected = [
        (1, 8, "`Acme Faces` is no name"),
        (3, 12, "write `https://HOST`"),
        (4, 15, "16 samples a second"),
        (9, 1, "`country` is a key of every vendor"),
        (12, 1, "no body of `start` holds `{token}`"),
        (13, 11, "`POST v1/sessions` is no request"),
        (14, 22, "`id` is no place in an answer"),
        (17, 8, "there is no option `face`; add `[options.face]`"),
        (18, 16, "`{livekit_url}` is meant perhaps"),
        (18, 40, "`{token` has no end"),
        (19, 10, "no answer before this gives `other`"),
        (19, 28, "write `{answer.session}`"),
        (21, 1, "there is no `stop`"),
        (24, 7, "no body of `start` holds `{tag}`"),
        (26, 1, "it fits every error"),
    ];
    for (line, column, words) in expected {
        let found = faults.iter().any(|fault| fault.line == line && fault.what.contains(words));
        assert!(found, "nothing of `{words}` at line {line}, column {column}, in {told:#?}");
    }
    assert_eq!(faults.len(), expected.len(), "{told:#?}");
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, expected.map(|(line, column, _)| (line, column)));
}

/// Each of these files has one fault, and says in its first line where. `majlis check` is held against the same files.
#[test]
fn each_kind_of_fault_has_a_file_and_is_told_at_its_line() {
    for kind in KINDS {
        let file = format!("tests/faults/{kind}.toml");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let promised = text.lines().next().and_then(|line| line.strip_prefix("# line ")).expect("it says where");
        let faults = Profile::parse(&text).expect_err(kind);
        let lines: Vec<String> = faults.iter().map(|fault| fault.line.to_string()).collect();
        assert!(lines.iter().all(|line| line == promised), "{kind}: {faults:?}");
        assert!(faults.iter().any(|fault| fault.kind == kind), "{kind}: {faults:?}");
    }
    let files = std::fs::read_dir("tests/faults").expect("a folder").count();
    assert_eq!(files, KINDS.len(), "each file is of a kind");
}

#[test]
fn what_is_no_profile_at_all_is_told_with_line_and_column() {
    for (text, line, words) in [
        ("name = \"acme\"\ntitle = ", 2, "string"),
        ("name = \"acme\"\nidel = \"silence\"\n", 2, "unknown field `idel`"),
        ("name = \"acme\"\nusual_start = 6\n", 2, "usual_start"),
    ] {
        let faults = Profile::parse(text).expect_err("it is refused");
        assert_eq!(faults.len(), 1);
        let told = faults[0].to_string();
        assert_eq!(faults[0].line, line, "{told}");
        assert!(told.contains(words) || words == "usual_start" || words == "string", "{told}");
    }
}

fn refused(config: Value) -> (String, String) {
    let failure = Kit::<Avatars>::open(config).err().expect("it is refused");
    (failure.path.clone(), failure.to_string())
}

#[test]
fn what_an_operator_forgets_or_mistypes_is_told_at_its_key() {
    let key = json!(KEY);
    let ask = |config: Value| refused(config);
    for (config, path, words) in [
        (json!({}), "vendor", "`vendor = \"tavus\"`"),
        (json!({ "vendor": "tavus", "vendors": ["bey"] }), "vendors", "leave one of them out"),
        (json!({ "vendor": "tavsu" }), "vendor", "there is no vendor `tavsu`"),
        (
            json!({ "vendors": ["bey", "bey"], "vendor_options": { "bey": { "api_key": key, "avatar_id": "a" } } }),
            "vendors[1]",
            "twice",
        ),
        (
            json!({ "vendor": "bey", "vendor_options": { "bey": { "api_key": key } } }),
            "vendor_options.bey.avatar_id",
            "missing",
        ),
        (
            json!({ "vendor": "bey", "vendor_options": { "bey": { "avatar_id": "a" } } }),
            "vendor_options.bey.api_key",
            "BEY_API_KEY",
        ),
        (
            json!({ "vendor": "bey", "vendor_options": { "bey": { "api_key": key, "avatar": "a" } } }),
            "vendor_options.bey.avatar",
            "`avatar_id`",
        ),
        (
            json!({ "vendor": "bey", "vendor_options": { "bey": { "api_key": key, "avatar_id": "a", "base_url": "ftp://h" } } }),
            "vendor_options.bey.base_url",
            "http",
        ),
    ] {
        let (at, said) = ask(config);
        assert_eq!(at, path, "{said}");
        assert!(said.contains(words) && !said.contains("hunter"), "{said}");
    }
}

/// The example of a new vendor that the README shows.
fn readme_example() -> String {
    let readme = include_str!("../README.md");
    let (_, from) = readme.split_once("```toml\n# acme.toml\n").expect("the README shows the file of a new vendor");
    from.split_once("```").expect("an end of the listing").0.to_owned()
}

#[test]
fn an_operator_adds_the_vendor_of_the_readme_without_a_compiler() {
    let text = readme_example();
    let server = Server::start();
    // The test server knows no such vendor, but one that is asked in the same words.
    let text = text.replace("https://api.acme.example", &server.avatars_url("trugen"));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("acme.toml"), text).expect("a file");
    let config = json!({
        "vendor": "acme",
        "vendor_files": ["acme.toml"],
        "vendor_options": { "acme": { "api_key": KEY, "avatar_id": "a1" } },
    });
    let mut kit = builder().base(folder.path()).open(config).expect("it opens");
    let visit = visitor(&mut kit);
    server.wait("the request", |server| server.sessions().len() == 1);
    see(&mut kit, visit, 1, AvatarStep::Shown);
    assert!(speech(&kit, visit).is_some());
    kit.close().expect("it closes");
}

#[test]
fn the_file_of_a_vendor_is_named_with_each_of_its_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("acme.toml"), BROKEN).expect("a file");
    let config = json!({ "vendor": "acme", "vendor_files": ["acme.toml"] });
    let failure = builder().base(folder.path()).open(config).err().expect("it is refused");
    assert_eq!(failure.path, "vendor_files[0]");
    let said = failure.to_string();
    assert!(said.contains("acme.toml:1:8: ") && said.contains("acme.toml:26:1: "), "{said}");
}

#[test]
fn a_vendor_is_asked_in_the_region_that_is_near_the_server_of_the_room() {
    let (near, usual) = (Server::start(), Server::start());
    let text = readme_example().replace("https://api.acme.example", &usual.avatars_url("trugen"));
    let text =
        format!("{text}\n[regions.gulf]\nnear = [\"uae\", \"me-\"]\nbase_url = \"{}\"\n", near.avatars_url("trugen"));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("acme.toml"), text).expect("a file");
    let config = json!({
        "vendor": "acme",
        "vendor_files": ["acme.toml"],
        "vendor_options": { "acme": { "api_key": KEY, "avatar_id": "a1" } },
    });
    for (region, asked) in [("uae north", &near), ("us east", &usual), ("", &usual)] {
        let mut kit = builder().base(folder.path()).open(config.clone()).expect("it opens");
        let before = asked.sessions().len();
        let visit = kit.open_visit().expect("it is told");
        let mut invitation = invitation(visit, 1);
        invitation.region = region.into();
        kit.send(majlis_avatar_livekit::input::invite, visit, invitation).expect("the call goes well");
        asked.wait("the request", |server| server.sessions().len() == before + 1);
        kit.close().expect("it closes");
    }
}
