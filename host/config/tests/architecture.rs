//! The table of keys in `host/ARCHITECTURE.md` is the one that the code makes.

use std::path::Path;

use majlis_config::keys;

const BEGIN: &str = "<!-- keys -->\n";
const END: &str = "<!-- /keys -->";

#[test]
fn the_table_of_keys_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).expect("ARCHITECTURE.md can be read");
    let (before, rest) = text.split_once(BEGIN).expect("ARCHITECTURE.md says where its table of keys begins");
    let (table, after) = rest.split_once(END).expect("ARCHITECTURE.md says where its table of keys ends");
    let made = keys::markdown_table();
    if std::env::var_os("MAJLIS_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).expect("ARCHITECTURE.md can be written");
        return;
    }
    assert!(
        table == made,
        "the keys have changed; MAJLIS_BLESS=1 cargo test -p majlis-config --test architecture writes:\n{made}"
    );
}
