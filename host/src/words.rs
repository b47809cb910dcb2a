//! The words of a command line as the arguments of a plugin's verb, and what a verb takes, told to people.
//!
//! The verb's schema decides what a word means: whoever has the id 42 is asked for by `id=42`, though that is a number in JSON.

use std::path::Path;

use majlis_config::Verb;
use serde_json::{Map, Value, json};

/// `name=value` and words without a name as a JSON object.
///
/// # Errors
/// A word too many, or a name that stands there twice.
pub(crate) fn arguments(words: &[String], verb: &Verb) -> Result<Value, String> {
    let named: Vec<Option<(&str, &str)>> = words.iter().map(|word| split(word)).collect();
    let given = |name: &str| named.iter().flatten().any(|(given, _)| *given == name);
    let mut places = verb.positional().into_iter().filter(|place| !given(place)).peekable();
    let mut object = Map::new();
    for (word, named) in words.iter().zip(&named) {
        let (name, text) = match named {
            Some(named) => *named,
            None => {
                let place = places.peek().copied().ok_or_else(|| too_many(word, verb))?;
                // A list at the end takes all that is left.
                if !takes_list(verb, place) {
                    places.next();
                }
                (place, word.as_str())
            }
        };
        let value = value(verb, name, text);
        match (object.get_mut(name), value) {
            (None, value) => drop(object.insert(name.to_owned(), value)),
            (Some(Value::Array(earlier)), Value::Array(more)) => earlier.extend(more),
            (Some(_), _) => return Err(format!("the argument `{name}` stands there twice")),
        }
    }
    Ok(Value::Object(object))
}

/// `name=value`; a path with `=` in it is a word if it is written `./a=b.jpg`.
fn split(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (!name.is_empty() && name.chars().all(letters)).then_some((name, value))
}

fn too_many(word: &str, verb: &Verb) -> String {
    match verb.positional()[..] {
        [] => format!("`{word}` is no argument: write name=value"),
        _ => format!("`{word}` is no argument: `{}` and name=value is what there is", usage(verb)),
    }
}

fn property<'v>(verb: &'v Verb, name: &str) -> Option<&'v Value> {
    verb.args_schema.get("properties")?.get(name)
}

fn is_of_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|ty| ty == wanted),
        ty => ty.is_some_and(|ty| ty == wanted),
    }
}

fn takes_list(verb: &Verb, name: &str) -> bool {
    property(verb, name).is_some_and(|schema| is_of_type(schema, "array"))
}

/// What a text means for an argument: JSON if that fits the schema, else the text, or a list of the one.
fn value(verb: &Verb, name: &str, text: &str) -> Value {
    let as_text = Value::from(text);
    let as_json = serde_json::from_str(text).unwrap_or_else(|_| as_text.clone());
    let mut loose = verb.args_schema.clone();
    if let Some(schema) = loose.as_object_mut() {
        schema.remove("required");
    }
    let fits = |value: &Value| majlis_config::violations(&loose, &json!({ name: value })).is_empty();
    let lists = [as_json.clone(), as_text.clone()].map(|one| json!([one]));
    let candidates = [as_json.clone(), as_text].into_iter().chain(lists);
    let value = candidates.into_iter().find(fits).unwrap_or(as_json);
    property(verb, name).map_or_else(|| value.clone(), |schema| from_here(schema, value.clone()))
}

/// Paths that are typed start where the operator is, unlike those of the pipeline file.
fn from_here(schema: &Value, value: Value) -> Value {
    match value {
        Value::String(text) if schema.get("format").is_some_and(|format| format == "path") => {
            let path =
                std::path::absolute(Path::new(&text)).ok().and_then(|path| path.into_os_string().into_string().ok());
            path.unwrap_or(text).into()
        }
        Value::Array(items) => {
            let of_items = schema.get("items").unwrap_or(&Value::Null);
            items.into_iter().map(|item| from_here(of_items, item)).collect()
        }
        value => value,
    }
}

fn required<'v>(verb: &'v Verb) -> impl Fn(&str) -> bool + 'v {
    let list = verb.args_schema.get("required").and_then(Value::as_array);
    move |name| list.is_some_and(|list| list.iter().any(|known| known == name))
}

/// `why PHOTO [ID]`.
pub(crate) fn usage(verb: &Verb) -> String {
    let required = required(verb);
    verb.positional().iter().fold(verb.name.clone(), |usage, name| {
        let shown = name.to_uppercase() + if takes_list(verb, name) { "…" } else { "" };
        if required(name) { format!("{usage} {shown}") } else { format!("{usage} [{shown}]") }
    })
}

