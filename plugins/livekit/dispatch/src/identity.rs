use std::fmt::Write;

use crate::error::{Error, Result};

/// Bytes of chance in an identity: 128 bits, as in a random UUID.
const CHANCE: usize = 16;

/// An identity that nobody guesses and that was never given before: `prefix-` and 32 hexadecimal digits.
///
/// Identities are what rights hang on: whoever knows one that is in a room can address it, and whoever holds a token for it throws
/// it out by joining.
///
/// # Errors
/// The system gives no chance.
pub fn new_identity(prefix: &str) -> Result<String> {
    let mut chance = [0_u8; CHANCE];
    getrandom::fill(&mut chance).map_err(|error| Error::Token(format!("the system has no random numbers: {error}")))?;
    let mut identity = String::with_capacity(prefix.len() + 1 + 2 * CHANCE);
    identity.push_str(prefix);
    identity.push('-');
    for byte in chance {
        // Writing to a string does not fail.
        let _ = write!(identity, "{byte:02x}");
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_identity_is_never_given_twice() {
        let identities: BTreeSet<_> = (0..1_000).map(|_| new_identity("avatar").unwrap()).collect();
        assert_eq!(identities.len(), 1_000);
        assert!(identities.iter().all(|identity| identity.len() == "avatar-".len() + 32));
    }
}
