//! Texts of `.stage.manifest` sections.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod support;

use majlis_config::{Manifest, ManifestError};

const HEAD: &str = "abi = 1\nname = \"x\"\nversion = \"1\"\nsummary = \"\"\nlicence = \"MIT\"\n";

fn refused(text: &str) -> ManifestError {
    Manifest::parse(text).expect_err("the manifest must be refused")
}

#[test]
fn a_manifest_arrives_whole() {
    let text = format!(
        "{HEAD}capabilities = [\"finite\"]\nmilestones = [\"greeted\"]\n\
         [[output]]\nname = \"frame\"\ntype = \"majlis/frame@1\"\norigin = true\n\
         [[verb]]\nname = \"enrol\"\nsummary = \"adds a person\"\nargs_schema = '{{ \"type\": \"object\", \"properties\": {{ \"name\": {{}} }} }}'\n"
    );
    let manifest = Manifest::parse(&text).unwrap();
    assert!(manifest.source && manifest.finite && manifest.starts_by_itself());
    assert!(manifest.outputs[0].origin);
    assert_eq!(manifest.verbs[0].args_schema["type"], "object");
    assert_eq!(manifest.config_schema["additionalProperties"], false, "without a schema a plugin takes no keys");
}

#[test]
fn an_alias_calls_verbs_and_a_verb_says_which_words_fill_which_arguments() {
    let verb = |more: &str| {
        format!(
            "{HEAD}alias = \"people\"\n[[verb]]\nname = \"show\"\nsummary = \"\"\nargs_schema = '{{ \"properties\": {{ \"id\": {{}} }}{more} }}'\n"
        )
    };
    let manifest = Manifest::parse(&verb(", \"x-positional\": [\"id\"], \"x-answer\": [\"name\", \"id\"]")).unwrap();
    assert_eq!(manifest.alias.as_deref(), Some("people"));
    assert_eq!((manifest.verbs[0].positional(), manifest.verbs[0].answer_order()), (vec!["id"], vec!["name", "id"]));
    let plain = Manifest::parse(&verb("")).unwrap();
    assert!(plain.verbs[0].positional().is_empty() && plain.verbs[0].answer_order().is_empty());
    for wrong in [", \"x-positional\": [\"name\"]", ", \"x-positional\": \"id\"", ", \"x-answer\": [1]"] {
        assert_eq!(refused(&verb(wrong)).code(), "E0906", "{wrong}");
    }
    for (alias, words) in [("run", "own command line"), ("my people", "letters"), ("", "letters")] {
        let error = refused(&verb("").replace("\"people\"", &format!("\"{alias}\"")));
        assert!(error.code() == "E0904" && error.to_string().contains(words), "{error}");
    }
    let error = refused(&format!("{HEAD}alias = \"people\"\n"));
    assert!(error.code() == "E0904" && error.to_string().contains("no verbs"), "{error}");
}

#[test]
fn a_native_library_is_a_name_or_a_name_with_a_version() {
    let parse = |native: &str| Manifest::parse(&format!("{HEAD}native = {native}\n"));
    let both = parse(r#"["stdcxx", { name = "onnxruntime", version = "1.22" }, ]"#).unwrap().native;
    assert_eq!(both.iter().map(ToString::to_string).collect::<Vec<_>>(), ["stdcxx", "onnxruntime 1.22"]);
    for wrong in [r#"[{ name = "onnxruntime" }]"#, r#"[{ name = "x", version = "1", build = "2" }]"#, "[1]"] {
        let error = parse(wrong).unwrap_err();
        assert!(error.code() == "E0903" && error.to_string().contains("a native library is a name"), "{error}");
    }
}

#[test]
fn an_input_is_needed_and_single_unless_it_says_otherwise() {
    let manifest = Manifest::parse(&format!("{HEAD}[[input]]\nname = \"a\"\ntype = \"any\"\n")).unwrap();
    assert!(manifest.inputs[0].required && !manifest.inputs[0].many && !manifest.source);
    assert_eq!((manifest.input("a"), manifest.output("a")), (Some(0), None));
}

#[test]
fn each_way_to_be_wrong_has_its_code() {
    let cases = [
        ("E0901", "abi = = 1".to_owned()),
        ("E0902", HEAD.replace("abi = 1", "abi = 2") + "new_key = true\n"),
        ("E0903", HEAD.replace("summary = \"\"\n", "")),
        ("E0903", format!("{HEAD}colour = \"green\"\n")),
        ("E0904", HEAD.replace("\"x\"", "\"a b\"")),
        ("E0904", format!("{HEAD}[[input]]\nname = \"a\"\ntype = \"any\"\n[[input]]\nname = \"a\"\ntype = \"any\"\n")),
        ("E0904", format!("{HEAD}capabilities = [\"finite\"]\n[[input]]\nname = \"a\"\ntype = \"any\"\n")),
        ("E0905", format!("{HEAD}[[input]]\nname = \"a\"\ntype = \"frame\"\n")),
        ("E0905", format!("{HEAD}[[output]]\nname = \"a\"\ntype = \"any\"\n")),
        ("E0905", format!("{HEAD}[[output]]\nname = \"a\"\ntype = \"same-as:b\"\n")),
        ("E0905", format!("{HEAD}[[output]]\nname = \"a\"\ntype = \"majlis/frame@0\"\n")),
        (
            "E0905",
            format!(
                "{HEAD}[[input]]\nname = \"b\"\ntype = \"any\"\n[[output]]\nname = \"a\"\ntype = \"same-as:b\"\norigin = true\n"
            ),
        ),
        ("E0906", format!("{HEAD}config_schema = '{{'\n")),
        ("E0906", format!("{HEAD}config_schema = '{{ \"not\": {{}} }}'\n")),
        ("E0906", format!("{HEAD}[[verb]]\nname = \"v\"\nsummary = \"\"\nargs_schema = '3'\n")),
    ];
    for (code, text) in cases {
        let error = refused(&text);
        assert_eq!(error.code(), code, "{text}\n{error}");
    }
}

#[test]
fn a_refusal_names_its_place() {
    assert_eq!(
        refused(&format!("{HEAD}colour = \"green\"\n")).to_string().split(':').next(),
        Some("the manifest's line 6")
    );
    assert!(refused("abi = 1\nname = x\n").to_string().starts_with("the manifest is not TOML: line 2, column 8"));
}
