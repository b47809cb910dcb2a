//! The end of a consent: everybody whose consent is over is erased.

use crate::consent::Timestamp;
use crate::people::People;

/// Erases everybody whose consent is over, and those of `again` whose erasure was not proved. Ids stand in no log.
pub(crate) fn purge(people: &People, again: Vec<String>, now: Timestamp) -> Purged {
    let mut purged = Purged::default();
    let expired = people.expired(now).unwrap_or_else(|error| {
        tracing::warn!(%error, "whose consent is over cannot be found out");
        Vec::new()
    });
    let ids: Vec<String> = expired.into_iter().chain(again).collect();
    // All of them at once, before one is proved, which may take long.
    if let Err(error) = people.remove(&ids) {
        tracing::warn!(%error, "whose consent is over is not yet erased");
    }
    for id in ids {
        // Whoever blocks one erasure blocks the next as well, and each waits ten seconds for him.
        if let Some((_, why)) = purged.failed.first() {
            let why = why.clone();
            purged.failed.push((id, why));
            continue;
        }
        match people.erase(&id) {
            Ok(_) => purged.erased.push(id),
            Err(error) => purged.failed.push((id, error.to_string())),
        }
    }
    if !purged.erased.is_empty() {
        tracing::info!(people = purged.erased.len(), "erased: their consent is over");
    }
    if let Some((_, why)) = purged.failed.first() {
        tracing::warn!(people = purged.failed.len(), why, "whose consent is over is not yet erased");
    }
    purged
}

/// An id whose rows are gone and whose bytes perhaps are not, and why.
pub(crate) type Unproved = (String, String);

/// Who was purged.
#[derive(Default)]
pub(crate) struct Purged {
    pub(crate) erased: Vec<String>,
    pub(crate) failed: Vec<Unproved>,
}
