//! The messages are those of the library: each is held against the descriptors that came with it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use majlis_test_livekit::descriptors;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Fields, Item, Lit, Meta, Token};

/// What the library has, by names without dots.
#[derive(Default)]
struct Library {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
}

impl Library {
    fn read(skipped: &str) -> Option<Self> {
        let bytes = std::fs::read(descriptors(skipped)?).expect("the descriptors can be read");
        let set = FileDescriptorSet::decode(&*bytes).expect("they are one set");
        let mut library = Self::default();
        for file in set.file {
            library.enums.extend(file.enum_type.into_iter().map(|e| (e.name().to_owned(), e)));
            for message in file.message_type {
                library.add("", message);
            }
        }
        Some(library)
    }

    fn add(&mut self, outer: &str, message: DescriptorProto) {
        let name = format!("{outer}{}", message.name());
        for inner in &message.enum_type {
            self.enums.insert(format!("{name}{}", inner.name()), inner.clone());
        }
        for inner in message.nested_type.clone() {
            self.add(&name, inner);
        }
        self.messages.insert(name, message);
    }

    fn is_map(&self, field: &FieldDescriptorProto) -> bool {
        let entry = self.messages.get(&flat(field.type_name()));
        entry.and_then(|entry| entry.options.as_ref()).is_some_and(|options| options.map_entry())
    }

    /// Whether a message brings something that has to be given back.
    fn brings_a_handle(&self, message: &str, seen: &mut HashSet<String>) -> bool {
        message == "FfiOwnedHandle"
            || (seen.insert(message.to_owned())
                && self.messages[message].field.iter().any(|field| {
                    field.r#type() == Type::Message && self.brings_a_handle(&flat(field.type_name()), seen)
                }))
    }
}

fn flat(name: &str) -> String {
    name.trim_start_matches(".livekit.proto.").replace('.', "")
}

/// One field as it stands in our source.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    number: i32,
    /// As prost says it: `string`, `message`, `enumeration`, `map`.
    kind: String,
    /// `optional`, `required`, `repeated`, `oneof` or `map`.
    label: String,
    /// What a message or an enumeration is.
    of: String,
}

/// The parts of `#[prost(…)]`: words, and words with a text.
fn prost(attributes: &[Attribute]) -> Vec<(String, Option<String>)> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("prost")).expect("it is a message's");
    let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).expect("prost reads it");
    parts
        .iter()
        .map(|part| {
            let name = part.path().get_ident().expect("one word").to_string();
            let text = part.require_name_value().ok().map(|pair| match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
                _ => panic!("`{name}` has a text"),
            });
            (name, text)
        })
        .collect()
}

fn field(name: String, attributes: &[Attribute], type_name: String, label: Option<&str>) -> Field {
    let parts = prost(attributes);
    let (kind, text) = parts[0].clone();
    let part = |wanted: &str| parts.iter().find(|(name, _)| name == wanted);
    let labels = ["optional", "required", "repeated", "map"];
    let label = label.or_else(|| labels.into_iter().find(|label| part(label).is_some()));
    let tag = part("tag").and_then(|(_, tag)| tag.as_ref()).expect("a number").parse().expect("a number");
    let of = match kind.as_str() {
        "enumeration" | "map" => text.expect("what it is of"),
        "message" => type_name,
        _ => String::new(),
    };
    Field { name, number: tag, kind, label: label.expect("a label").to_owned(), of }
}

/// The innermost type: `FfiOwnedHandle` of `Option<FfiOwnedHandle>`.
fn innermost(ty: &syn::Type) -> String {
    let syn::Type::Path(path) = ty else { panic!("a message's field has a path as its type") };
    let last = path.path.segments.last().expect("a path has an end");
    match &last.arguments {
        syn::PathArguments::AngleBracketed(arguments) => match arguments.args.last() {
            Some(syn::GenericArgument::Type(inner)) => innermost(inner),
            _ => panic!("a type has types in it"),
        },
        _ => last.ident.to_string(),
    }
}

/// What our source has.
#[derive(Default)]
struct Ours {
    messages: HashMap<String, Vec<Field>>,
    enums: HashMap<String, Vec<(String, i32)>>,
}

