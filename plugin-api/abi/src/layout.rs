//! The layout of every type of the boundary, as text and as a hash.
//!
//! The hashes are constants, because a `link_section` static has to be one; a test walks abi_stable's layouts, which
//! exist at run time only, and holds the constants and a golden file of names, sizes and offsets against the walk.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TypeLayout};

use crate::{raw, root};

/// How many types the preamble lists.
pub const TYPES: usize = 13;

/// Their names, leaves first, so that the first difference names the smallest type that changed.
pub const NAMES: [&str; TYPES] = [
    "Error",
    "Flow",
    "Event",
    "Extension",
    "Buffer",
    "Packet",
    "Input",
    "Call",
    "Host",
    "Edge",
    "Open",
    "Stage",
    "Plugin",
];

/// Their hashes. `MAJLIS_BLESS=1 cargo test -p majlis-abi` prints new ones while the major is a draft.
pub const HASHES: [u64; TYPES] = include!("hashes.in");

/// The walk of each type, in the order of [`NAMES`].
#[must_use]
pub fn descriptions() -> [String; TYPES] {
    [
        describe(<raw::RawError as StableAbi>::LAYOUT),
        describe(<raw::RawFlow as StableAbi>::LAYOUT),
        describe(<raw::RawEvent as StableAbi>::LAYOUT),
        describe(<raw::RawExtension as StableAbi>::LAYOUT),
        describe(<raw::RawBuffer as StableAbi>::LAYOUT),
        describe(<raw::RawPacket as StableAbi>::LAYOUT),
        describe(<raw::RawInput<'static> as StableAbi>::LAYOUT),
        describe(<raw::RawCall as StableAbi>::LAYOUT),
        describe(<raw::RawHost as StableAbi>::LAYOUT),
        describe(<raw::RawEdge<'static> as StableAbi>::LAYOUT),
        describe(<raw::RawOpen<'static> as StableAbi>::LAYOUT),
        describe(<raw::StageBox as StableAbi>::LAYOUT),
        describe(<root::PluginModule_Ref as StableAbi>::LAYOUT),
    ]
}

/// 64-bit FNV-1a, which needs no dependency and no secret.
#[must_use]
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Names, sizes, alignments and offsets of a type and of everything that it reaches, one line each.
#[must_use]
pub fn describe(layout: &'static TypeLayout) -> String {
    let mut out = String::new();
    walk(layout, &mut BTreeSet::new(), &mut out);
    out
}

fn walk(layout: &'static TypeLayout, seen: &mut BTreeSet<String>, out: &mut String) {
    let name = layout.full_type().to_string();
    if !seen.insert(name.clone()) {
        return;
    }
    let mut reached: Vec<&'static TypeLayout> = Vec::new();
    let _ = writeln!(out, "{name} size {} align {}", layout.size(), layout.alignment());
    let fields = match layout.data() {
        TLData::Struct { fields } | TLData::Union { fields } => Some(fields),
        TLData::Enum(variants) => {
            for variant in variants.variant_names_iter() {
                let _ = writeln!(out, "  | {variant}");
            }
            Some(variants.fields)
        }
        TLData::PrefixType(prefix) => Some(prefix.fields),
        TLData::Primitive(_) | TLData::Opaque => None,
    };
    let struct_like = matches!(layout.data(), TLData::Struct { .. } | TLData::PrefixType(_));
    let mut offset = 0usize;
    for field in fields.into_iter().flat_map(|fields| fields.iter()) {
        let ty = field.layout();
        offset = offset.next_multiple_of(ty.alignment().max(1));
        let at = if struct_like { offset.to_string() } else { "?".into() };
        let _ = writeln!(
            out,
            "  {at:>4} {}: {}",
            field.name(),
            if field.is_function() { "fn".into() } else { field.full_type().to_string() }
        );
        for function in field.function_range().iter() {
            let mut parameters = Vec::new();
            for (name, parameter) in function.param_names.as_str().split(',').zip(function.param_type_layouts.iter()) {
                parameters.push(format!("{name}: {}", parameter().full_type()));
                reached.push(parameter());
            }
            let answer = function.return_type_layout().map(|layout| layout());
            reached.extend(answer);
            let answer = answer.map_or_else(|| "()".into(), |layout| layout.full_type().to_string());
            let _ = writeln!(out, "         ({}) -> {answer}", parameters.join(", "));
        }
        offset += ty.size();
        reached.push(ty);
    }
    // What a reference or a vtable pointer leads to stands here, outside of the type's own fields.
    reached.extend(layout.phantom_fields().iter().map(|field| field.layout()));
    for next in reached {
        walk(next, seen, out);
    }
}
