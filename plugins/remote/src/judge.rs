//! What the head of an answer means, and the text of an error's body. Pure: a status, headers and a text in, a failure out.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde_json::Value;

use crate::endpoint::shown;
use crate::failure::Failure;

/// So many characters of what a server says of its error are repeated.
const MOST_WORDS: usize = 200;

/// The failure that an answer other than a good one is. `server` is how the server is shown, `said` the beginning of the body.
pub(crate) fn judge(server: &str, status: StatusCode, headers: &HeaderMap, url: &Url, said: &str) -> Failure {
    let error = ServerError::read(said);
    let words = error.words();
    let answers = format!("{server} answers {}", status.as_u16());
    match status.as_u16() {
        300..=399 => Failure::permanent(redirected(server, headers, url)),
        401 => Failure::permanent(format!(
            "{answers}: it does not accept the key{words}; put the right one where `api_key` takes it from, and start again"
        )),
        402 => Failure::permanent(no_credit(&answers, &words)),
        403 => Failure::permanent(format!(
            "{answers}: the key may not be used for this{words}; ask whoever manages the account, or use another key"
        )),
        // Some say it with the status of a wrong question.
        400 | 422 if error.code == "model_not_found" => Failure::permanent(no_model(&answers, &words)),
        404 if error.is_of_a_model() => Failure::permanent(no_model(&answers, &words)),
        404 | 405 => Failure::permanent(format!(
            "{answers} for {}{words}; look whether `base_url` is right: it mostly ends with `/v1`",
            shown(url)
        )),
        429 if error.is_of_credit() => Failure::permanent(no_credit(&answers, &words)),
        429 => Failure::passing(format!("{answers}: it is asked too often{words}")).after(pause(headers)),
        408 | 425 => Failure::passing(format!("{answers}{words}")).after(pause(headers)),
        // What it cannot do at all, and a network that wants somebody to log in.
        501 | 505 | 511 => Failure::last(format!("{answers}{words}")),
        500..=599 => Failure::passing(format!("{answers}{words}")).after(pause(headers)),
        _ => Failure::last(format!("{answers}{words}")),
    }
}

fn no_model(answers: &str, words: &str) -> String {
    format!("{answers}: it does not have the model{words}; set `model` to one that it has, or install it there")
}

fn no_credit(answers: &str, words: &str) -> String {
    format!("{answers}: the account has no credit left{words}; add some, or use another key")
}

fn redirected(server: &str, headers: &HeaderMap, url: &Url) -> String {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
    // Where it leads is asked by nobody: a key goes to the address that an operator wrote, and nowhere else.
    match to {
        Some(to) => format!(
            "{server} sends elsewhere, to {}, which is not followed; write the address that is meant as `base_url`",
            to.origin().ascii_serialization()
        ),
        None => {
            format!("{server} sends elsewhere, which is not followed; write the address that is meant as `base_url`")
        }
    }
}

/// How long to wait: `Retry-After` in seconds or as a date, or the longest of OpenAI's `x-ratelimit-reset-*`, whose rate is used up.
pub(crate) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let given = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim).and_then(|text| {
        let seconds = || text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let until =
            || Some(httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default());
        seconds().or_else(until)
    });
    given.or_else(|| {
        let used_up = |what: &str| text(&format!("x-ratelimit-remaining-{what}")).is_none_or(|left| left == "0");
        let of = |what: &str| reset(text(&format!("x-ratelimit-reset-{what}"))?).filter(|_| used_up(what));
        ["requests", "tokens"].into_iter().filter_map(of).max()
    })
}

/// `12ms`, `1s`, `6m0s`, `1h2m3.5s`.
fn reset(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) = tail.split_at(tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len()));
        let seconds = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// What a server says of its error: `{"error": {"message", "type", "code"}}`, where the code may be a number, or
/// `{"error": "…"}`.
#[derive(Default)]
struct ServerError {
    message: String,
    kind: String,
    code: String,
}

