//! From the bytes of a pipeline file to its text.

use std::path::Path;

use crate::check::Source;
use crate::codes::*;
use crate::diagnostic::{Diagnostic, Findings};

/// A file that is not text, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotText {
    /// What is wrong, at the first wrong byte.
    pub diagnostic: Diagnostic,
    /// What to draw it in: the text with `�` for each wrong byte.
    pub text: String,
}

/// The text of a pipeline file, which is UTF-8.
///
/// # Errors
/// The place of the first wrong byte and the remedy. Nothing else can be said of such a file: what its letters mean is not known.
pub fn text_of(file: &Path, bytes: Vec<u8>) -> Result<String, Box<NotText>> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let at = error.utf8_error().valid_up_to();
    let bytes = error.as_bytes();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Source { file, text: &text };
    let mut findings = Findings::new(&source);
    let message = match encoding_of(bytes) {
        Some(encoding) => format!("the file is {encoding} and not UTF-8"),
        None => format!("the file is not UTF-8: the byte 0x{:02X} does not belong here", bytes[at]),
    };
    let hint = match encoding_of(bytes) {
        Some(encoding) => format!("save it as UTF-8 in the editor, or with `iconv -f {encoding} -t UTF-8`"),
        None => "save it as UTF-8 in the editor, or with `iconv -f OLD -t UTF-8`; OLD is often WINDOWS-1256".to_owned(),
    };
    findings.error(E0103, &(at..at + '\u{fffd}'.len_utf8()), message).hint(hint);
    let [diagnostic] = <[Diagnostic; 1]>::try_from(findings.finish()).expect("one finding was made above");
    Err(Box::new(NotText { diagnostic, text }))
}

/// Editors of other systems write a mark before the text that says which encoding it is.
fn encoding_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        _ => None,
    }
}