/// The arguments of a verb with what its schema says of them, those that are needed first.
pub(crate) fn help(verb: &Verb) -> String {
    let required = required(verb);
    let positional = verb.positional();
    let rank =
        |name: &str| (!required(name), positional.iter().position(|known| *known == name).unwrap_or(positional.len()));
    let mut properties: Vec<(&String, &Value)> =
        verb.args_schema.get("properties").and_then(Value::as_object).into_iter().flatten().collect();
    properties.sort_by_key(|(name, _)| rank(name));
    let mut text = String::new();
    for (name, schema) in &properties {
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about: Vec<&str> = about.split_whitespace().collect();
        let needed = if required(name) { "  (needed)" } else { "" };
        text += &format!("  {}{needed}\n      {}\n", form(name, schema), about.join(" "));
    }
    text
}

/// `until=TEXT`, `gender=female|male`.
fn form(name: &str, schema: &Value) -> String {
    let words = schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let what = match schema.get("format").and_then(Value::as_str) {
        Some("path") => "FILE",
        _ if !words.is_empty() => return format!("{name}={}", words.join("|")),
        _ if is_of_type(schema, "array") => return form(name, schema.get("items").unwrap_or(&Value::Null)) + " …",
        _ if is_of_type(schema, "boolean") => "true|false",
        _ if is_of_type(schema, "integer") || is_of_type(schema, "number") => "NUMBER",
        _ => "TEXT",
    };
    format!("{name}={what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb() -> Verb {
        let path = json!({ "type": "string", "format": "path" });
        let args_schema = json!({
            "type": "object", "required": ["id"], "x-positional": ["id", "photos"],
            "properties": {
                "id": { "type": "string", "description": "Who\nit is." }, "minor": { "type": "boolean" },
                "face": { "type": ["integer", "null"] }, "photos": { "type": "array", "items": path }, "photo": path,
                "announce": { "enum": [true, "name", ""] }, "sent_to": { "type": "array", "items": { "type": "string" } },
            },
        });
        Verb { name: "enrol".into(), summary: String::new(), args_schema }
    }

    fn read(words: &[&str]) -> Result<Value, String> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        arguments(&words, &verb())
    }

    fn here(name: &str) -> String {
        std::env::current_dir().unwrap().join(name).to_str().unwrap().to_owned()
    }

    #[test]
    fn words_fill_the_arguments_in_their_order_and_a_list_takes_the_rest() {
        let photos = json!([here("a.jpg"), here("b.jpg"), "/c.jpg"]);
        assert_eq!(read(&["p1", "a.jpg", "b.jpg", "/c.jpg"]).unwrap(), json!({ "id": "p1", "photos": photos }));
        assert_eq!(read(&["a.jpg", "id=p1", "b.jpg", "/c.jpg"]).unwrap(), json!({ "id": "p1", "photos": photos }));
        assert_eq!(read(&["p1", "./a=b.jpg"]).unwrap()["photos"], json!([here("a=b.jpg")]));
    }

    #[test]
    fn a_value_is_what_its_argument_takes() {
        let read = |words: &[&str]| read(words).unwrap();
        assert_eq!(read(&["id=42", "face=2", "minor=true"]), json!({ "id": "42", "face": 2, "minor": true }));
        assert_eq!(
            read(&["null", "face=null", "announce=true"]),
            json!({ "id": "null", "face": null, "announce": true })
        );
        assert_eq!(read(&["photo=a.jpg"])["photo"], here("a.jpg"));
        assert_eq!(read(&["sent_to=SA", "sent_to=[\"AE\",\"QA\"]"])["sent_to"], json!(["SA", "AE", "QA"]));
        assert_eq!(read(&["face=many", "colour=3"]), json!({ "face": "many", "colour": 3 }), "the schema refuses them");
    }

    #[test]
    fn a_word_too_many_and_a_name_twice_are_refused() {
        assert!(read(&["id=p1", "id=p2"]).unwrap_err().contains("`id` stands there twice"));
        let mut one = verb();
        one.args_schema["x-positional"] = json!(["id"]);
        let refused = arguments(&["p1".into(), "p2".into()], &one).unwrap_err();
        assert!(refused.contains("`p2` is no argument: `enrol ID`"), "{refused}");
    }

    #[test]
    fn what_a_verb_takes_is_told_from_its_schema() {
        assert_eq!(usage(&verb()), "enrol ID [PHOTOS…]");
        let help = help(&verb());
        assert!(help.starts_with("  id=TEXT  (needed)\n      Who it is.\n  photos=FILE …\n"), "{help}");
        for form in ["face=NUMBER", "minor=true|false", "announce=name", "photo=FILE", "sent_to=TEXT …"] {
            assert!(help.contains(form), "{form}: {help}");
        }
    }
}
