//! The join between the author's [`Stage`] and the boundary: here, once, live the catching of panics, the poisoning
//! of an instance, the bridge of `tracing`, and the path of a wrong configuration key.

use std::panic::{AssertUnwindSafe, catch_unwind};

use majlis_abi::entry::{Enter, Entry};
use majlis_abi::plugin::{CallHandle, HostHandle};
use majlis_abi::raw::{RawError, RawEvent, RawFlow, RawOpen, error};

use crate::host::Host;
use crate::{Error, Event, Flow, Input, Output, Packet, Pending, Result, Stage, Time, VisitId, log};

/// A stage of type `S`, as the boundary enters it.
pub struct Exported<S> {
    state: State<S>,
}

enum State<S> {
    New,
    Open {
        stage: S,
        host: Host,
        /// Lent to the thread for each call.
        log: Option<HostHandle>,
    },
    /// It panicked, or it was closed.
    Over {
        poisoned: bool,
    },
}

impl<S: Stage> Exported<S> {
    /// An instance that is not open yet.
    #[must_use]
    pub fn new() -> Self {
        log::install();
        Self { state: State::New }
    }

    /// Runs the author's code: what it logs goes to its host, and a panic becomes an error that poisons the instance.
    fn guarded<R>(&mut self, work: impl FnOnce(&mut S, &Host) -> Result<R>) -> Result<R, RawError> {
        let State::Open { stage, host, log } = &mut self.state else {
            return Err(match self.state {
                State::Over { poisoned: true } => {
                    RawError::new(error::POISONED, "the stage panicked before and is not entered again")
                }
                _ => RawError::new(error::FAILED, "the stage is not open"),
            });
        };
        let here = log::Here::lend(log);
        match catch_unwind(AssertUnwindSafe(|| work(stage, host))) {
            Ok(answer) => answer.map_err(Into::into),
            Err(payload) => {
                // The instance goes, and the handle that it lent with it.
                let handle = host.inner.handle.clone();
                drop(here);
                let _here = log::Here::enter(&handle);
                drop_quietly(payload);
                let text = log::take_panic();
                // What the panic left half done must not be entered again; its drop may panic as well.
                let over = std::mem::replace(&mut self.state, State::Over { poisoned: true });
                let _ = catch_unwind(AssertUnwindSafe(|| drop(over)));
                Err(RawError::new(error::PANICKED, &text))
            }
        }
    }

    fn call(
        &mut self,
        call: CallHandle<'_>,
        work: impl FnOnce(&mut S, &mut Output<'_>) -> Result<Flow>,
    ) -> Result<RawFlow, RawError> {
        self.guarded(|stage, host| work(stage, &mut Output { call, host })).map(Into::into)
    }
}

impl<S: Stage> Default for Exported<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A payload whose own drop panics is leaked rather than let out.
pub(crate) fn drop_quietly(payload: Box<dyn std::any::Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

fn parse<C: serde::de::DeserializeOwned>(json: &str) -> Result<C> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // serde_json appends a place in the JSON text, which no operator has ever seen.
        let text = error.inner().to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        Error::config(if path == "." { "" } else { &path }, text)
    })
}

