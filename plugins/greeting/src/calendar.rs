//! The day and the hour at the place, and the occasions that fall on them.

use std::collections::BTreeMap;

use icu_calendar::Date as AnyDate;
use icu_calendar::cal::Hijri;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use majlis_plugin_api::{Error, Host, Result};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::config::{Config, Salutation};

const BUILT_IN: &str = include_str!("occasions.toml");
const EVERYWHERE: &str = "everywhere";
/// What a configuration says for no occasions.
pub(crate) const NONE: &str = "none";

/// Seconds since 1970 by the calendar: the host's clock knows no dates, and starts anew with each run.
pub(crate) fn seconds() -> i64 {
    Timestamp::now().as_second()
}

/// When somebody is greeted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The word by which a salutation is chosen. None: there is none.
    pub(crate) time: Option<&'static str>,
    /// The occasion's name.
    pub(crate) occasion: Option<String>,
    /// The country whose occasion it is; empty: everywhere.
    pub(crate) country: String,
}

/// What is known of days and hours at the place.
pub(crate) struct Calendar {
    zone: TimeZone,
    salutation: Salutation,
    country: String,
    occasions: Vec<Occasion>,
}

struct Occasion {
    name: String,
    country: String,
    days: Vec<Days>,
}

/// Days from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    /// Of one year.
    Once(Date, Date),
    /// Month and day of each year.
    Yearly((u8, u8), (u8, u8)),
    /// Month and day of each year of Umm al-Qura.
    Hijri((u8, u8), (u8, u8)),
}

impl Calendar {
    pub(crate) fn open(config: &Config, host: &Host) -> Result<Self> {
        let zone = TimeZone::get(host.time_zone())
            .map_err(|_| Error::new(format!("the time zone `{}` is not known", host.time_zone())))?;
        let mut tables = parse(BUILT_IN).map_err(|error| Error::new(error).within("the built-in occasions"))?;
        match config.occasions.as_deref() {
            None => {}
            Some(NONE) => tables.clear(),
            Some(file) => {
                let refused = |why: String| Error::config("occasions", format!("{file}: {why}"));
                let text = std::fs::read_to_string(host.path(file)).map_err(|error| refused(error.to_string()))?;
                for (country, named) in parse(&text).map_err(refused)? {
                    tables.entry(country).or_default().extend(named);
                }
            }
        }
        let region = host.language().split('-').skip(1).find(|part| part.len() == 2 && part.is_ascii());
        let country = if config.country.is_empty() { region.unwrap_or_default() } else { &config.country };
        Ok(Self::new(zone, config.salutation, country, tables))
    }

    fn new(zone: TimeZone, salutation: Salutation, country: &str, tables: Tables) -> Self {
        let here = |table: &str| table == EVERYWHERE || table.eq_ignore_ascii_case(country);
        let mut occasions: Vec<Occasion> = tables
            .into_iter()
            .filter(|(table, _)| here(table))
            .flat_map(|(table, named)| {
                let country = if table == EVERYWHERE { String::new() } else { table.to_ascii_uppercase() };
                named.into_iter().map(move |(name, days)| Occasion { name, country: country.clone(), days: days.0 })
            })
            .collect();
        occasions.sort_by_key(|occasion| occasion.country.is_empty());
        Self { zone, salutation, country: country.to_ascii_uppercase(), occasions }
    }

    /// Names of the occasions that are kept here.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.occasions.iter().map(|occasion| occasion.name.as_str())
    }

    pub(crate) fn now(&self) -> Moment {
        self.at(self.time())
    }

    /// The day at the place.
    pub(crate) fn today(&self) -> Date {
        self.time().date()
    }

    fn time(&self) -> DateTime {
        Timestamp::now().to_zoned(self.zone.clone()).datetime()
    }

    /// Those of a day at which something else is said.
    pub(crate) fn moments_of(&self, date: Date) -> Vec<Moment> {
        let mut moments: Vec<Moment> = (0..24).map(|hour| self.at(date.at(hour, 0, 0, 0))).collect();
        // One time of day is one stretch of it, but for the evening, which goes over midnight.
        moments.dedup();
        if moments.len() > 1 && moments.first() == moments.last() {
            moments.pop();
        }
        moments
    }

    pub(crate) fn at(&self, time: DateTime) -> Moment {
        let day = Day::of(time.date());
        let occasion = self.occasions.iter().find(|occasion| occasion.days.iter().any(|days| day.is_in(days)));
        Moment {
            time: match self.salutation {
                Salutation::TimeOfDay => Some(time_of_day(time.hour())),
                Salutation::Salam => Some("any"),
                Salutation::None => None,
            },
            occasion: occasion.map(|occasion| occasion.name.clone()),
            country: self.country.clone(),
        }
    }
}

