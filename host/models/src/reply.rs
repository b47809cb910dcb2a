//! What the head of a server's answer means for a download. Pure: a status and headers in, a decision out.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};

use crate::error::Error;

/// What is known of a file that is to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a str,
    /// File name: of its part, and in what is told.
    pub(crate) name: &'a str,
    pub(crate) size: Option<u64>,
    /// More than so many bytes are not taken, whatever the server says.
    pub(crate) most: u64,
    pub(crate) sha256: Option<&'a str>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The body goes on at the byte that was asked for.
    GoesOn,
    /// The body begins with the first byte.
    Anew,
    /// There is nothing after it: it is here already.
    Complete,
    /// The server cannot go on from this byte: ask for the whole.
    AskAnew,
    /// It may go better later.
    Busy { why: String, after: Option<Duration> },
    /// It will not.
    Refused(Error),
}

/// Judges an answer to a request for the bytes from `at` on.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, at: u64, wanted: Wanted<'_>) -> Reply {
    match status {
        StatusCode::OK => match length(headers).and_then(|length| wrong_length(length, wanted)) {
            Some(wrong) => Reply::Refused(wrong),
            None => Reply::Anew,
        },
        StatusCode::PARTIAL_CONTENT if at > 0 => match range(headers) {
            Some((start, total)) if start == at => match total.and_then(|total| wrong_length(total, wanted)) {
                Some(wrong) => Reply::Refused(wrong),
                None => Reply::GoesOn,
            },
            _ => Reply::AskAnew,
        },
        StatusCode::RANGE_NOT_SATISFIABLE if at > 0 && wanted.size.is_none() && whole(headers) == Some(at) => {
            Reply::Complete
        }
        StatusCode::RANGE_NOT_SATISFIABLE if at > 0 => Reply::AskAnew,
        _ if may_pass(status) => Reply::Busy { why: format!("it answers {status}"), after: pause(headers) },
        _ => Reply::Refused(Error::Answer { url: shown(wanted.url), status: status.to_string() }),
    }
}

/// Too early, too many, overloaded, behind a proxy that does not reach it: each of them ends by itself.
fn may_pass(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        // What it cannot do at all, and a network that wants somebody to log in.
        501 | 505 | 511 => false,
        code => code >= 500,
    }
}

fn wrong_length(found: u64, wanted: Wanted<'_>) -> Option<Error> {
    let expected = wanted.size.unwrap_or(wanted.most);
    let fits = wanted.size.map_or(found <= wanted.most, |size| size == found);
    (!fits).then(|| Error::Length { what: shown(wanted.url), found: found.to_string(), expected })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.parse().ok()
}

/// `bytes 100-199/200`: where it starts, and the whole length unless it is `*`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

/// `bytes */200`: the whole length, of which nothing is left to be asked for.
fn whole(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes */")?.parse().ok()
}

/// `Retry-After`: seconds, or a date.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, header::RETRY_AFTER)?;
    let until = || httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok();
    text.parse().ok().map(Duration::from_secs).or_else(until)
}

/// What a server calls this version of a file: a weak `ETag` does not promise the same bytes, so it is not taken.
pub(crate) fn version(headers: &HeaderMap) -> Option<&str> {
    let tag = text(headers, header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| text(headers, header::LAST_MODIFIED))
}

/// An address as it is shown: who asks, and what is signed, is nobody else's business.
pub(crate) fn shown(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return url.to_owned() };
    url.set_query(None);
    url.set_fragment(None);
    // They fail for addresses that have neither.
    let _ = (url.set_username(""), url.set_password(None));
    url.into()
}
