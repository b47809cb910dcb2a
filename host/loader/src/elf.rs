//! Whether bytes are a shared library that `dlopen` can map without harm, and what it needs.
//!
//! Everything that the loader of the system would touch is held against the length of the file. It reads through
//! [`ReadRef`], so that a plugin's bytes and a large native library, read in parts, are judged alike.

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::read::{ReadRef, StringTable};
use object::{LittleEndian, SectionIndex};

use crate::codes;
use crate::probe::Verdict;

const ENDIAN: LittleEndian = LittleEndian;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

const AGAIN: &str = "install it again";

/// A library whose segments and tables lie inside its file.
pub(crate) struct Library<'data, R: ReadRef<'data>> {
    data: R,
    sections: SectionTable<'data, FileHeader64<LittleEndian>, R>,
    /// `DT_NEEDED`, in order.
    pub(crate) needed: Vec<String>,
    /// `DT_SONAME`.
    pub(crate) soname: Option<String>,
    /// The folders of `DT_RUNPATH` and `DT_RPATH`, as written.
    pub(crate) search: Vec<String>,
}

/// Where a section stands.
#[derive(Clone, Copy)]
pub(crate) struct Section<'data> {
    pub(crate) index: SectionIndex,
    /// Its address when loaded, relative to the library.
    pub(crate) address: u64,
    pub(crate) bytes: &'data [u8],
}

/// An exported symbol.
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) section: Option<SectionIndex>,
    pub(crate) address: u64,
}

fn truncated(reason: String) -> Verdict {
    Verdict::new(codes::L0106, format!("it is truncated: {reason}"), AGAIN)
}

fn damaged(reason: impl std::fmt::Display) -> Verdict {
    Verdict::new(codes::L0107, format!("its tables are damaged or truncated: {reason}"), AGAIN)
}

impl<'data, R: ReadRef<'data>> Library<'data, R> {
    /// Checks the whole structure.
    pub(crate) fn read(data: R) -> Result<Self, Verdict> {
        let len = data.len().map_err(|()| damaged("the length of the file is unknown"))?;
        identify(data, len)?;
        let header = FileHeader64::<LittleEndian>::parse(data).map_err(|error| truncated(error.to_string()))?;
        let segments = header.program_headers(ENDIAN, data).map_err(|error| truncated(error.to_string()))?;
        check_segments(segments, len)?;
        let table = u64::from(header.e_shnum(ENDIAN)) * u64::from(header.e_shentsize(ENDIAN));
        let end = header.e_shoff(ENDIAN).saturating_add(table);
        if end > len {
            return Err(damaged(format!("its section table ends at byte {end} and the file at byte {len}")));
        }
        let sections = header.sections(ENDIAN, data).map_err(damaged)?;
        check_sections(&sections, len)?;
        let mut library = Self { data, sections, needed: Vec::new(), soname: None, search: Vec::new() };
        library.read_dynamic(segments)?;
        Ok(library)
    }

    fn read_dynamic(&mut self, segments: &[ProgramHeader64<LittleEndian>]) -> Result<(), Verdict> {
        let mut entries = None;
        for segment in segments.iter().filter(|segment| segment.p_type(ENDIAN) == elf::PT_DYNAMIC) {
            if entries.is_some() {
                return Err(damaged("it has two dynamic segments"));
            }
            let at = file_offset(segments, segment.p_vaddr(ENDIAN), segment.p_filesz(ENDIAN));
            if at != Some(segment.p_offset(ENDIAN)) {
                return Err(damaged("its dynamic segment is not in memory where it is in the file"));
            }
            entries = segment.dynamic(ENDIAN, self.data).map_err(damaged)?;
        }
        let entries = entries.ok_or_else(|| damaged("it has no dynamic segment"))?;
        let Some(end) = entries.iter().position(|entry| entry.tag(ENDIAN) == elf::DT_NULL) else {
            return Err(damaged("its dynamic segment has no end"));
        };
        let entries = || entries.iter().take(end).map(|entry| (entry.tag(ENDIAN), entry.val(ENDIAN)));
        let value = |wanted| entries().find(|(tag, _)| *tag == wanted).map(|(_, value)| value);
        let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else {
            return Err(damaged("its dynamic segment names no strings"));
        };
        let Some(start) = file_offset(segments, address, size) else {
            return Err(damaged("its dynamic strings lie outside of its segments"));
        };
        let strings = StringTable::new(self.data, start, start.saturating_add(size));
        for (tag, value) in entries() {
            if ![elf::DT_NEEDED, elf::DT_SONAME, elf::DT_RUNPATH, elf::DT_RPATH].contains(&tag) {
                continue;
            }
            let text = u32::try_from(value).ok().and_then(|at| strings.get(at).ok());
            let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else {
                return Err(damaged("a name in its dynamic segment lies outside of its strings"));
            };
            match tag {
                elf::DT_NEEDED => self.needed.push(text.to_owned()),
                elf::DT_SONAME => self.soname = Some(text.to_owned()),
                _ => self.search.extend(text.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned)),
            }
        }
        Ok(())
    }

    /// The first section of this name.
    pub(crate) fn section(&self, name: &str) -> Result<Option<Section<'data>>, Verdict> {
        let Some((index, section)) = self.sections.section_by_name(ENDIAN, name.as_bytes()) else {
            return Ok(None);
        };
        let bytes = section.data(ENDIAN, self.data).map_err(damaged)?;
        Ok(Some(Section { index, address: section.sh_addr(ENDIAN), bytes }))
    }

    /// What other libraries may link with.
    pub(crate) fn exports(&self) -> Result<Vec<Export>, Verdict> {
        let symbols = self.sections.symbols(ENDIAN, self.data, elf::SHT_DYNSYM).map_err(damaged)?;
        let mut exports = Vec::new();
        for (index, symbol) in symbols.enumerate() {
            if symbol.is_undefined(ENDIAN) || symbol.is_local() {
                continue;
            }
            let name = symbol.name(ENDIAN, symbols.strings()).map_err(damaged)?;
            let section = symbols.symbol_section(ENDIAN, symbol, index).map_err(damaged)?;
            exports.push(Export {
                name: String::from_utf8_lossy(name).into_owned(),
                section,
                address: symbol.st_value(ENDIAN),
            });
        }
        Ok(exports)
    }
}