/// An evening lasts until people rise: nobody is wished a good night, which says goodbye.
fn time_of_day(hour: i8) -> &'static str {
    match hour {
        4..12 => "morning",
        12..17 => "afternoon",
        _ => "evening",
    }
}

/// A day in both calendars.
struct Day {
    date: Date,
    yearly: (u8, u8),
    hijri: Option<(u8, u8)>,
}

impl Day {
    fn of(date: Date) -> Self {
        let number = |number: i8| u8::try_from(number).unwrap_or_default();
        let (month, day) = (number(date.month()), number(date.day()));
        let hijri = AnyDate::try_new_iso(date.year().into(), month, day).ok().map(|date| {
            let date = date.to_calendar(Hijri::new_umm_al_qura());
            (date.month().ordinal, date.day_of_month().0)
        });
        Self { date, yearly: (month, day), hijri }
    }

    fn is_in(&self, days: &Days) -> bool {
        // Days of each year may go over its end.
        let within = |day: (u8, u8), from: (u8, u8), to: (u8, u8)| match from <= to {
            true => from <= day && day <= to,
            false => from <= day || day <= to,
        };
        match *days {
            Days::Once(from, to) => from <= self.date && self.date <= to,
            Days::Yearly(from, to) => within(self.yearly, from, to),
            Days::Hijri(from, to) => self.hijri.is_some_and(|day| within(day, from, to)),
        }
    }
}

/// By country and by name.
type Tables = BTreeMap<String, BTreeMap<String, Written>>;

/// The schema of a file of occasions, by which `majlis check` reads it.
pub(crate) fn schema() -> Schema {
    schema_for!(BTreeMap<String, BTreeMap<String, OneOrMore>>)
}

/// Days as they are written: one text, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "OneOrMore")]
struct Written(Vec<Days>);

#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(untagged, expecting = "days must be a text such as \"09-23\", or a list of such texts")]
enum OneOrMore {
    One(Dates),
    More(Vec<Dates>),
}

/// Write `MM-DD` for each year, `YYYY-MM-DD` for that year or `hijri MM-DD`, and `A..B` from one to another.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline, extend("pattern" = pattern(), "examples" = ["09-23", "2027-02-08..2027-03-09", "hijri 12-10..12-13"]))]
#[serde(transparent)]
struct Dates(String);

/// What [`read`] takes, but that of two days the first is not the later one, and that not each year has a 29th of February.
fn pattern() -> String {
    let of_year = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))";
    let of_hijri = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|30)";
    let one_or_two = |day: &str| format!(r"{day}(\s*\.\.\s*{day})?");
    let (yearly, once) = (one_or_two(of_year), one_or_two(&format!("[0-9]{{4}}-{of_year}")));
    format!(r"^\s*({yearly}|{once}|hijri\s+{})\s*$", one_or_two(of_hijri))
}

impl TryFrom<OneOrMore> for Written {
    type Error = String;

    fn try_from(written: OneOrMore) -> std::result::Result<Self, String> {
        let written = match written {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        };
        written
            .iter()
            .map(|Dates(days)| read(days).ok_or_else(|| wrong(days)))
            .collect::<std::result::Result<_, _>>()
            .map(Self)
    }
}

fn wrong(days: &str) -> String {
    format!("`{days}` names no days; write `MM-DD`, `YYYY-MM-DD` or `hijri MM-DD`, and `A..B` for several")
}

