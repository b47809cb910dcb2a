//! What a plugin's verb answers, told to people: any JSON value as lines and tables.
//!
//! The host knows none of the keys. Which of them come first is said by the verb's schema (`x-answer`); what is empty takes no
//! room. Text that runs from right to left is isolated, so that a name in Arabic turns nothing around but itself.

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr as _;

/// Columns that a table may take.
const WIDTH: usize = 100;

/// The value as lines, each with its end.
pub(crate) fn told(answer: &Value, order: &[&str]) -> String {
    let teller = Teller { order };
    let mut text = String::new();
    match answer {
        Value::Object(object) => teller.fields(object, "", &mut text),
        Value::Array(rows) if !rows.is_empty() && rows.iter().all(Value::is_object) => teller.rows(rows, "", &mut text),
        other => text = format!("{}\n", cell(other)),
    }
    text
}

struct Teller<'o> {
    order: &'o [&'o str],
}

impl Teller<'_> {
    /// The fields of an object in the order in which they are read, without those that say nothing.
    fn sorted<'v>(&self, object: &'v Map<String, Value>) -> Vec<(&'v str, &'v Value)> {
        let mut fields: Vec<(&str, &Value)> =
            object.iter().map(|(key, value)| (key.as_str(), value)).filter(|(_, value)| says(value)).collect();
        fields.sort_by_key(|(key, _)| self.rank(key));
        fields
    }

    fn rank(&self, key: &str) -> usize {
        self.order.iter().position(|known| *known == key).unwrap_or(self.order.len())
    }

    fn fields(&self, object: &Map<String, Value>, margin: &str, text: &mut String) {
        let fields = self.sorted(object);
        let wide = fields.iter().filter(|(_, value)| is_flat(value)).map(|(key, _)| key.width()).max().unwrap_or(0);
        let deeper = format!("{margin}  ");
        for (key, value) in fields {
            match value {
                value if is_flat(value) => {
                    let gap = " ".repeat(wide - key.width());
                    *text += &format!("{margin}{}{gap}  {}\n", clean(key), cell(value));
                }
                Value::Object(inner) => {
                    *text += &format!("\n{margin}{}\n", clean(key));
                    self.fields(inner, &deeper, text);
                }
                Value::Array(rows) => {
                    *text += &format!("\n{margin}{}\n", clean(key));
                    self.rows(rows, &deeper, text);
                }
                _ => {}
            }
        }
    }

    /// A table, where each row is flat; otherwise one block after the other.
    fn rows(&self, rows: &[Value], margin: &str, text: &mut String) {
        let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
        if objects.len() == rows.len() && objects.iter().all(|object| object.values().all(is_flat)) {
            return self.table(&objects, margin, text);
        }
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                *text += "\n";
            }
            match row {
                Value::Object(object) => self.fields(object, margin, text),
                other => *text += &format!("{margin}{}\n", cell(other)),
            }
        }
    }

    fn table(&self, rows: &[&Map<String, Value>], margin: &str, text: &mut String) {
        let mut keys: Vec<&str> = Vec::new();
        for (key, _) in rows.iter().flat_map(|row| self.sorted(row)) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.sort_by_key(|key| self.rank(key));
        let column = |key: &&str| -> Vec<String> {
            let cells = rows.iter().map(|row| row.get(*key).filter(|value| says(value)).map_or_else(String::new, cell));
            [clean(key)].into_iter().chain(cells).collect()
        };
        let (mut columns, mut left_out, mut used) = (Vec::new(), Vec::new(), margin.width());
        for (key, cells) in keys.iter().map(|key| (*key, column(key))) {
            let wide = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
            if columns.is_empty() || used + wide <= WIDTH {
                used += wide + 2;
                columns.push((wide, cells));
            } else {
                left_out.push(key);
            }
        }
        for line in 0..=rows.len() {
            let mut told = margin.to_owned();
            for (wide, cells) in &columns {
                let cell = &cells[line];
                told += &format!("{cell}{}  ", " ".repeat(wide - cell.width()));
            }
            *text += told.trim_end();
            *text += "\n";
        }
        if !left_out.is_empty() {
            *text += &format!("{margin}(no room for {}: --json has them)\n", left_out.join(", "));
        }
    }
}

/// Whether it says something: an empty list does.
fn says(value: &Value) -> bool {
    !value.is_null() && value != ""
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => !items.iter().any(|item| item.is_object() || item.is_array()),
        _ => true,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        // `60`, not `60.0`.
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or(number.to_string(), |v| v.to_string())
        }
        Value::String(text) => isolated(&clean(text)),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
    }
}

/// A text without what could steer a terminal: control characters, and marks that turn the direction of what follows.
fn clean(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text from right to left between marks that keep it from turning around what stands beside it.
fn isolated(text: &str) -> String {
    let from_right = |c: char| matches!(c, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
    if text.contains(from_right) { format!("\u{2068}{text}\u{2069}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_line_up_in_the_order_of_the_verb_and_what_is_empty_takes_no_room() {
        let answer = json!({ "zone": "a", "id": "p1", "title": "", "until": null, "known": true, "left": [], "to": ["SA", "AE"] });
        assert_eq!(told(&answer, &["id", "zone"]), "id     p1\nzone   a\nknown  yes\nleft   none\nto     SA, AE\n");
    }

    #[test]
    fn flat_objects_are_a_table_that_lines_up_with_arabic_names() {
        let people =
            json!([{ "id": "p1", "name": "نُورَة", "title": "" }, { "id": "person-2", "name": "Salem", "title": null }]);
        let expected = "people\n  id        name\n  p1        \u{2068}نُورَة\u{2069}\n  person-2  Salem\n";
        assert_eq!(told(&json!({ "people": people }), &["id"]).trim_start(), expected);
        assert_eq!(told(&json!({ "people": [] }), &[]), "people  none\n");
    }

    #[test]
    fn a_table_that_is_too_wide_says_what_it_leaves_out() {
        let wide = json!([{ "a": "x".repeat(60), "b": "y".repeat(60), "c": 1 }]);
        let text = told(&wide, &["a"]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("no room for b") && text.contains("  1"), "{text}");
    }

    #[test]
    fn what_is_not_flat_is_told_in_blocks() {
        let faces = json!([{ "face": 1, "closest": { "id": "p1" } }, { "face": 2, "checks": [{ "key": "margin", "holds": false }] }]);
        let text = told(&json!({ "faces": faces }), &["face"]);
        let expected =
            "\nfaces\n  face  1\n\n  closest\n    id  p1\n\n  face  2\n\n  checks\n    holds  key\n    no     margin\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        assert_eq!(told(&json!({ "a": "x\u{1b}[2J\u{202e}y\n" }), &[]), "a  x [2Jy \n");
        assert_eq!(
            (told(&json!(42), &[]), told(&json!(60.0), &[]), told(&json!(0.58), &[])),
            ("42\n".into(), "60\n".into(), "0.58\n".into())
        );
    }
}
