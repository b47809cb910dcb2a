//! The text of a manifest, joined at compile time: a section's content has to be a constant.

/// The length of the parts together.
#[must_use]
pub const fn length(parts: &[&str]) -> usize {
    let mut total = 0;
    let mut index = 0;
    while index < parts.len() {
        total += parts[index].len();
        index += 1;
    }
    total
}

/// The parts, one after the other.
#[must_use]
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut index) = (0, 0);
    while index < parts.len() {
        let part = parts[index].as_bytes();
        let mut byte = 0;
        while byte < part.len() {
            bytes[at] = part[byte];
            at += 1;
            byte += 1;
        }
        index += 1;
    }
    bytes
}

/// Declares what a plugin is: an item at the top of its library. It makes `mod input` and `mod output` with a typed
/// constant for each port, and the section that the host reads without running any code.
///
/// In this order: `name`, `summary`, `inputs`, `outputs`, `milestones`, `native`, `capabilities`, `alias`, `verbs`,
/// `schema`. Of these `name`, `summary` and `schema` are required. Name, version and licence of the crate are taken from Cargo.
///
/// - A port is `name: Type`. Before an input may stand `#[optional]` (it need not be wired) and `#[many]` (it takes
///   several producers); before an output `#[origin]` (it does not wait for the stage's inputs),
///   `#[feedback]` (an origin that only tells what nobody has to wait for, such as what became of what others sent, or what they
///   may prepare: nothing begins there, and nobody waits for its end) and `#[same_as(input)]` (its packets are those of that input).
/// - `native` names the native libraries that the plugin opens through [`service::native`](crate::service::native):
///   `"onnxruntime"`, or `"onnxruntime" = "1.22"` for one that it needs in this very version. A process holds one version
///   of each, so a pipeline whose plugins need two is refused before it starts.
/// - `capabilities`: `"finite"` for a source that ends; `"acts-on-events"` for a stage that must hear of what its
///   producers could not do, and is therefore no use while it is closed: `check` warns where it is lazy.
/// - `alias` is the word by which operators call the verbs: `majlis WORD VERB …`. Plugins that can take each other's place
///   share one.
/// - A verb is `"name": ("what it does", "path of its arguments' schema")`.
/// - `schema` is the path of the configuration's JSON Schema, from the file of the invocation;
///   `majlis_testkit::schema` holds it against the type and can write it.
#[macro_export]
macro_rules! manifest {
    (
        name: $name:literal,
        summary: $summary:literal,
        $(inputs: { $( $(#[$in_flag:ident])* $in:ident : $in_type:ty ),* $(,)? },)?
        $(outputs: { $( $(#[$out_flag:ident $(($out_arg:ident))?])* $out:ident : $out_type:ty ),* $(,)? },)?
        $(milestones: [ $($milestone:literal),* $(,)? ],)?
        $(native: [ $($native:literal $(= $native_version:literal)?),* $(,)? ],)?
        $(capabilities: [ $($capability:literal),* $(,)? ],)?
        $(alias: $alias:literal,)?
        $(verbs: { $( $verb:literal : ($verb_summary:literal, $verb_schema:literal) ),* $(,)? },)?
        schema: $schema:literal $(,)?
    ) => {
        /// The inputs of this plugin.
        #[allow(non_upper_case_globals, non_camel_case_types, dead_code, unused_imports, missing_docs)]
        pub mod input {
            use super::*;
            #[repr(u32)]
            enum Index { $($($in,)*)? End__ }
            $($(pub const $in: $crate::In<$in_type> = $crate::In::at(Index::$in as u32);)*)?
        }
        /// The outputs of this plugin.
        #[allow(non_upper_case_globals, non_camel_case_types, dead_code, unused_imports, missing_docs)]
        pub mod output {
            use super::*;
            #[repr(u32)]
            enum Index { $($($out,)*)? End__ }
            $($(pub const $out: $crate::Out<$out_type> = $crate::Out::at(Index::$out as u32);)*)?
        }
        #[doc(hidden)]
        pub mod manifest__ {
            #[allow(unused_imports)]
            use super::*;
            pub const NAME: &str = $name;
            pub const PARTS: &[&str] = &[
                "abi = 1\nname = \"", $name, "\"\nversion = \"", env!("CARGO_PKG_VERSION"),
                "\"\nsummary = \"", $summary, "\"\nlicence = \"", env!("CARGO_PKG_LICENSE"), "\"\n",
                $("milestones = [", $("\"", $milestone, "\", ",)* "]\n",)?
                $("native = [", $($crate::manifest!(@native $native $($native_version)?),)* "]\n",)?
                $("capabilities = [", $("\"", $capability, "\", ",)* "]\n",)?
                $("alias = \"", $alias, "\"\n",)?
                "config_schema = '''\n", include_str!($schema), "'''\n",
                $($(
                    "\n[[input]]\nname = \"", stringify!($in),
                    "\"\ntype = \"", <$in_type as $crate::Message>::TYPE, "\"\n",
                    $($crate::manifest!(@in $in_flag),)*
                )*)?
                $($(
                    "\n[[output]]\nname = \"", stringify!($out), "\"\n",
                    $crate::manifest!(@type $out_type; $($out_flag $(($out_arg))?)*),
                )*)?
                $($(
                    "\n[[verb]]\nname = \"", $verb, "\"\nsummary = \"", $verb_summary,
                    "\"\nargs_schema = '''\n", include_str!($verb_schema), "'''\n",
                )*)?
            ];
            pub const LENGTH: usize = $crate::manifest::length(PARTS);
            pub const BYTES: [u8; LENGTH] = $crate::manifest::join(PARTS);
            /// The manifest's text.
            pub const TEXT: &str = match std::str::from_utf8(&BYTES) {
                Ok(text) => text,
                Err(_) => panic!("the joined parts are text"),
            };
        }
    };
    (@native $name:literal) => { concat!("\"", $name, "\", ") };
    (@native $name:literal $version:literal) => {
        concat!("{ name = \"", $name, "\", version = \"", $version, "\" }, ")
    };
    (@in optional) => { "required = false\n" };
    (@in many) => { "many = true\n" };
    (@type $type:ty; same_as($input:ident)) => { concat!("type = \"same-as:", stringify!($input), "\"\n") };
    (@type $type:ty; origin) => {
        // Two parts in one: a `const` block keeps this a single list element.
        {
            const PARTS: &[&str] = &["type = \"", <$type as $crate::Message>::TYPE, "\"\norigin = true\n"];
            const BYTES: [u8; $crate::manifest::length(PARTS)] = $crate::manifest::join(PARTS);
            match std::str::from_utf8(&BYTES) { Ok(text) => text, Err(_) => panic!("the joined parts are text") }
        }
    };
    (@type $type:ty; feedback) => {
        {
            const PARTS: &[&str] = &["type = \"", <$type as $crate::Message>::TYPE, "\"\norigin = true\nfeedback = true\n"];
            const BYTES: [u8; $crate::manifest::length(PARTS)] = $crate::manifest::join(PARTS);
            match std::str::from_utf8(&BYTES) { Ok(text) => text, Err(_) => panic!("the joined parts are text") }
        }
    };
    (@type $type:ty;) => {
        {
            const PARTS: &[&str] = &["type = \"", <$type as $crate::Message>::TYPE, "\"\n"];
            const BYTES: [u8; $crate::manifest::length(PARTS)] = $crate::manifest::join(PARTS);
            match std::str::from_utf8(&BYTES) { Ok(text) => text, Err(_) => panic!("the joined parts are text") }
        }
    };
}
