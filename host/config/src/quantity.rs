//! Durations and sizes as an operator writes them: `"200ms"`, `"1m 30s"`, `"64 MiB"`.

use std::time::Duration;

/// Reads a duration: one or more numbers with a unit out of `ms`, `s`, `m`, `h`, `d`, largest unit first by custom, not by rule.
///
/// # Errors
/// What is wrong, in words that follow "a duration …" in a diagnostic.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parts = numbers_with_units(text)?;
    let mut total = Duration::ZERO;
    for (number, unit) in parts {
        let seconds = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "" => {
                return Err(format!("needs a unit: `{text}s` are seconds, `{text}ms` milliseconds"));
            }
            other => {
                return Err(format!("has no unit `{other}`; the units are ms, s, m, h and d"));
            }
        };
        let part =
            Duration::try_from_secs_f64(number * seconds).map_err(|_| "of that length cannot be counted".to_owned())?;
        total = total.checked_add(part).ok_or_else(|| "of that length cannot be counted".to_owned())?;
    }
    Ok(total)
}

/// Reads a size in bytes: a number with a unit out of `B`, `kB`, `MB`, `GB` (powers of ten) and `KiB`, `MiB`, `GiB`.
///
/// # Errors
/// What is wrong, in words that follow "a size …" in a diagnostic.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let parts = numbers_with_units(text)?;
    let [(number, unit)] = parts[..] else {
        return Err("is one number with one unit, such as `64 MiB`".to_owned());
    };
    let factor: f64 = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "" => {
            return Err(format!("needs a unit: `{text} MiB`, or a number of bytes without quotes"));
        }
        other => {
            return Err(format!("has no unit `{other}`; the units are B, kB, MB, GB, KiB, MiB and GiB"));
        }
    };
    let bytes = number * factor;
    if bytes > 9e15 {
        return Err("of that many bytes cannot be counted".to_owned());
    }
    // In range and not negative: the sign is not part of the grammar.
    Ok(bytes.round() as u64)
}

fn numbers_with_units(text: &str) -> Result<Vec<(f64, &str)>, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("cannot be empty".to_owned());
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(end);
        let number: f64 = digits.parse().map_err(|_| "starts with a number, such as `10s`".to_owned())?;
        let tail = tail.trim_start();
        let end = tail.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(end);
        parts.push((number, unit));
        rest = after.trim_start();
    }
    Ok(parts)
}

/// The shortest exact way to write a duration in the units of the file; what is finer than a millisecond is left out.
pub fn show_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut words = String::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if left >= length {
            words.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words }
}

/// A size in the binary unit that divides it, otherwise in bytes.
pub(crate) fn show_size(bytes: u64) -> String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{} {unit}", bytes / factor);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units_and_shown_in_them() {
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(show_duration(Duration::from_millis(90_500)), "1m30s500ms");
        for wrong in ["", "s", "2", "2 seconds", "-1s", "1e3s", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was read as a duration");
        }
    }

    #[test]
    fn sizes_tell_powers_of_ten_from_powers_of_two() {
        assert_eq!(parse_size("64 MiB"), Ok(67_108_864));
        assert_eq!(parse_size("64MB"), Ok(64_000_000));
        assert_eq!(show_size(67_108_864), "64 MiB");
        assert_eq!(show_size(1_000), "1000 B");
        for wrong in ["", "64", "64 mib", "1 MiB 1 KiB", "99999999 GiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong:?} was read as a size");
        }
    }
}
