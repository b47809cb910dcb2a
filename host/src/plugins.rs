//! `majlis plugins`: what there is, what it is, and why something is refused.

use std::path::{Path, PathBuf};

use majlis_config::{Catalogue, Entry, Refusal};
use majlis_loader::Loader;
use serde_json::{Value, json};

use crate::cli::{Places, PluginsVerb};
use crate::talk::Problem;
use crate::{Exit, catalogue, codes, hex};

fn refusal_json(refusal: &Refusal) -> serde_json::Value {
    json!({ "name": refusal.name, "path": refusal.path, "code": refusal.code, "reason": refusal.reason, "remedy": refusal.remedy })
}

fn print_refusal(refusal: &Refusal) {
    say!("{}\n  {} [{}]\n  remedy: {}", refusal.path.display(), refusal.reason, refusal.code, refusal.remedy);
}

pub(crate) fn plugins(places: &Places, verb: &PluginsVerb) -> Exit {
    let (loader, catalogue) = catalogue::find(places, None);
    match verb {
        PluginsVerb::List { json } => {
            list(&catalogue, *json);
            Exit::Done
        }
        PluginsVerb::Inspect { name, json } => {
            match catalogue.plugins.get(name).or_else(|| by_file(&catalogue, name).0.into_iter().next()) {
                Some(entry) => {
                    inspect(entry, *json);
                    Exit::Done
                }
                None => not_there(name, &catalogue, *json),
            }
        }
        PluginsVerb::Why { name, json } => match outside(&catalogue, name) {
            // A file that no folder of the search holds is judged in its own, beside its companions.
            Some((folder, file)) => {
                let beside = loader.scan(&[folder]);
                why(&loader, &beside, &file.to_string_lossy(), *json)
            }
            None => why(&loader, &catalogue, name, *json),
        },
    }
}

fn list(catalogue: &Catalogue, as_json: bool) {
    if as_json {
        let plugins = catalogue.plugins.values().map(|entry| {
            let manifest = &entry.manifest;
            json!({ "name": manifest.name, "version": manifest.version, "summary": manifest.summary,
                    "alias": manifest.alias, "path": entry.path, "sha256": hex(&entry.sha256) })
        });
        let refused = catalogue.refused.iter().map(refusal_json);
        return say!("{}", json!({ "plugins": plugins.collect::<Value>(), "refused": refused.collect::<Value>() }));
    }
    if catalogue.plugins.is_empty() {
        say!("no plugins were found; name a folder with --plugins or MAJLIS_PLUGIN_PATH");
    }
    let longest = |of: fn(&Entry) -> &str| catalogue.plugins.values().map(|entry| of(entry).chars().count()).max();
    let name = longest(|entry| &entry.manifest.name).unwrap_or(0);
    let version = longest(|entry| &entry.manifest.version).unwrap_or(0);
    for Entry { manifest, .. } in catalogue.plugins.values() {
        let alias = manifest.alias.as_ref().map(|alias| format!("  (majlis {alias} …)")).unwrap_or_default();
        say!("{:name$}  {:version$}  {}{alias}", manifest.name, manifest.version, manifest.summary);
    }
    if !catalogue.refused.is_empty() {
        say!("\nrefused:");
    }
    catalogue.refused.iter().for_each(print_refusal);
}

fn why(loader: &Loader, catalogue: &Catalogue, name: &str, as_json: bool) -> Exit {
    let (mut entries, refused) = by_file(catalogue, name);
    let mut reasons: Vec<Refusal> = refused.into_iter().cloned().collect();
    if entries.is_empty() && reasons.is_empty() {
        reasons = loader.why(name);
        entries.extend(catalogue.plugins.get(name));
    }
    if entries.is_empty() && reasons.is_empty() {
        return not_there(name, catalogue, as_json);
    }
    if reasons.is_empty() {
        // The bytes are in order; whether it opens is only known by opening it.
        let opened = |entry: &&Entry| loader.open(entry, None).and_then(|opened| opened.create().map(drop));
        let refusals = entries.iter().filter_map(|entry| Some((entry, opened(entry).err()?)));
        reasons.extend(refusals.map(|(entry, refused)| refused.to_refusal(Some(&entry.manifest.name))));
    }
    if as_json {
        say!("{}", reasons.iter().map(refusal_json).collect::<Value>());
    } else if reasons.is_empty() {
        for entry in &entries {
            let name = &entry.manifest.name;
            say!("plugin `{name}` is not refused: {} was opened and made an instance", entry.path.display());
        }
    } else {
        reasons.iter().for_each(print_refusal);
    }
    if reasons.is_empty() { Exit::Done } else { Exit::Plugin }
}

/// Libraries that are named by their file: `libmajlis_greeting.so`, or a path that leads to it.
fn by_file<'c>(catalogue: &'c Catalogue, name: &str) -> (Vec<&'c Entry>, Vec<&'c Refusal>) {
    let real = name.contains('/').then(|| Path::new(name).canonicalize().ok()).flatten();
    let named = |path: &Path| match &real {
        Some(real) => path.canonicalize().is_ok_and(|path| path == *real),
        None => path.file_name().is_some_and(|file| file == name),
    };
    (
        catalogue.plugins.values().filter(|entry| named(&entry.path)).collect(),
        catalogue.refused.iter().filter(|refusal| named(&refusal.path)).collect(),
    )
}

