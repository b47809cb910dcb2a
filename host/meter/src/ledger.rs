//! The two ledgers of memory. They measure different things and are never added.
//!
//! *Heap* says who allocated the bytes that are in use, whether or not a page of them was ever touched. *Resident* says
//! what the pages in memory hold, whoever asked for them. 64 MiB that were asked for and never written are in the first
//! and not in the second; a mapped model is in the second and not in the first.
//!
//! Each is held against a total that was measured apart from its rows: the allocator's own sum, the kernel's. Building
//! is apart from measuring, so that reports can be tested on written figures.

use std::io;

use crate::alloc::{self, Totals};
use crate::arena::{ArenaId, Arenas, Held};
use crate::record::{LedgerRow, LedgerView, MappedFile as MappedBytes};
use crate::resident::{MappedFile, Proc, Snapshot};

/// Mapped files smaller than this share one row.
const SMALL_FILE: u64 = 1_000_000;

/// A ledger: rows, and the total that they should sum up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Its rows, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// The total, measured apart from the rows; `None` where it is not known.
    pub total: Option<u64>,
}

/// A row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind of thing holds the bytes.
    pub kind: Kind,
    /// Its name, for people.
    pub name: String,
    /// How many. Negative where somebody freed what another had allocated.
    pub bytes: i64,
    /// How the figure came about.
    pub mark: Mark,
}

/// What holds the bytes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Heap: a stage.
    Stage,
    /// Heap: what a shared thread holds beyond what its stages account for.
    ThreadRest,
    /// Heap: adopted threads of a stage.
    Background,
    /// Heap: the host itself.
    Host,
    /// Heap: threads that nobody adopted.
    Unclaimed,
    /// Heap: freed blocks that wait in caches of threads.
    ThreadCaches,
    /// Resident: pages of blocks in use.
    HeapInUse,
    /// Resident: pages that the allocator keeps, and its book-keeping.
    HeapRetained,
    /// Resident: a mapped file, or several small ones.
    File,
    /// Resident: slabs of packets.
    Packets,
    /// Resident: stacks of threads.
    Stacks,
    /// Resident: everything else.
    Rest,
}

/// How a figure came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Counted.
    Exact,
    /// The stage shares this thread: its allocated less its freed bytes.
    SharedThread(String),
    /// Worked out from others.
    Estimate,
}

impl Ledger {
    /// The rows' sum, in bytes.
    pub fn sum(&self) -> i64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// What the rows do not explain: the total less their sum.
    pub fn difference(&self) -> Option<i64> {
        self.total.map(|total| signed(total) - self.sum())
    }

    /// The rows' bytes of one kind.
    pub fn of(&self, kind: Kind) -> i64 {
        self.rows.iter().filter(|row| row.kind == kind).map(|row| row.bytes).sum()
    }
}

/// Whose threads an arena's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One thread with its stages.
    Stages,
    /// Adopted threads of one stage.
    Background,
    /// The host.
    Host,
}

/// What is known of an arena beside its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The arena.
    pub arena: ArenaId,
    /// The thread's name, or the stage's whose background it is.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// The stages that run on the thread, with their allocated less freed bytes since the start.
    pub stages: Vec<StageFlow>,
}

/// A stage on a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFlow {
    /// Its name or title.
    pub name: String,
    /// Bytes that its calls allocated, less those that they freed.
    pub live: i64,
}

/// The figures of the heap's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeapInputs {
    /// Each arena and what it holds.
    pub arenas: Vec<(Line, Held)>,
    /// What arenas without a name hold.
    pub unclaimed: Held,
    /// What the allocator says it has allocated, waiting blocks included.
    pub total: Option<u64>,
}

impl HeapInputs {
    /// Reads the arenas of `lines` at one moment, and any others that have a name; `None` if the allocator is
    /// [not available](alloc::available). About 40 µs.
    pub fn measure(mut lines: Vec<Line>) -> Option<Self> {
        let arenas = Arenas::process();
        for (name, arena) in arenas.all() {
            if lines.iter().all(|line| line.arena != arena) {
                lines.push(Line { arena, name, owner: Owner::Stages, stages: Vec::new() });
            }
        }
        // Everything that this function itself allocates lies before or after the moment, and is freed with the report.
        alloc::refresh();
        let total = alloc::totals()?.allocated;
        let unclaimed = arenas.unclaimed()?;
        let held = |line: Line| arenas.held(line.arena).map(|held| (line, held));
        Some(Self { arenas: lines.into_iter().filter_map(held).collect(), unclaimed, total: Some(total) })
    }

