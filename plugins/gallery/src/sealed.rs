//! A file that only a passphrase opens: Argon2id makes the key, XChaCha20-Poly1305 seals.
//!
//! `MJX1`, Argon2's memory in KiB, its passes and its lanes as `u32` (little-endian), 16 bytes of salt, 24 of nonce, then the
//! sealed bytes. What stands before them is sealed along, so that none of it can be changed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use majlis_plugin_api::{Error, Result};

use crate::tombstone::random;

const FORMAT: &[u8; 4] = b"MJX1";
const HEAD: usize = 4 + 12 + 16 + 24;

/// 64 MiB and three passes: some tenths of a second for whoever has the passphrase, for each guess of whoever has not.
const COST: [u32; 3] = [64 * 1024, 3, 1];

/// A file that asks for more memory than this was not made here.
const DEAREST: [u32; 3] = [1024 * 1024, 16, 16];

/// Whether a file begins like a sealed one.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(FORMAT)
}

/// Seals bytes.
pub(crate) fn seal(passphrase: &str, plain: &[u8]) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD + plain.len() + 16);
    head.extend_from_slice(FORMAT);
    COST.iter().for_each(|cost| head.extend_from_slice(&cost.to_le_bytes()));
    let mut fresh = [0; 40];
    random(&mut fresh)?;
    head.extend_from_slice(&fresh);
    let cipher = cipher(passphrase, COST, &fresh[..16])?;
    let nonce = XNonce::try_from(&fresh[16..]).map_err(|_| damaged())?;
    let sealed = cipher.encrypt(&nonce, Payload { msg: plain, aad: &head });
    head.extend_from_slice(&sealed.map_err(|_| Error::new("the people could not be sealed"))?);
    Ok(head)
}

/// Opens what [`seal`] made.
pub(crate) fn open(passphrase: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let (head, sealed) = bytes.split_at_checked(HEAD).ok_or_else(damaged)?;
    let (costs, _) = head[4..16].as_chunks::<4>();
    let mut cost = [0; 3];
    for (cost, (bytes, dearest)) in cost.iter_mut().zip(costs.iter().zip(DEAREST)) {
        *cost = u32::from_le_bytes(*bytes);
        if !is_sealed(head) || *cost > dearest {
            return Err(damaged());
        }
    }
    let cipher = cipher(passphrase, cost, &head[16..32])?;
    let nonce = XNonce::try_from(&head[32..]).map_err(|_| damaged())?;
    cipher
        .decrypt(&nonce, Payload { msg: sealed, aad: head })
        .map_err(|_| Error::new("the export does not open: the passphrase is another one, or the file was changed"))
}

fn damaged() -> Error {
    Error::new("the file is no export of people, or it is damaged")
}

fn cipher(passphrase: &str, [memory, passes, lanes]: [u32; 3], salt: &[u8]) -> Result<XChaCha20Poly1305> {
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| damaged())?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|_| damaged())?;
    XChaCha20Poly1305::new_from_slice(&key).map_err(|_| damaged())
}

/// Writes a file that its owner alone can read, never over another. What could not be written whole is removed.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Error::from(error).within(&format!("{} could not be written", path.display()));
    // Not a file beside it that is renamed: that would replace another.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // It holds nothing that could be opened.
        let _ = fs::remove_file(path);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_sealed_opens_with_its_passphrase_and_with_no_other() {
        let sealed = seal("correct horse battery", b"people").unwrap();
        assert!(is_sealed(&sealed) && !sealed.windows(6).any(|part| part == b"people"));
        assert_eq!(open("correct horse battery", &sealed).unwrap(), b"people");
        assert!(open("correct horse", &sealed).unwrap_err().to_string().contains("passphrase"));
    }

    #[test]
    fn a_file_that_was_changed_anywhere_does_not_open() {
        let sealed = seal("correct horse battery", b"people").unwrap();
        for at in [0, 5, 20, 40, HEAD, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open("correct horse battery", &changed).is_err(), "byte {at}");
        }
        for length in [0, HEAD - 1, sealed.len() - 1] {
            assert!(open("correct horse battery", &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_private_file_is_its_owners_and_replaces_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.mjx");
        write_private(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_private(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
