//! Every code of a refusal and what it means: the one table that messages, `explain` and the documentation share.

macro_rules! codes {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[doc = $text]
            pub const $name: &str = stringify!($name);
        )*

        /// Each code with its explanation, in order.
        pub const ALL: &[(&str, &str)] = &[$(($name, $text)),*];
    };
}

codes! {
    L0101 = "The library's file cannot be read: it is gone, a folder, not readable for this user, or larger than 1 GiB. \
             Check its permissions and that the path is a regular file.";
    L0102 = "The library's file is empty: a copy was interrupted or the disk was full. Install the plugin again.";
    L0103 = "The file is not an ELF library, whatever its name says: often a text file, a saved error page or a \
             library of another system. Install the plugin's build for Linux.";
    L0104 = "The library was built for another kind of machine (word size, byte order or processor). Install the build for \
             this machine.";
    L0105 = "The ELF file is not a shared library: it is a program, an object file or a core dump. Build the plugin with \
             `crate-type = [\"cdylib\"]`.";
    L0106 = "The library is truncated: its headers speak of bytes that the file does not have. Opening it would end the \
             process (SIGBUS). Install the plugin again.";
    L0107 = "The library's tables (sections, segments, dynamic entries or symbols) contradict themselves or end before \
             they should: the file is truncated or damaged. Install the plugin again; a tool that strips or packs \
             libraries may be the cause.";
    L0108 = "The file is a proper shared library, but no Majlis plugin: it has no `.stage.manifest` and no `.stage.abi` \
             section. Put native libraries that plugins need elsewhere, or name them in a plugin's manifest; build a \
             plugin with `manifest!` and `export_stage!`.";
    L0109 = "A part of the plugin is missing: it has some but not all of `.stage.manifest`, `.stage.abi` and the exported \
             symbols of the boundary. A version script or an over-eager strip removed it, or `export_stage!` is not in \
             the library.";
    L0110 = "The plugin's manifest cannot be read: its text is not UTF-8, not TOML, or has keys that this host does not \
             know. Build the plugin with the `manifest!` macro of this host's plugin-api.";
    L0111 = "The section `.stage.abi` does not hold a preamble of the boundary. Build the plugin with majlis-plugin-api.";
    L0112 = "The plugin speaks another major of the boundary than this host. A major never changes after its release, so \
             one of the two has to be replaced: the newer major needs a newer host, the older one a newer build of the \
             plugin.";
    L0113 = "The plugin was built with `panic = \"abort\"`: a panic in it would end the host instead of failing one call. \
             Remove the line from the profile that it is built with.";
    L0114 = "Host and plugin say the same major, but a type of the boundary has another layout: the plugin was built \
             against an unreleased or changed copy of majlis-abi. Build it against the released majlis-plugin-api.";

    L0201 = "Two libraries say the same plugin name. The one in the folder that is searched first is used, the other one is \
             refused. Remove one of the two, or change the order of the folders.";
    L0202 = "A folder of plugins cannot be read. Check the path and its permissions.";
    L0203 = "The file is a plugin, but its name does not end in `.so`: folders are searched for such names only, so it is never \
             found. Rename it.";

    L0301 = "The store of plugin copies cannot be used: a plugin is copied into a private folder before it is opened, and \
             that folder cannot be made, belongs to another user, or cannot be kept private. Choose another cache folder.";
    L0302 = "The plugin could not be copied into the store, for example because the disk is full. Free some space and try \
             again.";
    L0303 = "The library on disk is not the one that was checked: its sha256 has changed in between. Nothing of it was \
             opened. Reload, so that the new one is checked.";
    L0304 = "The pipeline pins the plugin to a sha256 (`sha256 = \"…\"`) and the installed library has another one. Install \
             the pinned build, or change the pin after having looked at the new one.";

    L0401 = "A library that the plugin or native library needs is not installed, or not where the loader looks. Install the \
             package that brings it, put it beside the plugin, or name its folder in LD_LIBRARY_PATH.";
    L0402 = "A function or variable that the library needs is in none of the libraries that it is linked with: an older or \
             newer version of one of them is installed, or it was not linked at all.";
    L0403 = "The library was built on a newer system: a system library (often glibc) is older here than it needs. Install \
             a build for this system, or build it here.";
    L0404 = "The system refused to open the library; its own words are in the message. A file system that is mounted \
             `noexec` is a frequent cause for the store: choose another cache folder.";
    L0405 = "The opened library says something else than its bytes did: its preamble or its symbols are not where they \
             were read. It was made by a tool that the host does not understand. Build it with majlis-plugin-api.";
    L0406 = "The boundary's deep check found a layout that the preamble did not show. The long text is in the verbose \
             output. Build the plugin against the released majlis-plugin-api.";
    L0407 = "The opened plugin says another name or version than its manifest. The manifest was replaced after the build, \
             or the library exports the stage of another crate. Build the plugin again.";

    L0501 = "The plugin opened, and refused to make an instance; its own words are in the message. Other instances are not \
             affected, and it can be tried again.";

    L0601 = "Two stages need different versions of one native library, and one process can hold only one. Let both name the \
             same file. If the file was replaced while the host ran, restart the host.";
    L0602 = "A native library that a stage asks for cannot be read, or is no shared library of this machine.";
    L0603 = "A native library has another sha256 than the stage expects. Install the expected version.";
}

/// The long explanation of a code, for `majlis explain`.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_none_stands_twice() {
        assert!(ALL.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn an_unknown_code_has_no_explanation() {
        assert!(explain(L0112).is_some());
        assert_eq!(explain("L9999"), None);
    }
}
