//! Which of many rooms a visit is in: what the pipeline says for a visit goes to its room, and to no other.
//!
//! A room opens a visit and says so here; the pipeline may be quicker, so words for a visit that nobody has claimed yet wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use majlis_plugin_api::VisitId;
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::word::Word;

/// So many words of a visit wait for its room. More than a few never do: a room claims a visit as it opens it.
const MOST_EARLY: usize = 64;

/// The rooms that are held, and whose visits are whose.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By the job for which each is held.
    rooms: BTreeMap<String, UnboundedSender<Word>>,
    visits: BTreeMap<VisitId, String>,
    early: BTreeMap<VisitId, VecDeque<Word>>,
}

/// A room's place in the table: given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    routes: Arc<Routes>,
    job: String,
}

impl Routes {
    /// A room is held for a job.
    pub(crate) fn seat(self: &Arc<Self>, job: &str, words: UnboundedSender<Word>) -> Seat {
        self.table.lock().rooms.insert(job.to_owned(), words);
        Seat { routes: self.clone(), job: job.to_owned() }
    }

    /// How many rooms are held.
    pub(crate) fn held(&self) -> usize {
        self.table.lock().rooms.len()
    }

    /// The jobs for which rooms are held.
    pub(crate) fn jobs(&self) -> Vec<String> {
        self.table.lock().rooms.keys().cloned().collect()
    }

    /// A word for the room of a visit.
    pub(crate) fn send(&self, visit: VisitId, word: Word) {
        let mut table = self.table.lock();
        let is_last = matches!(word, Word::Closed(_));
        let job = if is_last { table.visits.remove(&visit) } else { table.visits.get(&visit).cloned() };
        let room = job.and_then(|job| table.rooms.get(&job).cloned());
        match room {
            // A room that has just ended has no use for it.
            Some(room) => drop(room.send(word)),
            None if is_last => drop(table.early.remove(&visit)),
            None => {
                let early = table.early.entry(visit).or_default();
                if early.len() == MOST_EARLY {
                    early.pop_front();
                }
                early.push_back(word);
            }
        }
    }

    /// A word for the room of a job.
    pub(crate) fn send_to(&self, job: &str, word: Word) {
        if let Some(room) = self.table.lock().rooms.get(job) {
            // As above.
            let _ = room.send(word);
        }
    }

    /// The same word for every room.
    pub(crate) fn send_to_all(&self, word: impl Fn() -> Word) {
        for room in self.table.lock().rooms.values() {
            // As above.
            let _ = room.send(word());
        }
    }
}

impl Seat {
    /// A visit is this room's.
    pub(crate) fn claim(&self, visit: VisitId) {
        let mut table = self.routes.table.lock();
        table.visits.insert(visit, self.job.clone());
        let early = table.early.remove(&visit).unwrap_or_default();
        if let Some(room) = table.rooms.get(&self.job) {
            for word in early {
                // The room is the one that claims.
                let _ = room.send(word);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.routes.table.lock();
        table.rooms.remove(&self.job);
        table.visits.retain(|_, job| *job != self.job);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn visit(number: u64) -> VisitId {
        VisitId::from_number(number).expect("not zero")
    }

    fn room(routes: &Arc<Routes>, job: &str) -> (Seat, UnboundedReceiver<Word>) {
        let (words, next) = unbounded_channel();
        (routes.seat(job, words), next)
    }

    /// The visits of the words that came to a room.
    fn came(next: &mut UnboundedReceiver<Word>) -> Vec<u64> {
        let mut came = Vec::new();
        while let Ok(word) = next.try_recv() {
            match word {
                Word::Flush(visit) | Word::Closed(visit) => came.push(visit.number()),
                other => panic!("nobody said {other:?}"),
            }
        }
        came
    }

    #[test]
    fn what_is_said_for_a_visit_goes_to_its_room_and_to_no_other() {
        let routes = Arc::new(Routes::default());
        let ((a, mut to_a), (b, mut to_b)) = (room(&routes, "a"), room(&routes, "b"));
        a.claim(visit(1));
        b.claim(visit(2));
        b.claim(visit(3));
        for number in [1, 2, 3, 2] {
            routes.send(visit(number), Word::Flush(visit(number)));
        }
        assert_eq!((came(&mut to_a), came(&mut to_b)), (vec![1], vec![2, 3, 2]));
        assert_eq!(routes.held(), 2);
    }

    #[test]
    fn what_comes_before_the_room_has_said_that_a_visit_is_its_own_waits_for_it() {
        let routes = Arc::new(Routes::default());
        let (seat, mut next) = room(&routes, "a");
        routes.send(visit(1), Word::Flush(visit(1)));
        assert!(came(&mut next).is_empty());
        seat.claim(visit(1));
        routes.send(visit(1), Word::Closed(visit(1)));
        assert_eq!(came(&mut next), [1, 1]);
    }

    #[test]
    fn nothing_is_kept_of_a_visit_that_is_closed_or_of_a_room_that_is_left() {
        let routes = Arc::new(Routes::default());
        let (seat, mut next) = room(&routes, "a");
        for _ in 0..2 * MOST_EARLY {
            routes.send(visit(7), Word::Flush(visit(7)));
        }
        assert_eq!(routes.table.lock().early[&visit(7)].len(), MOST_EARLY);
        routes.send(visit(7), Word::Closed(visit(7)));
        seat.claim(visit(1));
        routes.send(visit(1), Word::Closed(visit(1)));
        seat.claim(visit(2));
        drop(seat);
        routes.send(visit(2), Word::Closed(visit(2)));
        let table = routes.table.lock();
        assert!(table.rooms.is_empty() && table.visits.is_empty() && table.early.is_empty(), "{table:?}");
        assert_eq!(came(&mut next), [1], "a room that is left hears nothing more");
    }
}
