#!/usr/bin/env bash
# Builds both sides of a boundary that has grown: majlis-abi 1.1.0, minor 1, with an extension table that this host does not
# know. Prints the path of the plugin `identity` of that boundary, and of a host that opens a library as the loader does.
#
#   tests/abi-growth.sh FOLDER     FOLDER keeps the sources and what was built, so that the second time is quick
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
mkdir -p "$folder"
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT

mkdir "$staged/plugins"
cp -a "$root/plugin-api" "$staged/plugin-api"
cp -a "$root/plugins/identity" "$staged/plugins/identity"
cp "$root/Cargo.lock" "$staged/Cargo.lock"
# The workspace's own manifest, with these members alone.
awk '/^members = \[/ { print "members = [\"growth-host\", \"plugin-api\", \"plugin-api/abi\", \"plugins/identity\"]"; skip = 1 }
     !skip { print }
     skip && /\]$/ { skip = 0 }' "$root/Cargo.toml" >"$staged/Cargo.toml"

# Ends with what sed is for: a change that finds nothing is a failure.
change() {
  local file=$staged/$1 from=$2 to=$3
  grep -qF "$from" "$file" || { echo "abi-growth: \`$from\` does not stand in $1 any more" >&2; exit 1; }
  FROM=$from TO=$to perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
}
change plugin-api/abi/Cargo.toml 'version = "1.0.0"' 'version = "1.1.0"'
change plugin-api/abi/src/lib.rs 'pub const MINOR: u32 = 0;' 'pub const MINOR: u32 = 1;'
change plugin-api/abi/src/lib.rs 'pub mod entry;' 'pub mod entry; pub mod growth;'
change plugin-api/src/lib.rs '    pub use majlis_abi::preamble' '    pub use majlis_abi::growth::answer; pub use majlis_abi::preamble'
change plugin-api/src/export.rs 'fn extension(_id: abi::RStr<' 'fn extension(id: abi::RStr<'
change plugin-api/src/export.rs 'abi::RNone' '$crate::__private::answer(id)'
cat >"$staged/plugin-api/abi/src/growth.rs" <<'RUST'
//! A table of a later minor.

use abi_stable::StableAbi;
use abi_stable::std_types::{RNone, ROption, RSome, RStr};

use crate::raw::RawExtension;

/// The table.
#[repr(C)]
#[derive(StableAbi)]
pub struct GrowthTable {
    /// What is new.
    pub grown: extern "C" fn() -> u32,
}

extern "C" fn grown() -> u32 {
    1
}

static TABLE: GrowthTable = GrowthTable { grown };

/// The table by its id.
#[must_use]
pub fn answer(id: RStr<'_>) -> ROption<RawExtension> {
    if id.as_str() == "growth/1" {
        RSome(RawExtension { layout: <GrowthTable as StableAbi>::LAYOUT, table: std::ptr::from_ref(&TABLE).cast() })
    } else {
        RNone
    }
}
RUST

mkdir -p "$staged/growth-host/src"
cat >"$staged/growth-host/Cargo.toml" <<'TOML'
[package]
name = "growth-host"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
libloading = { version = "0.9", default-features = false, features = ["std"] }
majlis-abi.workspace = true
TOML
cat >"$staged/growth-host/src/main.rs" <<'RUST'
//! A host of the grown boundary: opens a plugin, checks it in the loader's order, makes an instance, says who it is.

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use majlis_abi::preamble::Preamble;
use majlis_abi::root::{PREAMBLE_SYMBOL, Plugin, ROOT_SYMBOL};

fn main() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("which library?")?;
    // SAFETY: the test names a library that it built, and this process never closes it.
    let plugin = unsafe {
        let library = Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL).map_err(|error| error.to_string())?;
        let at = |name: &str| library.get::<*const ()>(name).map(|symbol| symbol.as_raw_ptr().cast_const());
        let preamble = at(PREAMBLE_SYMBOL).map_err(|error| error.to_string())?;
        let root = at(ROOT_SYMBOL).map_err(|error| error.to_string())?;
        std::mem::forget(library);
        Preamble::at(preamble.cast()).and_then(|preamble| preamble.check()).map_err(|error| error.to_string())?;
        Plugin::from_symbol(root.cast())?
    };
    let who = plugin.describe();
    let made = plugin.create().map_err(|error| error.message.to_string())?;
    drop(made);
    let grown = if plugin.extension("growth/1").is_some() { "with" } else { "without" };
    println!("{} of minor {} in a host of minor {}, {grown} its table", who.name, who.abi_minor, majlis_abi::MINOR);
    Ok(())
}
RUST

# Only what differs is written, or everything would be built anew each time.
cd "$staged"
find . -type f | while read -r file; do
  if ! cmp -s "$file" "$folder/$file"; then
    mkdir -p "$folder/$(dirname "$file")"
    cp "$file" "$folder/$file"
  fi
done
cd "$folder"
CARGO_TARGET_DIR=$folder/target cargo build --offline --quiet -p majlis-identity -p growth-host >&2
echo "$folder/target/debug/libmajlis_identity.so"
echo "$folder/target/debug/growth-host"