    /// The ledger of these figures. A stage that is alone on its thread has what its arena holds, exactly; of stages that
    /// share one, each has its allocated less freed bytes, and what is left of the arena is a row of the thread's.
    pub fn ledger(&self) -> Ledger {
        let mut rows = Vec::new();
        let mut caches = self.unclaimed.tcache_bytes;
        for (line, held) in &self.arenas {
            caches += held.tcache_bytes;
            let exact =
                |kind, name: &str| Row { kind, name: name.to_owned(), bytes: signed(held.bytes), mark: Mark::Exact };
            match (line.owner, &line.stages[..]) {
                (Owner::Host, _) => rows.push(exact(Kind::Host, &line.name)),
                (Owner::Background, _) => rows.push(exact(Kind::Background, &line.name)),
                (Owner::Stages, []) => rows.push(exact(Kind::ThreadRest, &line.name)),
                (Owner::Stages, [alone]) => rows.push(exact(Kind::Stage, &alone.name)),
                (Owner::Stages, several) => {
                    let mark = || Mark::SharedThread(line.name.clone());
                    let flow =
                        |s: &StageFlow| Row { kind: Kind::Stage, name: s.name.clone(), bytes: s.live, mark: mark() };
                    rows.extend(several.iter().map(flow));
                    let rest = signed(held.bytes) - several.iter().map(|stage| stage.live).sum::<i64>();
                    rows.push(Row { kind: Kind::ThreadRest, name: line.name.clone(), bytes: rest, mark: mark() });
                }
            }
        }
        let mut add = |kind, name: &str, bytes| {
            rows.push(Row { kind, name: name.to_owned(), bytes: signed(bytes), mark: Mark::Exact });
        };
        add(Kind::Unclaimed, "unclaimed", self.unclaimed.bytes);
        add(Kind::ThreadCaches, "thread caches", caches);
        // A thread's rest stays beside its stages.
        let rank = |kind| {
            if kind == Kind::ThreadRest { Kind::Stage } else { kind }
        };
        rows.sort_by_key(|row| rank(row.kind));
        Ledger { rows, total: self.total }
    }
}

/// The figures of the resident ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResidentInputs {
    /// The kernel's account.
    pub snapshot: Snapshot,
    /// The allocator's; `None` if it is not available.
    pub totals: Option<Totals>,
    /// Resident bytes of the stacks of known threads, the main one's apart.
    pub thread_stacks: u64,
}

impl ResidentInputs {
    /// Reads the allocator's totals, the stacks and the mappings, in this order: the last one costs the most.
    pub fn measure(proc: &dyn Proc) -> io::Result<Self> {
        alloc::refresh();
        let totals = alloc::totals();
        let thread_stacks = proc.thread_stacks();
        Ok(Self { snapshot: Snapshot::take(proc)?, totals, thread_stacks })
    }

    /// The ledger of these figures.
    ///
    /// The kernel knows which nameless pages are resident and the allocator which are its own, but nobody knows which
    /// bytes in use were ever touched. So where the allocator says that it has more than is resident, its dirty pages,
    /// which were touched, are taken first, and the bytes in use share what is left with its tables and gaps by their
    /// sizes; pages beyond all that it has are *rest*.
    pub fn ledger(&self) -> Ledger {
        let Snapshot { rss, packets, main_stack, anonymous, other, ref files } = self.snapshot;
        let stacks = self.thread_stacks.min(anonymous);
        let heap = anonymous - stacks;
        let (retained, in_use) = self.totals.map_or((0, 0), |totals| {
            let slack = totals.active.saturating_sub(totals.allocated);
            let keeps = totals.dirty + totals.metadata + slack;
            if keeps + totals.allocated <= heap {
                return (keeps, totals.allocated);
            }
            let left = u128::from(heap - totals.dirty.min(heap));
            let sharing = u128::from(totals.allocated + totals.metadata + slack).max(1);
            let in_use = (left * u128::from(totals.allocated) / sharing) as u64;
            (heap - in_use, in_use)
        });
        let mut rows = Vec::new();
        let mut add = |kind, name: &str, bytes, mark| {
            rows.push(Row { kind, name: name.to_owned(), bytes: signed(bytes), mark });
        };
        if self.totals.is_some() {
            add(Kind::HeapInUse, "heap in use", in_use, Mark::Estimate);
            add(Kind::HeapRetained, "kept by the allocator", retained, Mark::Estimate);
        }
        let mut by_size: Vec<&MappedFile> = files.iter().collect();
        by_size.sort_by(|a, b| b.resident.cmp(&a.resident).then_with(|| a.path.cmp(&b.path)));
        let (large, small) = by_size.split_at(by_size.partition_point(|file| file.resident >= SMALL_FILE));
        for file in large {
            add(Kind::File, file.name(), file.resident, Mark::Exact);
        }
        if !small.is_empty() {
            let name = format!("{} smaller files", small.len());
            add(Kind::File, &name, small.iter().map(|file| file.resident).sum(), Mark::Exact);
        }
        add(Kind::Packets, "packets", packets, Mark::Exact);
        add(Kind::Stacks, "stacks", main_stack + stacks, Mark::Exact);
        add(Kind::Rest, "rest", heap - retained - in_use + other, Mark::Estimate);
        Ledger { rows, total: Some(rss) }
    }

