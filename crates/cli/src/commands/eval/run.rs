//! The run: model, task, report.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use contexture::{EmbedOptions, Embedder};
use contexture_evaluate::report::Report;
use contexture_evaluate::{Bootstrap, Likelihood, Progress, Setup};

use super::arguments::{EvalArguments, Reporting, Task};
use super::{display, tasks};
use crate::say;

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Markdown,
    Json,
}

impl Format {
    fn of(reporting: &Reporting) -> Self {
        match (reporting.json, reporting.markdown) {
            (true, _) => Self::Json,
            (_, true) => Self::Markdown,
            _ => Self::Text,
        }
    }

    fn of_file(reporting: &Reporting, path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            _ if reporting.json || reporting.markdown => Self::of(reporting),
            Some("json") => Self::Json,
            Some("md" | "markdown") => Self::Markdown,
            _ => Self::Text,
        }
    }

    fn write(self, report: &Report) -> Result<String> {
        Ok(match self {
            Self::Text => report.text(),
            Self::Markdown => report.markdown(),
            Self::Json => report.json()?,
        })
    }
}

pub(crate) fn run(arguments: EvalArguments) -> Result<()> {
    let task = arguments.task;
    let reporting = task.reporting();
    // What cannot be read is said before a model is opened or even fetched.
    let data = tasks::Data::read(&task)?;
    let model = Opened::open(&task)?;
    let begun = Instant::now();
    let bar = display::bar(reporting.quiet);
    let tell = |progress: Progress| display::show(&bar, progress);
    let setup = setup(&task, model.threads(), &tell);
    let outcome = match &model {
        Opened::Embedder(embedder) => data.evaluate(&task, embedder, &setup),
        Opened::Likelihood(model) => data.evaluate_language(&task, model, &setup),
        Opened::Nothing => data.evaluate_output(&task, &setup),
    };
    bar.finish_and_clear();
    let mut report = outcome?;
    report.model = task.shared().map(|shared| shared.model.model.clone());
    report.seconds = begun.elapsed().as_secs_f64();
    if let Some(path) = &reporting.out {
        write(path, &Format::of_file(reporting, path).write(&report)?)?;
    }
    if !reporting.quiet {
        let threads = model.threads();
        eprintln!("contexture: {:.1} s on {threads} threads", report.seconds);
    }
    say::out(&Format::of(reporting).write(&report)?)
}

/// A model, opened for what the task asks of it.
enum Opened {
    Embedder(Embedder),
    Likelihood(Box<Likelihood<'static>>),
    /// The task judges output that is there already.
    Nothing,
}

impl Opened {
    fn open(task: &Task) -> Result<Self> {
        let Some(shared) = task.shared() else { return Ok(Self::Nothing) };
        let quiet = shared.reporting.quiet;
        if matches!(task, Task::MinimalPairs(_) | Task::Perplexity(_)) {
            if shared.vectors.options() != EmbedOptions::default() {
                bail!(
                    "options of vectors (--layer, --dimensions, --prompt, ...) are for other tasks"
                );
            }
            let located = shared.model.locate(quiet)?;
            let model = Likelihood::open_in(located.folder, &shared.model.options())?;
            return Ok(Self::Likelihood(Box::new(model)));
        }
        let embedder = shared.model.open(quiet)?;
        if !matches!(task, Task::Wic(_) | Task::Tagging(_)) {
            shared.model.say_what_is_assumed(&embedder)?;
        }
        Ok(Self::Embedder(embedder))
    }

    fn threads(&self) -> usize {
        match self {
            Self::Embedder(embedder) => embedder.threads(),
            Self::Likelihood(model) => model.threads(),
            Self::Nothing => 1,
        }
    }
}

fn setup<'a>(task: &Task, threads: usize, tell: &'a (dyn Fn(Progress) + Sync)) -> Setup<'a> {
    let Reporting { bootstrap: resamples, seed, .. } = *task.reporting();
    let bootstrap = Bootstrap { resamples, seed, threads };
    let options = task.shared().map(|shared| shared.vectors.options()).unwrap_or_default();
    Setup { options, bootstrap, progress: tell }
}

/// Written beside its place, synced and renamed: a file is whole or not there.
fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let wrong = || format!("{}: cannot be written", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(wrong)?;
    file.write_all(text.as_bytes()).with_context(wrong)?;
    file.as_file().sync_all().with_context(wrong)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is the owner's alone; a result is as open as any other file.
        let mode = fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode).with_context(wrong)?;
    }
    file.persist(path).map_err(|refused| refused.error).with_context(wrong)?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(wrong)
}
