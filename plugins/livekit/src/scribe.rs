//! Sends texts to visitors, one after the other.

use std::sync::Arc;

use majlis_livekit_ffi::{Room, StreamOptions};
use majlis_plugin_api::{Utterance, VisitId};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::running::Running;
use crate::word::Report;

/// Where pages look for what is said.
const TOPIC: &str = "lk.transcription";

/// A text, and for whom it is.
struct Text {
    visit: Option<VisitId>,
    to: String,
    utterance: Utterance,
}

/// Sends texts in the order in which they came. Each is told of in a report.
pub(crate) struct Scribe {
    texts: UnboundedSender<Text>,
    _running: Running,
}

impl Scribe {
    pub(crate) fn new(room: Arc<Room>, reports: UnboundedSender<Report>) -> Self {
        let (texts, mut next) = unbounded_channel::<Text>();
        let writing = async move {
            while let Some(Text { visit, to, utterance }) = next.recv().await {
                let segment = utterance.number.to_string();
                let attributes = [("lk.segment_id", segment.as_str()), ("lk.transcription_final", "true")];
                let options = StreamOptions {
                    topic: TOPIC.into(),
                    to: vec![to],
                    attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                    ..StreamOptions::default()
                };
                let sent = room.send_text(utterance.display.clone(), &options).await;
                if let Err(error) = &sent {
                    tracing::warn!("a text could not be sent: {error}");
                }
                if reports.send(Report::Wrote { visit, utterance, sent: sent.is_ok() }).is_err() {
                    return;
                }
            }
        };
        Self { texts, _running: Running::new(writing) }
    }

    /// Sends a text to one participant, and to nobody else.
    pub(crate) fn write(&self, visit: Option<VisitId>, to: &str, utterance: Utterance) {
        // It ends with the session, whose texts are kept elsewhere.
        let _ = self.texts.send(Text { visit, to: to.to_owned(), utterance });
    }
}
