//! Drives a [`Stage`](majlis_plugin_api::Stage) in a plain unit test, without a host, on a clock that the test turns.
//!
//! ```
//! # use majlis_plugin_api::{Faces, Flow, Host, Input, Output, Result, Stage, Utterance, manifest};
//! # manifest! {
//! #     name: "hello", summary: "Says hello", inputs: { faces: Faces }, outputs: { utterance: Utterance },
//! #     milestones: ["greeted"], schema: "../../doc/hello.schema.json",
//! # }
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Config { text: String }
//! # struct Hello { text: String }
//! # impl Stage for Hello {
//! #     type Config = Config;
//! #     fn open(config: Config, _: &Host) -> Result<Self> { Ok(Self { text: config.text }) }
//! #     fn process(&mut self, _: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
//! #         out.emit(output::utterance, Utterance::plain(&self.text, "en"))?;
//! #         Ok(Flow::Continue)
//! #     }
//! # }
//! use majlis_testkit::Kit;
//!
//! # fn main() -> std::result::Result<(), majlis_testkit::Failure> {
//! let mut kit = Kit::<Hello>::open(serde_json::json!({ "text": "Welcome" }))?;
//! let visit = kit.open_visit()?;
//! kit.send(input::faces, visit, Faces::default())?;
//! assert_eq!(kit.emitted(output::utterance)[0].1.display, "Welcome");
//! # Ok(())
//! # }
//! ```
//!
//! The decision that shapes it: **it stands on the host's side of the real boundary**. A stage is entered through
//! the same export and the same tables as in a show, so a panic, a wrong key of the configuration, a handle that is
//! dropped or work that is resumed behaves here as it does there; only the clock, the queues and the threads of a
//! host are missing. It keeps everything that the stage did, and the test looks at it.
//!
//! It must never know: the host's crates, and the time of the day.
#![forbid(unsafe_code)]

mod builder;
mod call;
mod failure;
mod host;
mod kit;
pub mod manifest;
pub mod schema;
mod service;
mod state;
pub mod testdata;
mod work;

pub use builder::{Builder, host};
pub use failure::{Failure, FailureKind};
pub use kit::Kit;
pub use majlis_abi::host::Ending;
pub use state::Log;
pub use work::WorkView;
