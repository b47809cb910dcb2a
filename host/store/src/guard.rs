//! What a plugin's SQL may not do, and the switch by which the host does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Tables of the host in a plugin's file.
pub(crate) const OURS: &str = "majlis_";

/// Whether the host itself is at work on a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard(Arc<AtomicBool>);

impl Guard {
    /// Puts the rules on a connection; from now on they hold outside of [`Guard::host`].
    pub(crate) fn install(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let host = self.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if host.0.load(Ordering::Relaxed) || allowed(&context.action) {
                Authorization::Allow
            } else {
                Authorization::Deny
            }
        }))
    }

    /// The host's own statements. Whoever calls has the connection to himself.
    pub(crate) fn host<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.store(true, Ordering::Relaxed);
        let result = work();
        self.0.store(false, Ordering::Relaxed);
        result
    }
}

fn allowed(action: &AuthAction<'_>) -> bool {
    let theirs = |table: &str| !table.to_ascii_lowercase().starts_with(OURS);
    match action {
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Pragma { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => false,
        AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => theirs(table_name),
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        _ => true,
    }
}
