//! Resident memory: which pages the process has, and what they hold, as the kernel tells in `/proc/self`.
//!
//! The kernel's files stand behind [`Proc`], so that a test of a report can write its own. They are read through a
//! buffer on the stack: whoever asks what the process holds should not hold more for asking.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use crate::{slab, thread};

/// Where the kernel's figures come from.
pub trait Proc {
    /// The text of one of its files.
    fn open(&self, file: ProcFile) -> io::Result<Box<dyn Read + '_>>;

    /// The threads of the process.
    fn threads(&self) -> io::Result<Vec<Thread>>;

    /// Resident bytes of the stacks of threads that the host knows, the main thread's apart: it has a name in
    /// [`ProcFile::Smaps`].
    fn thread_stacks(&self) -> u64;
}

/// Files of `/proc/self`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcFile {
    /// Sizes in pages: 2.4 µs.
    Statm,
    /// Every mapping with its resident bytes: about 1 ms for 300 mappings.
    Smaps,
}

/// A thread of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The number by which the kernel knows it.
    pub tid: u32,
    /// Its name, cut to 15 bytes.
    pub name: String,
    /// Whether it was bound to an arena: its memory has an owner.
    pub known: bool,
}

/// The running process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisProcess;

impl Proc for ThisProcess {
    fn open(&self, file: ProcFile) -> io::Result<Box<dyn Read + '_>> {
        let path = match file {
            ProcFile::Statm => "/proc/self/statm",
            ProcFile::Smaps => "/proc/self/smaps",
        };
        Ok(Box::new(File::open(path)?))
    }

    fn threads(&self) -> io::Result<Vec<Thread>> {
        let mut threads = Vec::new();
        for entry in std::fs::read_dir("/proc/self/task")? {
            let entry = entry?;
            let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A thread may have ended since the folder was read.
            let Ok(name) = std::fs::read_to_string(entry.path().join("comm")) else {
                continue;
            };
            threads.push(Thread { tid, name: name.trim_end().to_owned(), known: thread::is_known(tid) });
        }
        Ok(threads)
    }

    fn thread_stacks(&self) -> u64 {
        thread::stacks_resident()
    }
}

/// Names of the threads that nobody adopted, sorted: what they allocate is unclaimed. The allocator's own is left out.
pub fn strangers(proc: &dyn Proc) -> io::Result<Vec<String>> {
    let own = |name: &str| name.starts_with("jemalloc_bg");
    let mut names: Vec<String> =
        proc.threads()?.into_iter().filter(|t| !t.known && !own(&t.name)).map(|t| t.name).collect();
    names.sort();
    Ok(names)
}

/// Resident bytes of the process, quickly: on recent kernels up to some hundred kilobytes behind [`Snapshot::rss`].
pub fn rss(proc: &dyn Proc) -> io::Result<u64> {
    let mut text = [0; 256];
    let len = proc.open(ProcFile::Statm)?.read(&mut text)?;
    std::str::from_utf8(&text[..len])
        .ok()
        .and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok())
        .map(|pages| pages * rustix::param::page_size() as u64)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "statm has no second number"))
}

/// A file of which pages are mapped: a model, a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedFile {
    /// Its path, as the kernel shows it: ` (deleted)` at the end says that the file is no more.
    pub path: String,
    /// Bytes that are in memory.
    pub resident: u64,
    /// Bytes of address space.
    pub mapped: u64,
    /// Whether a part of it is executable.
    pub library: bool,
}

impl MappedFile {
    /// The last part of the path: what a report shows.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// What the resident pages of the process hold, in bytes. The parts sum up to the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All resident bytes.
    pub rss: u64,
    /// Of mapped files, by path. Libraries' relocated data, though private, are theirs.
    pub files: Vec<MappedFile>,
    /// Of packets' slabs.
    pub packets: u64,
    /// Of the main thread's stack.
    pub main_stack: u64,
    /// Of memory without a name: the heap, other threads' stacks, libraries' zeroed data.
    pub anonymous: u64,
    /// Of the kernel's own mappings.
    pub other: u64,
}

