//! Who of the people cannot be recognised now, and why.

use majlis_plugin_api::Value;
use serde_json::json;

use crate::consent::Timestamp;
use crate::people::Listed;
use crate::person::Person;
use crate::template::ModelId;

/// "3 of 40 people have no vectors for buffalo_l".
pub(crate) fn lack(without: usize, people: usize, pack: &str) -> String {
    let have = if without == 1 { "has" } else { "have" };
    format!("{without} of {} {have} no vectors for {pack}", counted(people))
}

fn counted(people: usize) -> String {
    format!("{people} {}", if people == 1 { "person" } else { "people" })
}

/// A pack, and the store's people with what they have of its model.
pub(crate) struct Pack {
    pub(crate) pack: String,
    pub(crate) model: ModelId,
    pub(crate) listed: Vec<Listed>,
}

/// `named` are the pipeline file's people, who have vectors of the model in use: that of the first pack.
pub(crate) fn answer(named: &[Person], packs: &[Pack], now: Timestamp) -> Value {
    let ids = |who: &dyn Fn(&Listed) -> bool, all: &[Listed]| -> Vec<String> {
        all.iter().filter(|listed| who(listed)).map(|listed| listed.person.id.clone()).collect()
    };
    let listed = packs.first().map_or(&[][..], |pack| &pack.listed);
    let agreed = |listed: &Listed| listed.person.consent.allows_recognition(now);
    let without_consent = ids(&|listed| !agreed(listed), listed);
    let people = listed.len() - without_consent.len();
    let mut said = Vec::new();
    let of_packs = packs.iter().map(|Pack { pack, model, listed: all }| {
        let lacking = |listed: &Listed| agreed(listed) && listed.usable == 0;
        let without = ids(&lacking, all);
        if !without.is_empty() {
            said.push(lack(without.len(), people, pack));
        }
        json!({
            "pack": pack, "model": model.to_string(), "without_vectors": without,
            "can_be_read_again": ids(&|listed| lacking(listed) && listed.crops > 0, all),
            "to_enrol_again": ids(&|listed| lacking(listed) && listed.crops == 0, all),
        })
    });
    let of_packs: Vec<Value> = of_packs.collect();
    if !without_consent.is_empty() {
        let count = without_consent.len();
        said.push(format!(
            "{count} of {} {} no consent that holds today",
            listed.len(),
            if count == 1 { "has" } else { "have" }
        ));
    }
    if said.is_empty() {
        said.push(format!("everybody can be recognised: {}", counted(named.len() + people)));
    }
    let now_known = named.iter().filter(|person| person.consent.allows_recognition(now)).count()
        + listed.iter().filter(|listed| agreed(listed) && listed.usable > 0).count();
    json!({
        "said": said.join("; "), "people": named.len() + listed.len(), "recognised_now": now_known, "packs": of_packs,
        "without_consent": without_consent,
    })
}
