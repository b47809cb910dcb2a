//! Marks of who was forgotten, by which an old export is refused without keeping the id.
//!
//! A plain hash of an id could be tried out: ids are short. So a mark is an HMAC with a key of this store, which never
//! leaves it.

use hmac::{Hmac, KeyInit, Mac};
use majlis_plugin_api::service::store::{Database, Statement, Value};
use majlis_plugin_api::{Error, Result};
use sha2::Sha256;

/// The key of a store's marks.
pub(crate) struct Marks([u8; 32]);

impl Marks {
    /// The key of this store; it is made with the store.
    pub(crate) fn of(database: &Database) -> Result<Self> {
        let mut fresh = [0; 32];
        random(&mut fresh)?;
        let answers = database.run(&[
            // Of two processes that do this at once, the first one's key is everybody's.
            Statement::new("INSERT OR IGNORE INTO keys VALUES ('forgotten', ?1)", [fresh.to_vec().into()]),
            Statement::new("SELECT value FROM keys WHERE name = 'forgotten'", []),
        ])?;
        match answers.into_iter().nth(1).and_then(|answer| answer.rows.into_iter().next()).as_deref() {
            Some([Value::Blob(key)]) => {
                let key = key.as_slice().try_into();
                key.map(Self).map_err(|_| Error::new("the store's key of the forgotten is damaged"))
            }
            _ => Err(Error::new("the store's key of the forgotten is damaged")),
        }
    }

    /// The mark of an id.
    pub(crate) fn mark(&self, id: &str) -> Vec<u8> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        hmac.update(id.as_bytes());
        hmac.finalize().into_bytes().to_vec()
    }
}

/// Fills with random bytes of the system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_id_and_of_one_store() {
        let (here, there) = (Marks([1; 32]), Marks([2; 32]));
        assert_eq!(here.mark("p1"), here.mark("p1"));
        assert_ne!(here.mark("p1"), here.mark("p2"));
        assert_ne!(here.mark("p1"), there.mark("p1"));
    }
}