/// A path to a library that was not searched: its folder and the path.
fn outside(catalogue: &Catalogue, name: &str) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(name);
    let library = path.extension().is_some_and(|ending| ending == "so") && path.is_file();
    let (entries, refused) = by_file(catalogue, name);
    let searched = !entries.is_empty() || !refused.is_empty();
    if searched || !library {
        return None;
    }
    let path = path.canonicalize().ok()?;
    Some((path.parent()?.to_owned(), path))
}

/// What a file is that was named, and that no search takes for a library.
fn judged(name: &str) -> Option<Refusal> {
    let path = Path::new(name);
    // A bare name is rather a plugin's than a folder's that happens to lie here.
    let named = if name.contains('/') { path.exists() } else { path.is_file() };
    named.then(|| majlis_loader::judge(path)).flatten().map(|refused| refused.to_refusal(None))
}

fn not_there(name: &str, catalogue: &Catalogue, as_json: bool) -> Exit {
    let refused = by_file(catalogue, name).1.into_iter().next().or_else(|| catalogue.refusal_of(name));
    if let Some(refusal) = refused.cloned().or_else(|| judged(name)) {
        if as_json {
            say!("{}", json!([refusal_json(&refusal)]))
        } else {
            print_refusal(&refusal)
        }
        return Exit::Plugin;
    }
    let names: Vec<&str> = catalogue.plugins.keys().map(String::as_str).collect();
    let here = match names[..] {
        [] => "none was found: name a folder with --plugins or MAJLIS_PLUGIN_PATH".to_owned(),
        _ => format!("these are here: {}", names.join(", ")),
    };
    let meant = nearest(name, &names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Problem { code: codes::R0202, message: format!("there is no plugin `{name}`"), hint: here + &meant }
        .tell(as_json, None);
    Exit::Plugin
}

/// The name that was probably meant, or whose library's file was: a third of its letters may be wrong.
fn nearest<'n>(written: &str, names: &[&'n str]) -> Option<&'n str> {
    let stem = Path::new(written).file_stem().and_then(|stem| stem.to_str()).unwrap_or(written);
    let plain = stem.trim_start_matches("lib").trim_start_matches("majlis_").replace('_', "-");
    let slips = |name: &&'n str| (strsim::damerau_levenshtein(&plain, name), *name);
    let close = |(slips, name): &(usize, &str)| *slips <= (name.len().max(plain.len()) / 3).max(1);
    names.iter().map(slips).filter(close).min().map(|(_, name)| name)
}

fn inspect(entry: &Entry, as_json: bool) {
    let manifest = &entry.manifest;
    if as_json {
        say!(
            "{}",
            json!({
                "name": manifest.name, "version": manifest.version, "summary": manifest.summary, "licence": manifest.licence,
                "path": entry.path, "sha256": hex(&entry.sha256), "milestones": manifest.milestones, "native": manifest.native.iter().map(|native| json!({ "name": native.name, "version": native.version })).collect::<Value>(),
                "capabilities": manifest.capabilities, "alias": manifest.alias,
                "inputs": manifest.inputs.iter().map(|port| json!({ "name": port.name, "type": port.ty, "required": port.required, "many": port.many })).collect::<Vec<_>>(),
                "outputs": manifest.outputs.iter().map(|port| json!({ "name": port.name, "type": port.ty, "origin": port.origin })).collect::<Vec<_>>(),
                "verbs": manifest.verbs.iter().map(|verb| json!({ "name": verb.name, "summary": verb.summary, "arguments": verb.args_schema })).collect::<Vec<_>>(),
                "config": manifest.config_schema,
            })
        );
        return;
    }
    say!("{} {}  ({})\n{}\n", manifest.name, manifest.version, manifest.licence, manifest.summary);
    say!("file      {}\nsha256    {}", entry.path.display(), hex(&entry.sha256));
    for port in &manifest.inputs {
        let how = match (port.required, port.many) {
            (true, true) => ", several",
            (true, false) => "",
            (false, true) => ", optional, several",
            (false, false) => ", optional",
        };
        say!("input     {}: {}{how}", port.name, port.ty);
    }
    for port in &manifest.outputs {
        say!("output    {}: {}{}", port.name, port.ty, if port.origin { ", origin" } else { "" });
    }
    let native: Vec<String> = manifest.native.iter().map(ToString::to_string).collect();
    for (label, list) in [("milestone", &manifest.milestones), ("native", &native), ("can", &manifest.capabilities)] {
        for item in list {
            say!("{label:9} {item}");
        }
    }
    if let Some(alias) = &manifest.alias {
        say!("alias     majlis {alias} …");
    }
    for verb in &manifest.verbs {
        say!("verb      {}: {}", verb.name, verb.summary);
    }
    say!("\nconfiguration (JSON Schema):\n{:#}", manifest.config_schema);
}