impl Snapshot {
    /// Reads every mapping of the process.
    pub fn take(proc: &dyn Proc) -> io::Result<Self> {
        let mut snapshot = Self::default();
        let mut place = Place::Other;
        for_each_line(&mut *proc.open(ProcFile::Smaps)?, |line| {
            if let Some(mapping) = Mapping::parse(line) {
                place = snapshot.place(&mapping);
            } else if let Some(bytes) = resident(line) {
                snapshot.add(place, bytes);
            }
        })?;
        snapshot.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(snapshot)
    }

    /// The mapped files alone, by path: about 0.4 ms, however large the heap is. `smaps` walks the pages of the heap as
    /// well, which took 7 to 14 ms around an opening beside 300 MB, and other threads' page faults wait for it.
    ///
    /// # Errors
    /// The kernel does not tell; then [`Snapshot::take`] may.
    pub fn mapped_files() -> io::Result<Vec<MappedFile>> {
        let pages = File::open("/proc/self/pagemap")?;
        let mut snapshot = Self::default();
        let mut failed = None;
        for_each_line(&mut File::open("/proc/self/maps")?, |line| {
            let Some(mapping) = Mapping::parse(line) else { return };
            if let Place::File(at) = snapshot.place(&mapping) {
                match present(&pages, mapping.from, mapping.bytes) {
                    Ok(bytes) => snapshot.add(Place::File(at), bytes),
                    Err(error) => failed = Some(error),
                }
            }
        })?;
        snapshot.files.sort_by(|a, b| a.path.cmp(&b.path));
        failed.map_or(Ok(snapshot.files), Err)
    }

    fn place(&mut self, mapping: &Mapping<'_>) -> Place {
        match mapping.name {
            "[stack]" => Place::MainStack,
            "" | "[heap]" => Place::Anonymous,
            name if name.starts_with("[anon") => Place::Anonymous,
            name if name.starts_with("/memfd:") && name[7..].starts_with(slab::NAME) => Place::Packets,
            path if path.starts_with('/') => {
                // Mappings of one file stand one after another, so look from the end.
                let known = self.files.iter().rposition(|file| file.path == path);
                let at = known.unwrap_or(self.files.len());
                if known.is_none() {
                    self.files.push(MappedFile { path: path.to_owned(), resident: 0, mapped: 0, library: false });
                }
                self.files[at].mapped += mapping.bytes;
                self.files[at].library |= mapping.executable;
                Place::File(at)
            }
            _ => Place::Other,
        }
    }

    fn add(&mut self, place: Place, bytes: u64) {
        self.rss += bytes;
        match place {
            Place::File(at) => self.files[at].resident += bytes,
            Place::Packets => self.packets += bytes,
            Place::MainStack => self.main_stack += bytes,
            Place::Anonymous => self.anonymous += bytes,
            Place::Other => self.other += bytes,
        }
    }

    /// Resident bytes of all mapped files.
    pub fn files_resident(&self) -> u64 {
        self.files.iter().map(|file| file.resident).sum()
    }
}

/// Files of which more is mapped, or more is in memory, in `after` than in `before`, with what was added; the largest
/// first. Two snapshots around an opening tell what that opening mapped.
pub fn mapped_since(before: &Snapshot, after: &Snapshot) -> Vec<MappedFile> {
    let mut grown: Vec<MappedFile> = after
        .files
        .iter()
        .filter_map(|now| {
            let then = before.files.binary_search_by(|file| file.path.cmp(&now.path)).map(|at| &before.files[at]);
            let (resident, mapped) = then.map_or((0, 0), |then| (then.resident, then.mapped));
            let added = MappedFile {
                resident: now.resident.saturating_sub(resident),
                mapped: now.mapped.saturating_sub(mapped),
                ..now.clone()
            };
            (added.resident > 0 || added.mapped > 0).then_some(added)
        })
        .collect();
    grown.sort_by(|a, b| b.resident.cmp(&a.resident).then_with(|| a.path.cmp(&b.path)));
    grown
}

/// To what the lines after a mapping's first belong.
#[derive(Debug, Clone, Copy)]
enum Place {
    File(usize),
    Packets,
    MainStack,
    Anonymous,
    Other,
}

