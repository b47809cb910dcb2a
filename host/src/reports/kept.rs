//! Which visits a report shows.

use std::collections::VecDeque;

use majlis_meter::account::Account;
use majlis_meter::record::Closed;

use crate::cli::Visits;

/// Accounts that are kept where all are asked for.
const ACCOUNTS: usize = 64;

/// Accounts of closed visits, a bounded number of them.
pub(super) enum Kept {
    None,
    /// The latest, in the order in which they closed.
    All(VecDeque<Account>),
    /// Those that open a report, and those for which it has no room beside them.
    Few {
        told: Few,
        quiet: Few,
    },
}

impl Kept {
    pub(super) fn new(which: Visits) -> Self {
        match which {
            Visits::None => Self::None,
            Visits::All => Self::All(VecDeque::new()),
            Visits::Few => Self::Few { told: Few::default(), quiet: Few::default() },
        }
    }

    pub(super) fn take(&mut self, account: Account) {
        match self {
            Self::None => {}
            Self::All(accounts) => {
                if accounts.len() == ACCOUNTS {
                    accounts.pop_front();
                }
                accounts.push_back(account);
            }
            Self::Few { told, quiet } => if nothing_happened(&account) { quiet } else { told }.take(account),
        }
    }

    pub(super) fn accounts(self) -> Vec<Account> {
        match self {
            Self::None => Vec::new(),
            Self::All(accounts) => accounts.into(),
            Self::Few { told, quiet } => {
                if told.0.is_empty() {
                    quiet.0
                } else {
                    told.0
                }
            }
        }
    }
}

/// Whether nobody needs to read of a visit before all others: it ended in good order, and what the account waits for was
/// not to come, as for a picture without a face. Who left, or lost something, is told of.
fn nothing_happened(account: &Account) -> bool {
    account.until.is_some()
        && !account.reached
        && matches!(account.closed, Some((_, Closed::Ended)))
        && account.drops.is_empty()
        && account.lines.iter().all(|line| line.mishap.is_none())
}

/// Of some visits the first and the last to arrive, and the slowest between them, in order of arrival.
#[derive(Default)]
pub(super) struct Few(Vec<Account>);

impl Few {
    fn take(&mut self, account: Account) {
        // Visits close in another order than they arrive, and are opened in another one where it takes time to notice
        // somebody.
        let at = self.0.partition_point(|known| (known.from, known.visit) < (account.from, account.visit));
        self.0.insert(at, account);
        if let [_, one, other, _] = &self.0[..] {
            // Between the first and the last there is room for one: what is dropped here can never be any of the three.
            let faster = if one.length() < other.length() { 1 } else { 2 };
            self.0.remove(faster);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use majlis_meter::account;
    use majlis_meter::record::{Producer, RunRecord, VisitRecord};

    /// A visit that took so long to be greeted; or was not, and closed then.
    fn visit(number: u64, length: u64, greeted: bool, how: Closed) -> Account {
        let mut record = VisitRecord::new(number, number * 100, 0);
        let end = number * 100 + length;
        if greeted {
            assert!(record.milestone("greeted", end, Producer::Origin(0), 0));
        }
        record.closed = Some((end, how));
        account::of(&record, &RunRecord::default(), Some("greeted"))
    }

    fn few(accounts: impl IntoIterator<Item = Account>) -> Vec<u64> {
        let mut kept = Kept::new(Visits::Few);
        accounts.into_iter().for_each(|account| kept.take(account));
        kept.accounts().iter().map(|account| account.visit).collect()
    }

    fn greeted(number: u64, length: u64) -> Account {
        visit(number, length, true, Closed::Ended)
    }

    #[test]
    fn few_are_the_first_that_arrived_the_last_and_the_slowest_between_them_in_whatever_order_they_close() {
        let lengths = [(1, 50), (2, 10), (3, 90), (4, 70), (5, 20), (6, 30)];
        for turn in 0..lengths.len() {
            let mut order = lengths;
            order.rotate_left(turn);
            assert_eq!(few(order.map(|(number, length)| greeted(number, length))), [1, 3, 6], "{order:?}");
            order.reverse();
            assert_eq!(few(order.map(|(number, length)| greeted(number, length))), [1, 3, 6], "{order:?}");
        }
        assert_eq!(few([greeted(2, 5), greeted(1, 5)]), [1, 2]);
    }

    #[test]
    fn whoever_was_there_first_is_the_first_also_if_noticed_last() {
        let arrived = |number: u64, at: u64| {
            let mut record = VisitRecord::new(number, at, 0);
            assert!(record.milestone("greeted", 1_000, Producer::Origin(0), 0));
            record.closed = Some((1_000, Closed::Ended));
            account::of(&record, &RunRecord::default(), Some("greeted"))
        };
        assert_eq!(few([arrived(1, 300), arrived(2, 100), arrived(3, 200)]), [2, 3, 1]);
    }

    #[test]
    fn a_visit_in_which_nothing_happened_is_shown_only_where_there_is_no_other() {
        let nobody = |number| visit(number, 500, false, Closed::Ended);
        assert_eq!(few([nobody(1), greeted(2, 5), nobody(3), greeted(4, 5), nobody(5)]), [2, 4]);
        assert_eq!(few([nobody(2), nobody(1)]), [1, 2]);
    }

    #[test]
    fn a_visitor_who_left_before_the_milestone_is_shown() {
        let left = visit(1, 500, false, Closed::Gone);
        assert_eq!(few([left, greeted(2, 5)]), [1, 2]);
    }
}
