//! Native libraries that several plugins need: a process holds one version of each.

use std::collections::HashMap;

use super::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::shown;

/// Plugins that need other versions than an earlier stage's. Those that name no version are asked when they open.
pub(super) fn check(drafts: &[Draft<'_>], findings: &mut Findings<'_>) {
    let mut first: HashMap<&str, (&str, &Draft<'_>)> = HashMap::new();
    for draft in drafts {
        for native in draft.plugin.iter().flat_map(|plugin| &plugin.manifest.native) {
            let Some(version) = &native.version else { continue };
            let (held, by) = *first.entry(&native.name).or_insert((version, draft));
            if held == version {
                continue;
            }
            findings
                .error(
                    E0305,
                    &draft.span,
                    format!("the plugin needs {} {version}, and one process holds one version of it", native.name),
                )
                .related(&by.span, format!("its plugin needs {held}"))
                .hint(format!(
                    "install builds of the plugins of {} and {} that need the same version",
                    shown(by.name),
                    shown(draft.name)
                ));
        }
    }
}