/// The first line of a mapping: `from-to rwxp offset device inode   name`.
struct Mapping<'a> {
    from: u64,
    bytes: u64,
    executable: bool,
    name: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        let mut name = rest;
        for _ in 0..4 {
            name = name.split_once(' ').map_or("", |(_, behind)| behind);
        }
        Some(Self {
            from,
            bytes: to.saturating_sub(from),
            executable: rest.as_bytes().get(2) == Some(&b'x'),
            name: name.trim(),
        })
    }
}

/// The bytes of a mapping that are in memory: of each page the kernel has eight bytes, whose highest bit says so.
fn present(pages: &File, from: u64, bytes: u64) -> io::Result<u64> {
    const ENTRY: u64 = size_of::<u64>() as u64;
    let page = rustix::param::page_size() as u64;
    let (mut at, end) = (from / page * ENTRY, (from + bytes) / page * ENTRY);
    let mut buffer = [0_u8; 8_192];
    let mut found = 0;
    while at < end {
        let wanted = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        pages.read_exact_at(&mut buffer[..wanted], at)?;
        // The highest bit of a little-endian number stands in its last byte.
        let last = if cfg!(target_endian = "little") { ENTRY as usize - 1 } else { 0 };
        found += buffer[..wanted].chunks_exact(ENTRY as usize).filter(|entry| entry[last] & 0x80 != 0).count() as u64;
        at += wanted as u64;
    }
    Ok(found * page)
}

