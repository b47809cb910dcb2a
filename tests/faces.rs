//! A plugin's own word as a command.

use majlis_tests::{Ended, Folder, majlis, pipeline};
use serde_json::json;

fn one_stage(folder: &Folder) -> std::path::PathBuf {
    folder.write("one.toml", "[stage.helper]\nplugin = \"fixture-services\"\nconfig = { do = \"nothing\" }\n")
}

fn fixture(arguments: &[&str]) -> Ended {
    majlis(["fixture"]).args(arguments).run()
}

#[test]
fn a_plugins_word_calls_the_verbs_of_the_one_stage_that_has_it() {
    let folder = Folder::new();
    let file = one_stage(&folder);
    let asked = |arguments: &[&str]| majlis(["fixture"]).args(arguments).arg("--pipeline").arg(&file).run();
    assert_eq!(asked(&["twice", "21"]).with(0).stdout, "42\n");
    assert_eq!(asked(&["twice", "number=21", "--json"]).with(0).json(), 42);
    assert_eq!(majlis(["fixture", "twice", "21"]).env("MAJLIS_PIPELINE", &file).run().with(0).stdout, "42\n");
    assert_eq!(asked(&["twice", "21", "--stage", "helper"]).with(0).stdout, "42\n");

    let people = asked(&["guests", "title=Dr"]).with(0).stdout;
    assert_eq!(people, "\nguests\n  id  name\n  g1  \u{2068}Dr نورة\u{2069}\n  g2  Dr Salem\n");
    assert_eq!(asked(&["guests", "--json"]).with(0).json()["guests"][1]["id"], "g2");

    let refused = asked(&["twice", "5000"]).with(1);
    assert!(refused.stderr.contains("too much") && refused.stdout.is_empty(), "{refused:?}");
    let refused = asked(&["twice", "5000", "--json"]).with(1);
    assert_eq!(refused.json()["diagnostics"][0]["code"], "R0206", "{refused:?}");
    for (wrong, words) in [
        (&["twice", "many"][..], "number"),
        (&["twice", "1", "2"], "`2` is no argument: `twice NUMBER`"),
        (&["twise", "1"], "did you mean `twice`?"),
        (&["twice"], "number"),
    ] {
        let ended = asked(wrong).with(2);
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn what_a_word_can_do_is_told_without_a_pipeline() {
    for listed in [fixture(&[]), fixture(&["--help"])] {
        let listed = listed.with(0).stdout;
        for part in
            ["twice NUMBER  Doubles a number", "guests        Lists two guests", "MAJLIS_PIPELINE", "--stage NAME"]
        {
            assert!(listed.contains(part), "`{part}` is missing: {listed}");
        }
    }
    let help = fixture(&["twice", "--help"]).with(0).stdout;
    assert!(
        help.contains("majlis fixture twice NUMBER") && help.contains("number=NUMBER  (needed)\n      The number."),
        "{help}"
    );
    let json = fixture(&["--json"]).with(0).json();
    assert_eq!((&json["alias"], &json["verbs"][1]["name"]), (&json!("fixture"), &json!("guests")), "{json:#}");
    let words = majlis(["plugins", "list"]).run().with(0).stdout;
    assert!(words.contains("majlis fixture …"), "{words}");
}

#[test]
fn which_pipeline_and_which_stage_is_asked_for_where_it_is_not_clear() {
    let folder = Folder::new();
    let unsaid = fixture(&["twice", "21"]).with(2);
    assert!(unsaid.stderr.contains("R0207") && unsaid.stderr.contains("--pipeline FILE"), "{unsaid:?}");
    assert!(unsaid.stderr.contains("MAJLIS_PIPELINE"), "{unsaid:?}");
    let empty = majlis(["fixture", "twice", "21", "--json"]).env("MAJLIS_PIPELINE", "").run().with(2);
    assert_eq!(empty.json()["diagnostics"][0]["code"], "R0207");

    let stage =
        |name: &str| format!("[stage.{name}]\nplugin = \"fixture-services\"\nconfig = {{ do = \"nothing\" }}\n");
    let two = folder.write("two.toml", stage("left") + &stage("right"));
    let asked =
        |arguments: &[&str]| majlis(["fixture", "twice", "21"]).args(arguments).arg("--pipeline").arg(&two).run();
    let several = asked(&[]).with(2);
    assert!(several.stderr.contains("left, right") && several.stderr.contains("--stage NAME"), "{several:?}");
    assert_eq!(asked(&["--stage", "right"]).with(0).stdout, "42\n");
    let nobody = asked(&["--stage", "middle"]).with(2);
    assert!(nobody.stderr.contains("`middle`") && nobody.stderr.contains("left, right"), "{nobody:?}");

    let none = majlis(["fixture", "twice", "21", "--pipeline"]).arg(pipeline("demo.toml")).run().with(2);
    assert!(none.stderr.contains("no stage that does `majlis fixture`"), "{none:?}");
    let missing = majlis(["fixture", "twice", "21", "--pipeline", "nowhere.toml"]).run().with(3);
    assert!(missing.stderr.contains("nowhere.toml cannot be read"), "{missing:?}");
    let wrong = folder.write("wrong.toml", "[stage.helper]\nplugin = \"fixture-servces\"\n");
    let wrong = majlis(["fixture", "twice", "21", "--json", "--pipeline"]).arg(wrong).run().with(3);
    assert_eq!(wrong.json()["diagnostics"][0]["code"], "E0301", "{wrong:?}");
}

#[test]
fn a_word_that_nobody_knows_gets_the_error_of_a_mistyped_verb() {
    let folder = Folder::new();
    let file = one_stage(&folder);
    for (typed, meant) in
        [(&["fixtrue", "twice"][..], "'fixture'"), (&["chekc", "x.toml"], "'check'"), (&["stge", "--json"], "'stage'")]
    {
        let unknown = majlis(typed).run().with(2);
        assert!(unknown.stderr.contains("unrecognized subcommand") && unknown.stderr.contains(meant), "{unknown:?}");
        let unknown = majlis(typed).env("MAJLIS_PIPELINE", &file).run().with(2);
        assert!(unknown.stderr.contains(meant), "{unknown:?}");
    }
    let log = majlis(["--log", "json", "fixtrue"]).run().with(2).log();
    assert!(log[0]["message"].as_str().is_some_and(|message| message.contains("'fixture'")), "{log:?}");
    let misused = fixture(&["twice", "--colour"]).with(2);
    assert!(misused.stderr.contains("unexpected argument '--colour'"), "{misused:?}");
    // No plugins, no words.
    let unknown = majlis_tests::Majlis::without_plugins(["fixture", "twice"]).run().with(2);
    assert!(unknown.stderr.contains("unrecognized subcommand 'fixture'"), "{unknown:?}");
}