fn read(written: &str) -> Option<Days> {
    let (hijri, written) = match written.trim().strip_prefix("hijri ") {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let (from, to) = written.split_once("..").unwrap_or((written, written));
    let (from, to) = (from.trim(), to.trim());
    if let (false, Ok(from), Ok(to)) = (hijri, from.parse::<Date>(), to.parse::<Date>()) {
        return (from <= to).then_some(Days::Once(from, to));
    }
    // A month of Umm al-Qura has at most thirty days; 2000 has a 29th of February.
    let of_month = |month: u8, day: u8| match hijri {
        true => month <= 12 && day <= 30,
        false => {
            Date::new(2000, i8::try_from(month).unwrap_or_default(), i8::try_from(day).unwrap_or_default()).is_ok()
        }
    };
    let yearly = |text: &str| {
        let (month, day) = text.split_once('-')?;
        let two = |digits: &str| (digits.len() == 2).then(|| digits.parse::<u8>().ok()).flatten().filter(|&it| it > 0);
        let (month, day) = (two(month)?, two(day)?);
        of_month(month, day).then_some((month, day))
    };
    let (from, to) = (yearly(from)?, yearly(to)?);
    Some(if hijri { Days::Hijri(from, to) } else { Days::Yearly(from, to) })
}

fn parse(text: &str) -> std::result::Result<Tables, String> {
    toml::from_str(text).map_err(|error| crate::titles::wrong(text, &error))
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;

    pub(crate) fn calendar(salutation: Salutation, country: &str, more: &str) -> Calendar {
        let mut tables = parse(BUILT_IN).unwrap();
        for (country, named) in parse(more).unwrap() {
            tables.entry(country).or_default().extend(named);
        }
        Calendar::new(TimeZone::UTC, salutation, country, tables)
    }

    fn occasion(calendar: &Calendar, year: i16, month: i8, day: i8) -> Option<String> {
        calendar.at(date(year, month, day).at(12, 0, 0, 0)).occasion
    }

    #[test]
    fn the_feasts_follow_umm_al_qura_and_the_national_days_the_year() {
        let riyadh = calendar(Salutation::Salam, "sa", "");
        for (day, expected) in [
            ((2026, 2, 17), None),
            ((2026, 2, 18), Some("ramadan")),
            ((2026, 3, 19), Some("ramadan")),
            ((2026, 3, 20), Some("fitr")),
            ((2026, 3, 23), None),
            ((2026, 5, 27), Some("adha")),
            ((2026, 5, 31), None),
            ((2026, 9, 23), Some("national-day")),
            // The country's own day comes before the month.
            ((2026, 2, 22), Some("founding-day")),
            ((2026, 12, 2), None),
        ] {
            assert_eq!(occasion(&riyadh, day.0, day.1, day.2).as_deref(), expected, "{day:?}");
        }
        let dubai = calendar(Salutation::Salam, "AE", "");
        assert_eq!(occasion(&dubai, 2026, 12, 3).as_deref(), Some("national-day"));
        assert_eq!(occasion(&calendar(Salutation::Salam, "", ""), 2026, 9, 23), None, "of no country");
    }

    #[test]
    fn one_line_of_the_operator_moves_an_occasion_or_leaves_it_out() {
        let seen = calendar(Salutation::Salam, "SA", "everywhere.ramadan = \"2026-02-19..2026-03-20\"");
        assert_eq!(occasion(&seen, 2026, 2, 18), None);
        assert_eq!(occasion(&seen, 2026, 2, 19).as_deref(), Some("ramadan"));
        let own = calendar(
            Salutation::Salam,
            "SA",
            "SA.national-day = []\nSA.opening = [\"2026-12-30..2027-01-02\", \"12-25\"]",
        );
        assert_eq!(occasion(&own, 2026, 9, 23), None);
        assert_eq!(occasion(&own, 2027, 1, 1).as_deref(), Some("opening"));
        assert_eq!(occasion(&own, 2030, 12, 25).as_deref(), Some("opening"));
    }

    #[test]
    fn what_names_no_day_is_refused_with_its_line() {
        for wrong in [
            "\"13-01\"",
            "\"02-30\"",
            "\"2026-02-29\"",
            "\"9-23\"",
            "\"hijri 09-31\"",
            "\"2026-03-02..2026-03-01\"",
            "5",
            "\"soon\"",
        ] {
            let refused = parse(&format!("\n\n[SA]\nnational-day = {wrong}\n")).unwrap_err();
            assert!(refused.contains("line 4"), "{wrong}: {refused}");
        }
        assert_eq!(read(" 12-31 .. 01-02 "), Some(Days::Yearly((12, 31), (1, 2))));
    }

    #[test]
    fn the_hour_chooses_the_salutation() {
        let calendar = calendar(Salutation::TimeOfDay, "SA", "");
        for (hour, time) in [
            (3, "evening"),
            (4, "morning"),
            (11, "morning"),
            (12, "afternoon"),
            (16, "afternoon"),
            (17, "evening"),
            (23, "evening"),
        ] {
            assert_eq!(calendar.at(date(2026, 1, 1).at(hour, 30, 0, 0)).time, Some(time), "{hour}");
        }
    }
}
