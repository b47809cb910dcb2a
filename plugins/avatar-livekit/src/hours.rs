//! When an avatar may wait, and when nothing is to be heard: times of the day at the place.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use majlis_plugin_api::{Error, Host, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a stretch of the day looks like; a test holds it against what is read.
const PATTERN: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";

/// A stretch of each day by the pipeline's time zone, `10:00-22:00`; one over midnight ends on the next day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(inline, extend("pattern" = PATTERN, "examples" = ["10:00-22:00"]))]
#[serde(transparent)]
pub struct Daily(pub String);

/// Minutes since midnight, from one to another; the second one is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: i32,
    to: i32,
}

impl Stretch {
    fn read(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        Some(Self { from: minute(from).filter(|minute| *minute < DAY)?, to: minute(to)? })
    }

    fn holds(self, minute: i32) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// `22:30` in minutes since midnight.
fn minute(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse::<i32>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

/// The hours of a stage.
#[derive(Debug)]
pub(crate) struct Hours {
    zone: TimeZone,
    open: Vec<Stretch>,
    quiet: Vec<Stretch>,
}

impl Hours {
    pub(crate) fn open(open: &[Daily], quiet: &[Daily], host: &Host) -> Result<Self> {
        let zone = TimeZone::get(host.time_zone())
            .map_err(|_| Error::new(format!("the time zone `{}` is not known", host.time_zone())))?;
        Ok(Self { zone, open: read("open", open)?, quiet: read("quiet", quiet)? })
    }

    /// Whether an avatar may wait for a visitor; always, where no hours are written.
    pub(crate) fn is_open(&self, at: Timestamp) -> bool {
        self.open.is_empty() || self.is_in(&self.open, at)
    }

    /// Whether nothing is to be heard.
    pub(crate) fn is_quiet(&self, at: Timestamp) -> bool {
        self.is_in(&self.quiet, at)
    }

    /// When the day began at the place, in seconds since 1970.
    pub(crate) fn midnight(&self, at: Timestamp) -> i64 {
        let now = at.to_zoned(self.zone.clone());
        // A day whose midnight is left out by the clocks begins when they go on.
        now.start_of_day().map_or_else(|_| at.as_second(), |start| start.timestamp().as_second())
    }

    fn is_in(&self, stretches: &[Stretch], at: Timestamp) -> bool {
        let time: Time = at.to_zoned(self.zone.clone()).time();
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        stretches.iter().any(|stretch| stretch.holds(minute))
    }
}

fn read(key: &str, written: &[Daily]) -> Result<Vec<Stretch>> {
    let each = written.iter().enumerate().map(|(index, Daily(text))| {
        let refused = |why: &str| Error::config(format!("{key}[{index}]"), format!("`{text}` {why}"));
        let stretch =
            Stretch::read(text).ok_or_else(|| refused("is no stretch of a day; write it like \"10:00-22:00\""))?;
        if stretch.from == stretch.to {
            return Err(refused("begins and ends at the same time; a whole day is \"00:00-24:00\""));
        }
        Ok(stretch)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(open: &[&str], quiet: &[&str], zone: &str) -> Hours {
        let daily = |texts: &[&str]| texts.iter().map(|text| Daily((*text).to_owned())).collect::<Vec<_>>();
        let zone = TimeZone::get(zone).expect("a zone");
        Hours {
            zone,
            open: read("open", &daily(open)).expect("hours"),
            quiet: read("quiet", &daily(quiet)).expect("hours"),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn hours_are_those_of_the_place_and_end_when_they_say() {
        let hours = hours(&["10:00-22:00"], &["13:00-13:30", "19:15-19:45"], "Asia/Riyadh");
        for (moment, open, quiet) in [
            ("2026-11-29T06:59:59Z", false, false),
            ("2026-11-29T07:00:00Z", true, false),
            ("2026-11-29T10:00:00Z", true, true),
            ("2026-11-29T10:29:59Z", true, true),
            ("2026-11-29T10:30:00Z", true, false),
            ("2026-11-29T16:20:00Z", true, true),
            ("2026-11-29T18:59:59Z", true, false),
            ("2026-11-29T19:00:00Z", false, false),
        ] {
            assert_eq!((hours.is_open(at(moment)), hours.is_quiet(at(moment))), (open, quiet), "{moment}");
        }
    }

    #[test]
    fn hours_over_midnight_end_on_the_next_day() {
        let hours = hours(&["20:00-02:00"], &[], "UTC");
        let is_open: Vec<bool> = ["19:59", "20:00", "23:59", "00:00", "01:59", "02:00"]
            .map(|time| hours.is_open(at(&format!("2026-11-29T{time}:00Z"))))
            .into();
        assert_eq!(is_open, [false, true, true, true, true, false]);
        let whole = super::tests::hours(&["00:00-24:00"], &["23:00-24:00"], "UTC");
        assert!(whole.is_open(at("2026-11-29T23:59:59Z")) && whole.is_quiet(at("2026-11-29T23:59:59Z")));
        assert!(whole.is_open(at("2026-11-29T00:00:00Z")) && !whole.is_quiet(at("2026-11-29T00:00:00Z")));
    }

    #[test]
    fn where_no_hours_are_written_it_is_open_and_never_quiet() {
        let hours = hours(&[], &[], "UTC");
        assert!(hours.is_open(at("2026-11-29T03:00:00Z")) && !hours.is_quiet(at("2026-11-29T03:00:00Z")));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_place() {
        let riyadh = hours(&[], &[], "Asia/Riyadh");
        assert_eq!(riyadh.midnight(at("2026-11-29T20:59:59Z")), at("2026-11-28T21:00:00Z").as_second());
        assert_eq!(riyadh.midnight(at("2026-11-29T21:00:00Z")), at("2026-11-29T21:00:00Z").as_second());
        // On that day the clocks of Cairo go from 23:59 to 01:00.
        let cairo = hours(&[], &[], "Africa/Cairo");
        assert_eq!(cairo.midnight(at("2026-04-24T10:00:00Z")), at("2026-04-23T22:00:00Z").as_second());
    }

    #[test]
    fn what_is_no_stretch_of_a_day_is_told_at_its_place_and_the_schema_says_the_same() {
        let pattern = regex_lite::Regex::new(PATTERN).expect("a pattern");
        for good in ["10:00-22:00", "22:00-02:00", "00:00-24:00"] {
            assert!(Stretch::read(good).is_some() && pattern.is_match(good), "{good}");
        }
        for wrong in ["10-22", "10:00", "24:00-10:00", "10:60-11:00", "10:00-24:30", "9:00-10:00", "10:00 - 11:00", ""]
        {
            assert!(Stretch::read(wrong).is_none() && !pattern.is_match(wrong), "{wrong}");
        }
        let refused = read("quiet", &[Daily("13:00-13:30".into()), Daily("14:00-14:00".into())]).expect_err("refused");
        assert_eq!(refused.path(), "quiet[1]");
        assert!(refused.to_string().contains("\"00:00-24:00\""), "{refused}");
    }
}
