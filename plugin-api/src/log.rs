//! Each cdylib has its own `tracing` and its own panic hook. This bridges both to the host that entered the thread.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::sync::Once;

use majlis_abi::plugin::HostHandle;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

thread_local! {
    static HOST: Cell<Option<HostHandle>> = const { Cell::new(None) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// While it lives, what this thread logs goes to this host under its stage's name.
pub(crate) struct Here<'a> {
    /// Whose it was.
    before: Option<HostHandle>,
    /// Where the handle goes when this is left: lent for each call, since a hold of its own would cost two atomic
    /// counts a call.
    lender: Option<&'a mut Option<HostHandle>>,
    /// It is left on the thread that it was entered on.
    here: PhantomData<*const ()>,
}

impl<'a> Here<'a> {
    /// For as long as a thread belongs to a host.
    pub(crate) fn enter(host: &HostHandle) -> Self {
        Self { before: HOST.replace(Some(host.clone())), lender: None, here: PhantomData }
    }

    /// For a call; the handle is back when it is over.
    pub(crate) fn lend(host: &'a mut Option<HostHandle>) -> Self {
        Self { before: HOST.replace(host.take()), lender: Some(host), here: PhantomData }
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        // The thread's locals may be gone while it ends; then there is nothing to leave.
        let before = self.before.take();
        let host = HOST.try_with(|host| host.replace(before)).ok().flatten();
        if let Some(lender) = &mut self.lender {
            **lender = host;
        }
    }
}

/// Installs the bridge once for this library.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only if the plugin set a subscriber of its own: then its lines are its own business.
        let _ = tracing::subscriber::set_global_default(ToHost);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Outside of every stage nobody would tell the panic: a test's own, or one on a thread that was not adopted.
            if with_host(|_| ()).is_none() {
                return before(info);
            }
            // `payload_as_str` is younger than the compilers that plugins may be built with.
            let payload = info.payload();
            let text = payload
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("a panic without a message");
            let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
            let _ = PANIC.try_with(|panic| *panic.borrow_mut() = Some(format!("{text}{place}")));
        }));
    });
}

/// What the last panic of this thread said, and where.
pub(crate) fn take_panic() -> String {
    PANIC.take().unwrap_or_else(|| "a panic without a message".into())
}

fn with_host<R>(ask: impl FnOnce(&HostHandle) -> R) -> Option<R> {
    // A line logged by the asking itself, or on a thread that ends or that nobody adopted, goes nowhere.
    let asked = HOST.try_with(|cell| {
        let host = cell.take()?;
        let answer = ask(&host);
        cell.set(Some(host));
        Some(answer)
    });
    asked.ok().flatten()
}

fn level(level: &Level) -> u32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

struct ToHost;

impl Subscriber for ToHost {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level may change while the show runs, and another stage of this library may have another host.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span()
            && with_host(|host| host.log_enabled(level(metadata.level()), metadata.target())).unwrap_or(false)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        line.message.push_str(&line.fields);
        let metadata = event.metadata();
        with_host(|host| host.log(level(metadata.level()), metadata.target(), &line.message));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }
}
