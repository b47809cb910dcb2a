//! What a person agreed to when enrolling.

use std::time::SystemTime;

/// Seconds since 1970-01-01 UTC.
pub type Timestamp = u64;

/// The end of a day that is written like `2026-12-31`, in UTC: what lasts until that day lasts through it. None when it is
/// no day, or one before 1970.
#[must_use]
pub fn end_of_day(day: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    let digits = |text: &str, count: usize| {
        (text.len() == count && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse::<u64>().ok())
    };
    let (year, month, day) = (digits(year, 4)??, digits(month, 2)??, digits(day, 2)??);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = lengths.iter().take(month as usize - 1).sum();
    Some((years + months + day) * 24 * 60 * 60)
}

/// The day in UTC on which a moment lies, like `2026-12-31`.
pub(crate) fn day(moment: Timestamp) -> String {
    // Days are counted from the first of March, so that a leap day is the last of its year, in eras of 400 years.
    let days = moment / (24 * 60 * 60) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + later)
}

/// A moment as people and programs read it, like `2026-12-31T18:30:00Z`.
pub(crate) fn moment(moment: Timestamp) -> String {
    let second = moment % (24 * 60 * 60);
    format!("{}T{:02}:{:02}:{:02}Z", day(moment), second / 3600, second / 60 % 60, second % 60)
}

/// The calendar's time: consent ends on a day, and the host's clock knows none.
#[must_use]
pub fn today() -> Timestamp {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A person's consent: when, to which text, by whom, until when, and for what. The default is none at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    /// When it was given.
    pub given: Timestamp,
    /// Which text was agreed to: its name and version.
    pub text: String,
    /// Who gave it, in words. Empty: the person.
    pub given_by: String,
    /// The guardian who agreed for a minor. Empty: the person is of age.
    pub guardian: String,
    /// From when on it no longer holds. None: until it is taken back.
    pub until: Option<Timestamp>,
    /// To be recognised at all.
    pub recognise: bool,
    /// To be announced aloud by name.
    pub announce: bool,
    /// Countries (ISO 3166-1 alpha-2) in which a service may be sent the name. Empty: none.
    pub name_sent_to: Vec<String>,
}

impl Consent {
    /// Whether the person may be recognised at `now`.
    #[must_use]
    pub fn allows_recognition(&self, now: Timestamp) -> bool {
        self.recognise && self.holds(now)
    }

    /// Whether the name may be said aloud at `now`.
    #[must_use]
    pub fn allows_announcement(&self, now: Timestamp) -> bool {
        self.announce && self.allows_recognition(now)
    }

    /// Whether the name may be sent to a service in `country` at `now`.
    #[must_use]
    pub fn allows_sending_to(&self, country: &str, now: Timestamp) -> bool {
        self.allows_recognition(now) && self.name_sent_to.iter().any(|allowed| allowed.eq_ignore_ascii_case(country))
    }

    /// Whether it has ended at `now`: then everything of the person has to go.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.given <= now && !self.is_over(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent() -> Consent {
        Consent {
            given: 100,
            text: "expo-2".into(),
            until: Some(200),
            recognise: true,
            announce: true,
            name_sent_to: vec!["SA".into()],
            ..Consent::default()
        }
    }

    #[test]
    fn it_holds_from_when_it_was_given_until_its_end() {
        let consent = consent();
        assert_eq!([99, 100, 199, 200].map(|now| consent.allows_recognition(now)), [false, true, true, false]);
        assert!(Consent { until: None, ..consent }.allows_recognition(u64::MAX));
    }

    #[test]
    fn a_day_ends_when_the_next_one_begins() {
        assert_eq!(end_of_day("1970-01-01"), Some(86_400));
        assert_eq!(end_of_day("2024-02-29"), Some(1_709_251_200));
        assert_eq!(end_of_day("2026-12-31"), Some(1_798_761_600));
        for wrong in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "26-01-01",
            "2026-1-1",
            "1969-12-31",
            "+026-01-01",
        ] {
            assert_eq!(end_of_day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_told_by_its_day() {
        for written in
            ["1970-01-01", "1999-12-31", "2000-02-29", "2024-02-29", "2024-03-01", "2026-12-31", "2100-03-01"]
        {
            let end = end_of_day(written).unwrap();
            assert_eq!((day(end - 1).as_str(), day(end - 86_400).as_str()), (written, written));
            assert_ne!(day(end), written);
        }
        assert_eq!(moment(1_798_655_405), "2026-12-30T18:30:05Z");
        assert!(day(u64::MAX).contains('-'), "however far away, it is told");
    }

    #[test]
    fn without_consent_nothing_is_allowed() {
        let none = Consent::default();
        assert!(!none.allows_recognition(150) && !none.allows_announcement(150) && !none.is_over(u64::MAX));
    }

    #[test]
    fn each_purpose_is_its_own_and_none_goes_without_recognition() {
        let silent = Consent { announce: false, ..consent() };
        assert!(silent.allows_recognition(150) && !silent.allows_announcement(150));
        assert!(consent().allows_sending_to("sa", 150) && !consent().allows_sending_to("US", 150));
        let withdrawn = Consent { recognise: false, ..consent() };
        assert!(!withdrawn.allows_announcement(150) && !withdrawn.allows_sending_to("SA", 150));
    }
}
