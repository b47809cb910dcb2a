//! The catalogue and the surroundings of the tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};

use majlis_config::{Catalogue, Checked, Entry, Fixed, Manifest, Refusal, Source, check};

/// The folder of this crate's tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The files of a folder with their names, in order.
pub(crate) fn files(folder: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(tests().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The plugins of `catalogue/`, and two that were refused.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (name, text) in files("catalogue") {
        let manifest = Manifest::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let path = PathBuf::from(format!("/plugins/lib{}.so", name.replace('-', "_")));
        catalogue.plugins.insert(name, Entry { manifest, path, sha256: [0x11; 32] });
    }
    catalogue.refused.push(Refusal {
        name: Some("avatar-hologram".to_owned()),
        path: PathBuf::from("/plugins/libavatar_hologram.so"),
        code: "L0104".to_owned(),
        reason: "it was built for ABI 2, this host speaks ABI 1".to_owned(),
        remedy: "install the plugin's build for this host".to_owned(),
    });
    catalogue.refused.push(Refusal {
        name: None,
        path: PathBuf::from("/plugins/libmajlis_robot_arm.so"),
        code: "L0101".to_owned(),
        reason: "the file ends in the middle of a segment".to_owned(),
        remedy: "copy the library again".to_owned(),
    });
    catalogue
}

/// A file of messages with a fault in each line that is spoken.
const ARABIC: &str = "\
hello =
    .display = مرحبا { $name } معنا
    .speak = مَرْحَبًا { $name } مَعَنَا
bye =
    .display = وداعا في 2027
    .speak = { $people ->
        [pair] وَدَاعًا
       *[other] وداعا في 2027
    }
";

/// A file with a mistake of each kind.
const TAGS: &str = "\
form = 'elsewhere'

[[tag]]
tag = 'Flowers'
sees = 'a bouquet'
ar = { display = 'ما أجمل هذه الزهور!', speak = 'مَا أَجْمَلَ هذه الزُّهُورْ!' }
en = { display = 'What beautiful flowers!', speek = 'What beautiful flowers!' }

[[tag]]
tag = 'gift'
see = 'a gift'
ar.display = 'هدية'
en = { display = 'A gift', speak = '1 gift' }

[[tag]]
tag = 'gift'
sees = 3
";

/// Lines that are not TOML, and one that is and has a mistake.
const NOT_TOML: &str = "\
[[tag]
tag = 'a'

[[tag]]
tag = 'b'
sees = b
sees = 'b'
sees = 'c'
[[tag]]
tag = 'c'
sees = 'c'
en = { display = 'c', dispaly = 'c' }
";

/// Names of what is elsewhere in the file: an option that is mistyped, one that there is not, and what only a later step keeps.
const NAMES: &str = "\
[options]
face = 'whose'

[[step]]
ask = '{token} {option.fase} {answer.session}'
answer.session = '/id'

[[step]]
ask = '{answer.sesion}{option.rate}'
";

/// Some variables and files.
pub(crate) fn surroundings() -> Fixed {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Fixed {
        env: pairs(&[
            ("SCENE_KEY", "sk-from-the-environment"),
            ("EMPTY", ""),
            ("SHORT", "sk-1"),
            ("MANY", "1000"),
            ("FEW", " 5"),
            ("QUIET", "false"),
            ("PHOTOS", "/data/expo"),
        ]),
        files: [
            ("expo/secrets/empty", "\n"),
            ("expo/secrets/key", "sk-from-a-file\n"),
            ("expo/words/ar.ftl", ARABIC),
            ("expo/words/fr.ftl", "hello =\n    .display = Salut { $nom } !\n    .speak = Salut { $nom } !\n"),
            ("expo/words/nl.ftl", "hello =\n    .display = Dag { $name }\n    .speak = Dag { $name }\nbye =\n    .display = Dag\n    .speak = Dag\n"),
            ("expo/phrases/tags.toml", TAGS),
            ("expo/phrases/not.toml", NOT_TOML),
            ("expo/recipes/names.toml", NAMES),
            ("expo/recipes/parts.toml", "stop = 'end'\n\n[[step]]\nask = 'begin'\n"),
            ("expo/recipes/good.toml", "[options]\nface = 'f'\n[[step]]\nask = '{token}'\nanswer.session = '/id'\n[[step]]\nask = '{option.face} {answer.session}'\n"),
            ("expo/recordings/say.toml", "[[say]]\nfile = 'wav/a.wav'\ntext = 'a'\n[[say]]\nfile = 'b.wav'\ntext = 'b'\n"),
            ("expo/recordings/wav/a.wav", ""),
            ("expo/profiles/bey.toml", "rate = '24k'\n"),
            ("expo/profiles/tavus.toml", "url = 'https://tavus.example'\nrate = 96_000\n"),
            ("expo/profiles/README.md", "# Profiles\n"),
            ("expo/good/tags.toml", "[[tag]]\ntag = 'gift'\nsees = 'a gift'\nar = { display = 'هدية', speak = 'هَدِيَّةْ' }\nfa = { display = 'هدیه' }\n"),
            ("expo/good/say.toml", "[[say]]\nfile = 'wav/a.wav'\ntext = 'a'\n"),
            ("expo/good/wav/a.wav", ""),
            ("expo/good/profiles/a.toml", "url = 'https://a.example'\n"),
            ("expo/good/profiles/b.txt", "no profile"),
            ("/data/expo/profile.toml", "url = 'https://tavus.example'\nrate = 24_000\n"),
            ("expo/words/en.ftl", "bye =\n    .display = Bye\n    .speak = Bye\n"),
        ]
            .map(|(path, text)| (PathBuf::from(path), text.to_owned()))
            .into(),
    }
}

/// A check of a text that is said to stand in `expo/pipeline.toml`.
pub(crate) fn checked(text: &str) -> Checked {
    check(&source(text), &catalogue(), &surroundings())
}

/// A text that is said to stand in `expo/pipeline.toml`.
pub(crate) fn source(text: &str) -> Source<'_> {
    Source { file: Path::new("expo/pipeline.toml"), text }
}

/// A text of `good/`.
pub(crate) fn good(name: &str) -> String {
    std::fs::read_to_string(tests().join("good").join(name).with_extension("toml")).unwrap()
}