/// Says of a file that is none of ours what it is, before anything else is read.
fn identify<'data, R: ReadRef<'data>>(data: R, len: u64) -> Result<(), Verdict> {
    if len == 0 {
        return Err(Verdict::new(codes::L0102, "the file is empty", AGAIN));
    }
    let head = data.read_bytes_at(0, len.min(64)).map_err(|()| damaged("its first bytes cannot be read"))?;
    if !head.starts_with(b"\x7fELF") {
        let what = if head.starts_with(b"MZ") {
            "it is a Windows library"
        } else if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            "it is a text file"
        } else {
            "its first bytes are not those of an ELF library"
        };
        return Err(Verdict::new(codes::L0103, what, "install the build for Linux"));
    }
    let half = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let (Some(&class), Some(&order), Some(kind), Some(machine), 64) =
        (head.get(4), head.get(5), half(16), half(18), head.len())
    else {
        return Err(truncated(format!("an ELF header has 64 bytes and the file {len}")));
    };
    let foreign = |found: String| {
        let reason = format!("it is built for {found} and this host runs on 64-bit {}", std::env::consts::ARCH);
        Err(Verdict::new(codes::L0104, reason, "install the build for this machine"))
    };
    if class != 2 {
        return foreign("a 32-bit machine".into());
    }
    if order != 1 {
        return foreign("a big-endian machine".into());
    }
    if machine != MACHINE {
        return foreign(match machine {
            62 => "x86_64".into(),
            183 => "aarch64".into(),
            243 => "riscv64".into(),
            other => format!("machine number {other}"),
        });
    }
    let kind = match kind {
        3 => return Ok(()),
        1 => "an object file",
        2 => "a program",
        4 => "a core dump",
        _ => "of an unknown kind",
    };
    let reason = format!("it is {kind} and not a shared library");
    Err(Verdict::new(codes::L0105, reason, "build it with crate-type = [\"cdylib\"]"))
}

fn check_segments(segments: &[ProgramHeader64<LittleEndian>], len: u64) -> Result<(), Verdict> {
    let mut free_from = None;
    for (number, segment) in segments.iter().enumerate() {
        let kind = segment.p_type(ENDIAN);
        if kind == elf::PT_NULL {
            continue;
        }
        let (offset, size) = segment.file_range(ENDIAN);
        let end = offset.checked_add(size).ok_or_else(|| damaged(format!("segment {number} has no end")))?;
        if end > len {
            return Err(truncated(format!("segment {number} ends at byte {end} and the file at byte {len}")));
        }
        if kind != elf::PT_LOAD {
            continue;
        }
        let (address, memory) = (segment.p_vaddr(ENDIAN), segment.p_memsz(ENDIAN));
        // The system's loader reserves from the first to the last and believes that they are in order.
        let last =
            address.checked_add(memory).filter(|_| memory >= size && free_from.is_none_or(|free| address >= free));
        free_from = Some(last.ok_or_else(|| damaged(format!("segment {number} does not fit into memory")))?);
    }
    if free_from.is_none() {
        return Err(damaged("it has nothing to load"));
    }
    Ok(())
}

fn check_sections<'data, R: ReadRef<'data>>(
    sections: &SectionTable<'data, FileHeader64<LittleEndian>, R>,
    len: u64,
) -> Result<(), Verdict> {
    for (number, section) in sections.iter().enumerate() {
        let section: &SectionHeader64<LittleEndian> = section;
        let Some((offset, size)) = section.file_range(ENDIAN) else {
            continue;
        };
        if offset.checked_add(size).is_none_or(|end| end > len) {
            return Err(damaged(format!("section {number} ends beyond the file's {len} bytes")));
        }
    }
    Ok(())
}

/// Where in the file the bytes lie that are loaded at this address.
fn file_offset(segments: &[ProgramHeader64<LittleEndian>], address: u64, size: u64) -> Option<u64> {
    segments.iter().filter(|segment| segment.p_type(ENDIAN) == elf::PT_LOAD).find_map(|segment| {
        let into = address.checked_sub(segment.p_vaddr(ENDIAN))?;
        (into.checked_add(size)? <= segment.p_filesz(ENDIAN)).then(|| segment.p_offset(ENDIAN).checked_add(into))?
    })
}