impl Ours {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto");
        let mut items = Vec::new();
        for file in std::fs::read_dir(folder).expect("the messages are there") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a file can be read");
            items.extend(syn::parse_file(&text).expect("it is Rust").items);
        }
        let mut ours = Self::default();
        let mut choices: HashMap<String, Vec<Field>> = HashMap::new();
        for item in &items {
            match item {
                Item::Enum(item) if item.variants.iter().all(|variant| variant.discriminant.is_some()) => {
                    let number = |expression: &Expr| match expression {
                        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().expect("a number"),
                        _ => panic!("an enumeration has numbers"),
                    };
                    let values = item.variants.iter().map(|variant| {
                        let (_, value) = variant.discriminant.as_ref().expect("it has one");
                        (variant.ident.to_string(), number(value))
                    });
                    ours.enums.insert(item.ident.to_string(), values.collect());
                }
                Item::Enum(item) => {
                    let fields = item.variants.iter().map(|variant| {
                        let Fields::Unnamed(inner) = &variant.fields else { panic!("one of several has a content") };
                        let inner = innermost(&inner.unnamed[0].ty);
                        field(variant.ident.to_string(), &variant.attrs, inner, Some("oneof"))
                    });
                    choices.insert(item.ident.to_string(), fields.collect());
                }
                _ => {}
            }
        }
        for item in &items {
            let Item::Struct(item) = item else { continue };
            let mut fields = Vec::new();
            for own in &item.fields {
                let name = own.ident.as_ref().expect("fields have names").to_string();
                let parts = prost(&own.attrs);
                if parts[0].0 == "oneof" {
                    let choice = parts[0].1.as_ref().and_then(|choice| choices.remove(choice)).expect("it is there");
                    let tags: HashSet<i32> = parts[1]
                        .1
                        .as_ref()
                        .expect("tags")
                        .split(", ")
                        .map(|tag| tag.parse().expect("a number"))
                        .collect();
                    let numbers: HashSet<i32> = choice.iter().map(|field| field.number).collect();
                    assert_eq!(tags, numbers, "{}.{name} names all of its kinds", item.ident);
                    fields.extend(choice);
                } else {
                    fields.push(field(name, &own.attrs, innermost(&own.ty), None));
                }
            }
            ours.messages.insert(item.ident.to_string(), fields);
        }
        assert!(choices.is_empty(), "every choice belongs to a message");
        ours
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[test]
fn every_field_has_the_number_the_type_and_the_label_of_the_librarys() {
    let Some(library) = Library::read("messages against the library's descriptors") else { return };
    let ours = Ours::read();
    assert!(ours.messages.len() > 100, "the messages were found");
    for (name, fields) in &ours.messages {
        let theirs = library.messages.get(name).unwrap_or_else(|| panic!("the library has no message {name}"));
        for field in fields {
            let place = format!("{name}.{}", field.name);
            let their = theirs.field.iter().find(|their| their.number() == field.number);
            let their = their.unwrap_or_else(|| panic!("{place}: the library has no field {}", field.number));
            let own_name = if field.label == "oneof" { snake(&field.name) } else { field.name.replace("r#", "") };
            assert_eq!(own_name, their.name(), "{place}: name");
            let label = match their.label() {
                _ if library.is_map(their) => "map",
                _ if their.oneof_index.is_some() => "oneof",
                Label::Optional => "optional",
                Label::Required => "required",
                Label::Repeated => "repeated",
            };
            assert_eq!(field.label, label, "{place}: label");
            let kind = match their.r#type() {
                _ if label == "map" => "map",
                Type::String => "string",
                Type::Bytes => "bytes",
                Type::Bool => "bool",
                Type::Double => "double",
                Type::Int32 => "int32",
                Type::Int64 => "int64",
                Type::Uint32 => "uint32",
                Type::Uint64 => "uint64",
                Type::Enum => "enumeration",
                Type::Message => "message",
                other => panic!("{place}: {other:?} is not used"),
            };
            assert_eq!(field.kind, kind, "{place}: type");
            match kind {
                "message" | "enumeration" => assert_eq!(field.of, flat(their.type_name()), "{place}: of what"),
                "map" => {
                    let entry = &library.messages[&flat(their.type_name())];
                    assert!(entry.field.iter().all(|part| part.r#type() == Type::String), "{place}: texts by texts");
                    assert_eq!(field.of, "string, string", "{place}: of what");
                }
                _ => {}
            }
        }
        // The library refuses a request that lacks one, and a message without it is not read.
        for required in theirs.field.iter().filter(|field| field.label() == Label::Required) {
            let sent = name.ends_with("Request") || name.ends_with("Options") || name == "AttributesEntry";
            let there = fields.iter().any(|field| field.number == required.number());
            assert!(there || !sent, "{name}.{} has to be sent", required.name());
        }
    }
}

#[test]
fn every_value_of_an_enumeration_has_the_librarys_number_and_none_is_missing() {
    let Some(library) = Library::read("enumerations against the library's descriptors") else { return };
    let ours = Ours::read();
    assert!(ours.enums.len() > 10, "the enumerations were found");
    for (name, values) in &ours.enums {
        let theirs = library.enums.get(name).unwrap_or_else(|| panic!("the library has no enumeration {name}"));
        for their in &theirs.value {
            let own = values.iter().find(|(_, number)| *number == their.number());
            let (own, _) = own.unwrap_or_else(|| panic!("{name} lacks {}", their.name()));
            let plain = |text: &str| text.replace('_', "").to_lowercase();
            assert!(plain(their.name()).ends_with(&plain(own)), "{name}: {own} is {} there", their.name());
        }
        assert_eq!(values.len(), theirs.value.len(), "{name} has no value more");
    }
}

#[test]
fn every_event_that_brings_a_handle_is_read_so_that_it_can_be_given_back() {
    let Some(library) = Library::read("handles in events against the library's descriptors") else { return };
    let ours = Ours::read();
    let mut looked_at = 0;
    for (name, fields) in &ours.messages {
        for their in &library.messages[name].field {
            let of = flat(their.type_name());
            if their.r#type() == Type::Message && library.brings_a_handle(&of, &mut HashSet::new()) {
                looked_at += 1;
                // Answers to requests that nobody sends never come; requests, answers and their callbacks are one choice
                // by one name.
                let asked =
                    |envelope: &str| ours.messages[envelope].iter().any(|field| snake(&field.name) == their.name());
                let never = match name.as_str() {
                    "FfiResponse" => !asked("FfiRequest"),
                    "FfiEvent" => !asked("FfiRequest") && !their.name().ends_with("_event"),
                    _ => false,
                };
                let read = fields.iter().any(|field| field.number == their.number());
                assert!(read || never, "{name}.{} brings a handle that nobody gives back", their.name());
            }
        }
    }
    assert!(looked_at > 20, "there are handles in messages");
}