    /// Bytes that are allocated but not in memory: they were asked for and never touched.
    pub fn untouched(&self) -> u64 {
        let in_use = self.ledger().of(Kind::HeapInUse).cast_unsigned();
        self.totals.map_or(0, |totals| totals.allocated.saturating_sub(in_use))
    }
}

impl From<&Ledger> for LedgerView {
    fn from(ledger: &Ledger) -> Self {
        let row = |row: &Row| LedgerRow {
            name: match row.kind {
                Kind::ThreadRest => format!("thread {}, rest", row.name),
                Kind::Background => format!("{} (background)", row.name),
                _ => row.name.clone(),
            },
            bytes: row.bytes,
            mark: match &row.mark {
                Mark::Exact => None,
                Mark::SharedThread(_) if row.kind == Kind::ThreadRest => None,
                Mark::SharedThread(thread) => Some(format!("shares thread {thread}")),
                Mark::Estimate => Some("estimate".to_owned()),
            },
        };
        Self { rows: ledger.rows.iter().map(row).collect(), total: ledger.total }
    }
}

impl From<&MappedFile> for MappedBytes {
    fn from(file: &MappedFile) -> Self {
        Self { file: file.name().to_owned(), bytes: file.resident, or_by: Vec::new() }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn line(name: &str, owner: Owner, stages: &[(&str, i64)], bytes: u64, tcache_bytes: u64) -> (Line, Held) {
        let stages = stages.iter().map(|(name, live)| StageFlow { name: (*name).to_owned(), live: *live }).collect();
        (Line { arena: ArenaId::NONE, name: name.to_owned(), owner, stages }, Held { bytes, tcache_bytes })
    }

    fn heap() -> HeapInputs {
        HeapInputs {
            arenas: vec![
                line("host", Owner::Host, &[], 900_000, 10_000),
                line("faces", Owner::Stages, &[("Face Recognition", 7)], 281_500_000, 1_600_000),
                line("vision", Owner::Stages, &[("Scene", 5_000_000), ("Mood", -200_000)], 5_000_000, 20_000),
                line("Avatar", Owner::Background, &[], 32 * MIB, 0),
            ],
            unclaimed: Held { bytes: 100_000, tcache_bytes: 5_000 },
            total: Some(322_689_000),
        }
    }

    #[test]
    fn a_stage_alone_has_what_its_thread_holds_and_shared_ones_their_flow_and_a_rest() {
        let ledger = heap().ledger();
        let rows: Vec<_> = ledger.rows.iter().map(|row| (row.kind, row.name.as_str(), row.bytes)).collect();
        assert_eq!(
            rows,
            [
                (Kind::Stage, "Face Recognition", 281_500_000),
                (Kind::Stage, "Scene", 5_000_000),
                (Kind::Stage, "Mood", -200_000),
                (Kind::ThreadRest, "vision", 200_000),
                (Kind::Background, "Avatar", 33_554_432),
                (Kind::Host, "host", 900_000),
                (Kind::Unclaimed, "unclaimed", 100_000),
                (Kind::ThreadCaches, "thread caches", 1_635_000),
            ]
        );
        assert_eq!(ledger.rows[0].mark, Mark::Exact);
        assert_eq!(ledger.rows[2].mark, Mark::SharedThread("vision".to_owned()));
    }

    #[test]
    fn the_heaps_rows_are_held_against_the_allocators_total_and_the_difference_is_told() {
        let ledger = heap().ledger();
        assert_eq!(ledger.sum(), 322_689_432);
        assert_eq!(ledger.difference(), Some(-432));
        assert_eq!(Ledger { total: None, ..ledger }.difference(), None);
    }

    fn resident() -> ResidentInputs {
        let file =
            |path: &str, resident| MappedFile { path: path.to_owned(), resident, mapped: resident, library: true };
        ResidentInputs {
            snapshot: Snapshot {
                rss: 100 * MIB + 2_400_000,
                files: vec![file("/a/libc.so.6", 900_000), file("/a/model.onnx", 40 * MIB), file("/a/x", 1_500_000)],
                packets: 6 * MIB,
                main_stack: 100 * 1_024,
                anonymous: 54 * MIB - 200 * 1_024,
                other: 100 * 1_024,
            },
            totals: Some(Totals {
                allocated: 30 * MIB,
                active: 31 * MIB,
                metadata: 2 * MIB,
                dirty: 3 * MIB,
                resident: 0,
            }),
            thread_stacks: MIB,
        }
    }

    #[test]
    fn the_resident_rows_sum_up_to_the_kernels_total() {
        let ledger = resident().ledger();
        assert_eq!(ledger.difference(), Some(0));
        let rows: Vec<_> = ledger.rows.iter().map(|row| (row.name.as_str(), row.bytes)).collect();
        let mib = MIB.cast_signed();
        assert_eq!(
            rows,
            [
                ("heap in use", 30 * mib),
                ("kept by the allocator", 6 * mib),
                ("model.onnx", 40 * mib),
                ("x", 1_500_000),
                ("1 smaller files", 900_000),
                ("packets", 6 * mib),
                ("stacks", mib + 100 * 1_024),
                ("rest", 17 * mib - 100 * 1_024),
            ]
        );
    }

    #[test]
    fn what_was_allocated_and_never_touched_is_not_resident() {
        let mut inputs = resident();
        let before = inputs.ledger();
        let totals = inputs.totals.as_mut().unwrap();
        totals.allocated += 64 * MIB;
        totals.active += 64 * MIB;
        let after = inputs.ledger();
        assert_eq!((after.sum(), after.difference()), (before.sum(), Some(0)));
        assert_eq!(after.of(Kind::Rest), 100 * 1_024, "only the kernel's own: the allocator may have had all else");
        let heap = |ledger: &Ledger| ledger.of(Kind::HeapInUse) + ledger.of(Kind::HeapRetained) + ledger.of(Kind::Rest);
        assert_eq!(heap(&after) - heap(&before), 0);
        assert!(after.of(Kind::HeapRetained) >= 3 * MIB.cast_signed(), "dirty pages were touched: {after:?}");
        assert!(inputs.untouched() >= 45 * MIB, "{}", inputs.untouched());
    }

    #[test]
    fn a_heap_smaller_than_what_the_allocator_keeps_is_not_told_as_unused() {
        let mut inputs = resident();
        inputs.snapshot.anonymous = 3_900_000;
        inputs.thread_stacks = 0;
        let figures =
            Totals { allocated: 3_000_000, active: 3_600_000, metadata: 2_400_000, dirty: 500_000, resident: 0 };
        inputs.totals = Some(figures);
        let ledger = inputs.ledger();
        assert_eq!((ledger.of(Kind::HeapInUse), ledger.of(Kind::HeapRetained)), (1_700_000, 2_200_000));
        assert_eq!((ledger.of(Kind::Rest), inputs.untouched()), (100 * 1_024, 1_300_000));
    }

    #[test]
    fn without_the_allocators_figures_the_heap_has_no_rows_and_the_sum_still_holds() {
        let ledger = ResidentInputs { totals: None, ..resident() }.ledger();
        assert!(ledger.rows.iter().all(|row| !matches!(row.kind, Kind::HeapInUse | Kind::HeapRetained)));
        assert_eq!(ledger.difference(), Some(0));
    }

    #[test]
    fn a_report_reads_what_the_figures_mean() {
        let view = LedgerView::from(&heap().ledger());
        let rows: Vec<_> = view.rows.iter().map(|row| (row.name.as_str(), row.mark.as_deref())).collect();
        assert_eq!(rows[1], ("Scene", Some("shares thread vision")));
        assert_eq!(rows[3], ("thread vision, rest", None));
        assert_eq!(rows[4], ("Avatar (background)", None));
        assert_eq!(view.unexplained(), Some(-432));
    }
}