impl<S: Stage> Enter for Exported<S> {
    fn open(&mut self, open: &RawOpen<'_>, handle: HostHandle) -> Result<(), RawError> {
        let host = Host::new(open, handle);
        let _here = log::Here::enter(&host.inner.handle);
        let opened = catch_unwind(AssertUnwindSafe(|| S::open(parse(open.config.as_str())?, &host)));
        match opened {
            Ok(Ok(stage)) => {
                let log = Some(host.inner.handle.clone());
                self.state = State::Open { stage, host, log };
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Err(payload) => {
                drop_quietly(payload);
                self.state = State::Over { poisoned: true };
                Err(RawError::new(error::PANICKED, &log::take_panic()))
            }
        }
    }

    fn process(&mut self, entry: Entry<'_>, call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        self.call(call, |stage, out| {
            let host = out.host;
            let input = match entry {
                Entry::Packet(raw, buffer) => Input::Packet(Packet { raw, buffer, host }),
                Entry::Wake { visit, due } => {
                    Input::Wake { visit: VisitId::from_number(visit), due: Time::from_nanos(due) }
                }
                Entry::Resumed(handle) => Input::Resumed(Pending { handle, host: host.inner.handle.clone() }),
                Entry::Unknown(_) => return Ok(Flow::Continue),
            };
            stage.process(input, out)
        })
    }

    fn event(&mut self, raw: &RawEvent, call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        self.call(call, |stage, out| match Event::from_raw(raw) {
            Some(event) => stage.event(event, out),
            None => Ok(Flow::Continue),
        })
    }

    fn control(&mut self, verb: &str, arguments: &str) -> Result<String, RawError> {
        self.guarded(|stage, host| {
            let arguments =
                if arguments.is_empty() { serde_json::Value::Null } else { serde_json::from_str(arguments)? };
            Ok(stage.control(verb, arguments, host)?.to_string())
        })
    }

    fn close(&mut self) -> Result<(), RawError> {
        match std::mem::replace(&mut self.state, State::Over { poisoned: false }) {
            State::Open { stage, host, .. } => {
                let _here = log::Here::enter(&host.inner.handle);
                match catch_unwind(AssertUnwindSafe(|| stage.close(&host))) {
                    Ok(answer) => answer.map_err(Into::into),
                    Err(payload) => {
                        drop_quietly(payload);
                        Err(RawError::new(error::PANICKED, &log::take_panic()))
                    }
                }
            }
            State::New | State::Over { .. } => Ok(()),
        }
    }
}

impl<S> Drop for Exported<S> {
    fn drop(&mut self) {
        // An instance that is dropped without `close` may panic in its own drop; the host must not see it.
        let state = std::mem::replace(&mut self.state, State::Over { poisoned: false });
        if catch_unwind(AssertUnwindSafe(|| drop(state))).is_err() {
            let _ = log::take_panic();
        }
    }
}

/// Exports the stage of a plugin: one line at the end of its library, after [`manifest!`](crate::manifest!).
// `crate` is meant: the manifest is the author's, not this crate's.
#[allow(clippy::crate_in_macro_def)]
#[macro_export]
macro_rules! export_stage {
    ($stage:ty) => {
        #[cfg(panic = "abort")]
        compile_error!(
            "a Majlis plugin must unwind: with `panic = \"abort\"` a panic of this stage would end the host; \
             remove it from the profile"
        );

        const _: () = {
            use abi::PrefixTypeTrait as _;
            use $crate::__private::{
                Description, OURS, PluginModule, PluginModule_Ref, Preamble, RawError, RawExtension, StageBox, abi,
            };

            #[used]
            #[unsafe(link_section = ".stage.manifest")]
            static MANIFEST: [u8; crate::manifest__::LENGTH] = crate::manifest__::BYTES;

            #[used]
            #[unsafe(no_mangle)]
            #[unsafe(link_section = ".stage.abi")]
            #[allow(non_upper_case_globals)]
            pub static majlis_preamble: Preamble = OURS;

            extern "C" fn describe() -> Description {
                Description {
                    name: crate::manifest__::NAME.into(),
                    version: env!("CARGO_PKG_VERSION").into(),
                    abi_minor: $crate::__private::MINOR,
                    reserved: 0,
                }
            }

            extern "C" fn create() -> abi::RResult<StageBox, RawError> {
                abi::ROk($crate::__private::stage_box($crate::export::Exported::<$stage>::new()))
            }

            extern "C" fn extension(_id: abi::RStr<'_>) -> abi::ROption<RawExtension> {
                abi::RNone
            }

            fn root() -> PluginModule_Ref {
                PluginModule { describe, create, extension }.leak_into_prefix()
            }

            extern "C" fn erased() -> abi::RootModuleResult {
                abi::__call_root_module_loader(root)
            }

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static majlis_root: abi::LibHeader = abi::header(erased);
        };
    };
}
