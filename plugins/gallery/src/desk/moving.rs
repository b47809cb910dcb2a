//! People who move: out of the store and into it, and from one model to another.

use std::path::Path;

use majlis_plugin_api::{Error, Host, Result, Value};
use serde_json::json;

use super::Desk;
use crate::consent::today;
use crate::follower::OPERATOR;
use crate::recogniser::Recogniser;
use crate::template::Template;
use crate::verbs::{Export, Import};
use crate::{sealed, transfer};

impl Desk {
    pub(super) fn export(&self, export: &Export, host: &Host) -> Result<Value> {
        let people = self.store()?.people();
        let passphrase =
            transfer::passphrase(export.passphrase_file.as_deref().map(|file| host.path(file)).as_deref())?;
        let (archive, count) = transfer::archive(people, self.model())?;
        let path = host.path(&export.file);
        sealed::write_private(&path, &sealed::seal(&passphrase, &archive)?)?;
        Ok(json!({ "file": path, "people": count }))
    }

    pub(super) fn import(&self, import: &Import, host: &Host) -> Result<Value> {
        let store = self.store()?;
        let path = host.path(&import.file);
        let bytes = read(&path)?;
        let incoming = if sealed::is_sealed(&bytes) {
            let file = import.passphrase_file.as_deref().map(|file| host.path(file));
            transfer::archived(&sealed::open(&transfer::passphrase(file.as_deref())?, &bytes)?)?
        } else {
            transfer::elsewhere(&bytes, today())?
        };
        let stored = store.gallery();
        let galleries = self.galleries(Some(&stored));
        let answer = transfer::import(incoming, store.people(), &galleries, &self.settings.thresholds, self.model())?;
        self.look_for(OPERATOR);
        Ok(answer)
    }

    pub(super) fn reindex(&self, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let people = self.store()?.people();
        let (mut made, mut failed) = (0_u32, 0_u32);
        for unread in people.unread(recogniser.model())? {
            match recogniser.embed_crop(&unread.crop)? {
                Some(embedding) => {
                    let template = Template::new(recogniser.model(), &embedding)?;
                    made += u32::from(people.read(&unread, &template)?);
                }
                None => failed += 1,
            }
        }
        for (_, model) in recogniser.others()? {
            for unread in people.unread(&model)? {
                for template in recogniser.also(&unread.crop)?.iter().filter(|template| *template.model() == model) {
                    made += u32::from(people.read(&unread, template)?);
                }
            }
        }
        self.look_for(OPERATOR);
        let listed = people.listed(self.model())?;
        let without = listed.iter().filter(|listed| listed.usable == 0).map(|listed| listed.person.id.as_str());
        let without: Vec<&str> = without.collect();
        Ok(
            json!({ "model": self.model().to_string(), "vectors_made": made, "faces_not_usable": failed, "to_enrol_again": without }),
        )
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::from(error).within(&path.display().to_string()))
}