impl ServerError {
    fn read(body: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(body) else { return Self::default() };
        let error = value.get("error").unwrap_or(&value);
        let text = |key: &str| match error.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = error.as_str().map_or_else(|| text("message"), str::to_owned);
        Self { message, kind: text("type"), code: text("code") }
    }

    fn is_of_credit(&self) -> bool {
        [&self.kind, &self.code]
            .into_iter()
            .any(|word| word == "insufficient_quota" || word == "billing_hard_limit_reached")
    }

    fn is_of_a_model(&self) -> bool {
        self.code == "model_not_found" || self.message.to_lowercase().contains("model")
    }

    /// In brackets, on one line.
    fn words(&self) -> String {
        let line = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect();
        if line.is_empty() { String::new() } else { format!(" ({})", line.trim_end_matches('.')) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn judged(status: u16, of: &[(&'static str, &str)], body: &str) -> Failure {
        let url = Url::parse("https://h/v1/chat/completions").expect("an address");
        judge("https://h", StatusCode::from_u16(status).expect("a status"), &headers(of), &url, body)
    }

    #[test]
    fn what_can_pass_is_told_from_what_somebody_must_mend() {
        let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let model =
            r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","code":null}}"#;
        for (status, body, passing, permanent) in [
            (408, "", true, false),
            (429, "", true, false),
            (429, quota, false, true),
            (500, "not JSON", true, false),
            (503, r#"{"error":{"code":503,"message":"Loading model"}}"#, true, false),
            (401, "", false, true),
            (403, "", false, true),
            (404, model, false, true),
            (404, "", false, true),
            (302, "", false, true),
            (400, "", false, false),
            (501, "", false, false),
        ] {
            let failure = judged(status, &[], body);
            assert_eq!(
                (failure.may_pass(), failure.is_permanent()),
                (passing, permanent),
                "{status} {body}: {failure}"
            );
        }
        assert!(judged(404, &[], model).to_string().contains("`model`"));
        assert!(judged(404, &[], "").to_string().contains("`base_url`"));
        assert!(judged(429, &[], quota).to_string().contains("credit"));
    }

    #[test]
    fn how_long_to_wait_is_read_in_every_form() {
        let of = |name, value| pause(&headers(&[(name, value)]));
        assert_eq!(of("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(of("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(of("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
        assert!(of("retry-after", &soon).is_some_and(|pause| pause > Duration::from_secs(50)));
        assert_eq!(of("x-ratelimit-reset-tokens", "12ms"), Some(Duration::from_millis(12)));
        assert_eq!(of("x-ratelimit-reset-requests", "6m0s"), Some(Duration::from_secs(360)));
        for wrong in ["", "soon", "-1", "6", "6x"] {
            assert_eq!(of("x-ratelimit-reset-requests", wrong), None, "{wrong}");
        }
        let left = [
            ("x-ratelimit-reset-requests", "8s"),
            ("x-ratelimit-remaining-requests", "9"),
            ("x-ratelimit-reset-tokens", "1s"),
        ];
        assert_eq!(
            pause(&headers(&left)),
            Some(Duration::from_secs(1)),
            "a rate that is not used up waits for nothing"
        );
        assert_eq!(pause(&HeaderMap::new()), None);
    }

    #[test]
    fn a_redirection_tells_where_to_and_nothing_behind_the_host() {
        let said = judged(307, &[("location", "https://other.example/v1?key=hunter2")], "").to_string();
        assert!(
            said.contains("https://other.example,") && said.contains("`base_url`") && !said.contains("hunter2"),
            "{said}"
        );
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let long = format!(r#"{{"error":{{"message":"a\nb\u0007 {}"}}}}"#, "x".repeat(5_000));
        let said = judged(400, &[], &long).to_string();
        assert!(said.contains("(a b xxx") && said.len() < 400, "{said}");
    }
}
