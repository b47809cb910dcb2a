//! What is sent: one picture, what to do with it, and the form of the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use majlis_plugin_api::{Error, Result};
use serde_json::{Map, Value, json};

use crate::config::{Config, Detail};
use crate::dialect::Dialect;
use crate::phrases::Phrases;

/// Good enough for a model, and some 30 kB at 512 pixels.
const JPEG_QUALITY: u8 = 80;
/// Where the list of tags goes.
const TAGS: &str = "{tags}";

/// How questions are asked; all of them are alike but for the picture.
pub(crate) struct Questions {
    fixed: Map<String, Value>,
    prompt: String,
    detail: Option<Detail>,
}

impl Questions {
    pub(crate) fn new(
        config: &Config,
        dialect: &Dialect,
        model: &str,
        phrases: &Phrases,
        language: &str,
    ) -> Result<Self> {
        let shipped = if language.starts_with("ar") {
            include_str!("../prompts/ar.txt")
        } else {
            include_str!("../prompts/en.txt")
        };
        let prompt = config.prompt.as_deref().unwrap_or(shipped);
        if !prompt.contains(TAGS) {
            return Err(Error::config(
                "prompt",
                "it has no `{tags}`, where the list of tags goes, and the model could not choose",
            ));
        }
        let mut prompt = prompt.replace(TAGS, &phrases.for_the_model());
        let with_schema = config.json && dialect.json_schema;
        let free = if config.free_text {
            format!(r#", "text": "one short sentence about the surroundings, in the language {language}""#)
        } else {
            String::new()
        };
        prompt.push_str(&format!("\nAnswer with this JSON and nothing else: {{\"people\": 0, \"tags\": []{free}}}\n"));
        let mut fixed = Map::new();
        fixed.insert("model".into(), json!(model));
        fixed.insert(dialect.token_field.clone(), json!(config.max_tokens));
        fixed.insert("stream".into(), json!(true));
        if dialect.usage {
            fixed.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        if dialect.store {
            // The vendor keeps nothing for us.
            fixed.insert("store".into(), json!(false));
        }
        if with_schema {
            fixed.insert("response_format".into(), form(phrases, config.free_text));
        }
        Ok(Self { fixed, prompt, detail: dialect.detail.then_some(config.detail) })
    }

    /// The body of a question about a picture whose faces are hidden.
    pub(crate) fn body(&self, picture: &RgbImage) -> Result<Bytes> {
        let mut jpeg = Vec::with_capacity(64 * 1024);
        JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY).encode_image(picture)?;
        let mut url = String::with_capacity(jpeg.len() / 3 * 4 + 32);
        url.push_str("data:image/jpeg;base64,");
        STANDARD.encode_string(&jpeg, &mut url);
        let mut image = Map::new();
        image.insert("url".into(), Value::String(url));
        if let Some(detail) = self.detail {
            image.insert("detail".into(), serde_json::to_value(detail)?);
        }
        let mut body = self.fixed.clone();
        body.insert(
            "messages".into(),
            json!([
                { "role": "system", "content": self.prompt },
                { "role": "user", "content": [{ "type": "image_url", "image_url": image }] },
            ]),
        );
        Ok(serde_json::to_vec(&body)?.into())
    }
}

fn form(phrases: &Phrases, free_text: bool) -> Value {
    let tags: Vec<&str> = phrases.names().collect();
    let mut properties = json!({
        "people": { "type": "integer" },
        "tags": { "type": "array", "items": { "type": "string", "enum": tags } },
    });
    let mut required = vec!["people", "tags"];
    if free_text {
        properties["text"] = json!({ "type": "string" });
        required.push("text");
    }
    json!({
        "type": "json_schema",
        "json_schema": {
            "name": "scene",
            "strict": true,
            "schema": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prompts_forbid_what_nobody_may_be_asked_about() {
        let en = include_str!("../prompts/en.txt");
        for word in ["body", "age", "gender", "dress", "origin", "religion", "health", "Do not read it"] {
            assert!(en.contains(word), "{word}");
        }
        let ar = include_str!("../prompts/ar.txt");
        for word in ["جسد", "عمره", "جنسه", "لباسه", "أصله", "دينه", "صحّته", "لا تقرأه"]
        {
            assert!(ar.contains(word), "{word}");
        }
        assert!(en.contains(TAGS) && ar.contains(TAGS));
    }
}
