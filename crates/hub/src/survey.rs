//! Reads the directory of a zip archive and refuses what no model archive holds,
//! before a byte is unpacked.

use crate::error::ArchiveProblem;
use crate::layout;
use crate::parts::Parts;
use std::io::{Read, Seek, SeekFrom};
use zip::ZipArchive;
use zip::result::ZipError;

const ENTRIES: u64 = 10_000;
/// Deflate reaches about 1,000; weights are below 3, tokenizer files below 20.
const RATIO: u64 = 200;
/// Entries below this size are not judged by their ratio.
const RATIO_FROM_BYTES: u64 = 4 << 20;
const END_BYTES: u64 = 22;
const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";

/// One file of the archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    packed: u64,
}

/// A problem and the entry it concerns (empty: the archive).
pub(crate) type Finding = (String, ArchiveProblem);

/// Opens the archive and lists its files.
pub(crate) fn survey(parts: Parts) -> Result<(ZipArchive<Parts>, Vec<Member>), Finding> {
    let whole = |problem| (String::new(), problem);
    let mut parts = parts;
    let length = parts.length();
    let declared = declared_entries(&mut parts, length).map_err(whole)?;
    if declared > ENTRIES {
        return Err(whole(ArchiveProblem::TooManyEntries { found: declared, limit: ENTRIES }));
    }
    let mut zip = ZipArchive::new(parts).map_err(|error| whole(archive_problem(error)))?;
    let distinct = zip.len() as u64;
    if distinct != declared {
        return Err(whole(ArchiveProblem::Duplicate { declared, distinct }));
    }
    let mut members = Vec::new();
    for index in 0..zip.len() {
        if let Some(member) = inspect(&mut zip, index)? {
            members.push(member);
        }
    }
    if zip.has_overlapping_files().map_err(|error| whole(archive_problem(error)))? {
        return Err(whole(ArchiveProblem::Overlap));
    }
    Ok((zip, members))
}

/// One entry: `None` for a folder.
fn inspect(zip: &mut ZipArchive<Parts>, index: usize) -> Result<Option<Member>, Finding> {
    let listed = zip.name_for_index(index).unwrap_or_default().to_owned();
    let entry = zip.by_index_raw(index).map_err(|error| (listed, archive_problem(error)))?;
    let Ok(name) = std::str::from_utf8(entry.name_raw()) else {
        return Err((
            String::from_utf8_lossy(entry.name_raw()).into_owned(),
            ArchiveProblem::NameEncoding,
        ));
    };
    let name = name.to_owned();
    if !safe(&name) {
        return Err((name, ArchiveProblem::UnsafePath));
    }
    // The upper bits of a Unix mode say what it is; archives from elsewhere have none.
    let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
    if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err((name, ArchiveProblem::NotAFile));
    }
    if entry.is_dir() || name.ends_with('/') {
        return Ok(None);
    }
    if entry.encrypted() {
        return Err((name, ArchiveProblem::Unsupported("encryption".to_owned())));
    }
    Ok(Some(Member { index, name, bytes: entry.size(), packed: entry.compressed_size() }))
}

/// Relative, without `..`, and the same path on every platform.
fn safe(name: &str) -> bool {
    let name = name.strip_suffix('/').unwrap_or(name);
    !name.contains(['\\', ':', '\0'])
        && name.len() < 1024
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

impl Member {
    /// Whether it may be unpacked at all, by the sizes that the archive states.
    pub(crate) fn check(&self, limit: u64) -> Result<(), ArchiveProblem> {
        if self.bytes > limit {
            return Err(ArchiveProblem::TooLarge { found: self.bytes, limit });
        }
        let ratio = self.bytes / self.packed.max(1);
        if self.bytes >= RATIO_FROM_BYTES && ratio > RATIO {
            return Err(ArchiveProblem::Ratio { ratio, limit: RATIO });
        }
        Ok(())
    }
}

/// The most bytes one member of this name may have.
pub(crate) fn limit(name: &str) -> u64 {
    layout::limit(name)
}

/// The number of entries that the end of the archive states. The library keeps one of
/// several entries of one name, so a smaller count there betrays duplicates.
fn declared_entries(parts: &mut Parts, length: u64) -> Result<u64, ArchiveProblem> {
    let unreadable = |text: &str| ArchiveProblem::Unreadable(text.to_owned());
    let tail_bytes = length.min(END_BYTES + u64::from(u16::MAX));
    let mut tail = Vec::new();
    parts
        .seek(SeekFrom::Start(length - tail_bytes))
        .and_then(|_| parts.take(tail_bytes).read_to_end(&mut tail))
        .map_err(|error| unreadable(&error.to_string()))?;
    let at = (0..tail.len().saturating_sub(END_BYTES as usize - 1))
        .rev()
        .find(|&at| tail[at..at + 4] == END_SIGNATURE)
        .ok_or_else(|| unreadable("no end of directory found"))?;
    Ok(u64::from(u16::from_le_bytes([tail[at + 10], tail[at + 11]])))
}

fn archive_problem(error: ZipError) -> ArchiveProblem {
    match error {
        ZipError::UnsupportedArchive(text) => ArchiveProblem::Unsupported(text.to_owned()),
        ZipError::CompressionMethodNotSupported(method) => {
            ArchiveProblem::Unsupported(format!("compression method {method}"))
        }
        other => ArchiveProblem::Unreadable(other.to_string()),
    }
}

/// What an error means once an entry is being read.
pub(crate) fn data_problem(error: ZipError) -> ArchiveProblem {
    match archive_problem(error) {
        ArchiveProblem::Unreadable(text) => ArchiveProblem::Data(text),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged_alike_on_every_platform() {
        for name in ["a", "a/b.json", "a/", "1_Pooling/config.json", "a..b"] {
            assert!(safe(name), "{name:?} was refused");
        }
        for name in
            ["", "/a", "../a", "a/../b", "a//b", "./a", "C:/a", "a\\b", "..\\a", "a\0", "a/.."]
        {
            assert!(!safe(name), "{name:?} was accepted");
        }
    }
}
