#!/usr/bin/env bash
# Builds the plugin `identity` against a boundary that has grown: majlis-abi 1.1.0, minor 1, with an extension table that
# this host does not know. Prints the path of the library.
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
awk '/^members = \[/ { print "members = [\"plugin-api\", \"plugin-api/abi\", \"plugins/identity\"]"; skip = 1 }
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

# Only what differs is written, or everything would be built anew each time.
cd "$staged"
find . -type f | while read -r file; do
  if ! cmp -s "$file" "$folder/$file"; then
    mkdir -p "$folder/$(dirname "$file")"
    cp "$file" "$folder/$file"
  fi
done
cd "$folder"
CARGO_TARGET_DIR=$folder/target cargo build --offline --quiet -p majlis-identity >&2
echo "$folder/target/debug/libmajlis_identity.so"