/// The bytes of a line `Rss:   8 kB`; the kernel's kB are 1,024 bytes.
fn resident(line: &str) -> Option<u64> {
    line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Lines longer than the buffer (the longest path has 4,096 bytes) are cut.
fn for_each_line(text: &mut dyn Read, mut f: impl FnMut(&str)) -> io::Result<()> {
    let mut buffer = [0_u8; 8_192];
    let mut filled = 0;
    loop {
        let read = match text.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        filled += read;
        let mut begin = 0;
        while let Some(len) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
            f(&String::from_utf8_lossy(&buffer[begin..begin + len]));
            begin += len + 1;
        }
        if read == 0 || (begin == 0 && filled == buffer.len()) {
            f(&String::from_utf8_lossy(&buffer[begin..filled]));
            begin = filled;
        }
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Written(&'static str);

    impl Proc for Written {
        fn open(&self, file: ProcFile) -> io::Result<Box<dyn Read + '_>> {
            // One byte at a time, so that every cut of a line between two reads happens.
            struct Slowly<'a>(&'a [u8]);
            impl Read for Slowly<'_> {
                fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                    self.0.read(&mut into[..1])
                }
            }
            match file {
                ProcFile::Statm => Ok(Box::new("700 12 3 1 0 100 0\n".as_bytes())),
                ProcFile::Smaps => Ok(Box::new(Slowly(self.0.as_bytes()))),
            }
        }
        fn threads(&self) -> io::Result<Vec<Thread>> {
            let thread = |tid, name: &str, known| Thread { tid, name: name.to_owned(), known };
            Ok(vec![thread(1, "majlis", true), thread(2, "tokio-1", false), thread(3, "jemalloc_bg_thd", false)])
        }
        fn thread_stacks(&self) -> u64 {
            0
        }
    }

    const SMAPS: &str = "\
00400000-00500000 r--p 00000000 fe:00 7                          /lib/libmodel.so.1
Size:               1024 kB
Rss:                 100 kB
Pss:                 100 kB
00500000-00600000 r-xp 00100000 fe:00 7                          /lib/libmodel.so.1
Rss:                  40 kB
00600000-00604000 rw-p 00200000 fe:00 7                          /lib/libmodel.so.1
Rss:                  16 kB
00604000-00704000 rw-p 00000000 00:00 0 
Rss:                 500 kB
10000000-16000000 r--s 00000000 fe:00 9                          /models/two words.onnx
Rss:               98304 kB
20000000-20100000 rw-s 00000000 00:01 3                          /memfd:majlis-packets (deleted)
Rss:                  64 kB
20100000-20200000 rw-s 00000000 00:01 4                          /memfd:somebody (deleted)
Rss:                   4 kB
7ffc0000-7ffd0000 rw-p 00000000 00:00 0                          [stack]
Rss:                  24 kB
7ffe0000-7ffe1000 r-xp 00000000 00:00 0                          [vdso]
Rss:                   4 kB
VmFlags: rd ex mr mw me de sd";

    #[test]
    fn each_mapping_is_put_where_it_belongs_and_the_parts_are_the_whole() {
        let snapshot = Snapshot::take(&Written(SMAPS)).unwrap();
        let file = |path: &str, kib: u64, mapped, library| MappedFile {
            path: path.to_owned(),
            resident: kib * 1_024,
            mapped,
            library,
        };
        assert_eq!(
            snapshot.files,
            [
                file("/lib/libmodel.so.1", 156, 0x20_4000, true),
                file("/memfd:somebody (deleted)", 4, 0x10_0000, false),
                file("/models/two words.onnx", 98_304, 0x600_0000, false),
            ]
        );
        assert_eq!(snapshot.files[2].name(), "two words.onnx");
        assert_eq!(
            [snapshot.packets, snapshot.main_stack, snapshot.anonymous, snapshot.other].map(|b| b / 1_024),
            [64, 24, 500, 4]
        );
        let parts = snapshot.packets + snapshot.main_stack + snapshot.anonymous + snapshot.other;
        assert_eq!(snapshot.rss, parts + snapshot.files_resident());
    }

    #[test]
    fn what_was_mapped_in_between_is_named_and_the_largest_comes_first() {
        let before = Snapshot::take(&Written(
            "00400000-00500000 r--p 00000000 fe:00 7    /lib/libmodel.so.1\nRss: 100 kB\n\
             00700000-00800000 r--p 00000000 fe:00 8    /lib/libc.so.6\nRss: 40 kB\n",
        ))
        .unwrap();
        let mut after = Snapshot::take(&Written(SMAPS)).unwrap();
        after.files.insert(0, before.files[0].clone());
        let grown = mapped_since(&before, &after);
        let names: Vec<_> = grown.iter().map(|f| (f.name(), f.resident / 1_024)).collect();
        assert_eq!(names, [("two words.onnx", 98_304), ("libmodel.so.1", 56), ("memfd:somebody (deleted)", 4)]);
        assert!(mapped_since(&after, &after).is_empty());
        assert_eq!(mapped_since(&after, &before), []);
    }

    #[test]
    fn a_line_longer_than_the_buffer_loses_its_end_and_nothing_else() {
        let mut lines = Vec::new();
        let text = format!("{}\nRss: 1 kB\nlast", "x".repeat(10_000));
        for_each_line(&mut text.as_bytes(), |line| lines.push(line.len())).unwrap();
        assert_eq!(lines.iter().sum::<usize>(), 10_000 + 9 + 4);
        assert_eq!(lines[lines.len() - 2..], [9, 4]);
    }

    #[test]
    fn threads_that_nobody_adopted_are_named() {
        assert_eq!(strangers(&Written("")).unwrap(), ["tokio-1"]);
    }

    #[test]
    fn the_quick_figure_is_the_second_number_in_pages() {
        assert_eq!(rss(&Written("")).unwrap(), 12 * rustix::param::page_size() as u64);
    }

    #[test]
    fn this_process_agrees_with_itself() {
        // Other tests of this process give and take memory meanwhile: only a moment in which the quick figure stood
        // still says whether the two agree.
        let quiet = |_| {
            let before = rss(&ThisProcess).unwrap();
            let snapshot = Snapshot::take(&ThisProcess).unwrap();
            let after = rss(&ThisProcess).unwrap();
            (before.abs_diff(after) < 500_000).then_some((snapshot, after))
        };
        let (snapshot, quick) = (0..1_000).find_map(quiet).expect("a moment in which nobody else takes memory");
        assert!(snapshot.rss.abs_diff(quick) < 2_000_000, "{} and {quick}", snapshot.rss);
        assert!(snapshot.files.iter().any(|file| file.library && file.name().starts_with("libc.so")));
    }
}
