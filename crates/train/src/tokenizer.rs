//! A run's tokenizer: found, copied, or trained on the run's own text.

use std::path::{Path, PathBuf};

use contexture_engine::Folder;
use contexture_text::training::{self, TokenizerKind};
use contexture_text::{TELLING, TOKENIZER_FILES, TextError, Tokenizer};

use crate::TrainError;
use crate::config::Config;
use crate::data::RowStream;
use crate::learner::{locate, one_of};

/// The largest tokenizers in use are some 35 MB.
const LIMIT: u64 = 128 << 20;

/// The run's tokenizer: the one in its folder, one that is named, a part of its model's, or one
/// trained on its text.
pub(crate) fn tokenizer(config: &Config, run: &Path) -> Result<Tokenizer, TrainError> {
    let staging = run.join("tokenizer.partial");
    // While it is there, not everything is in its place.
    if staging.exists() || !stands_in(run) {
        empty(&staging)?;
        match (&config.model.from, &config.tokenizer.from) {
            (Some(name), _) => {
                copy(&locate(name)?, "", &staging)?;
                reduce_tokenizer(config, &staging)?;
            }
            (None, Some(name)) => {
                let from = tokenizer_folder(name)?;
                copy(&from, "", &staging)?;
                // A folder that writes with another tokenizer than it reads with gives both.
                if config.target_tokenizer.is_none() {
                    copy(&from, TARGET, &staging)?;
                }
            }
            (None, None) => train_tokenizer(config, Text::All, &staging)?,
        }
        if staging.join(TARGET).is_dir() {
            settle(&staging.join(TARGET), &run.join(TARGET))?;
        }
        settle(&staging, run)?;
    }
    Ok(Tokenizer::open(run)?)
}

/// The files that tell of a run's tokenizers, relative to its folder: a run that begins anew removes them.
pub(crate) fn telling() -> impl Iterator<Item = PathBuf> {
    let own = TELLING.into_iter().filter(|name| tells(name));
    own.flat_map(|name| [PathBuf::from(name), Path::new(TARGET).join(name)])
}

/// A list of words alone does not tell of a run's tokenizer: it is beside a whole one, or anybody's.
fn tells(name: &str) -> bool {
    name != "vocab.txt"
}

/// Makes a folder that holds nothing.
fn empty(folder: &Path) -> Result<(), TrainError> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(TrainError::io(folder, "cannot be removed", e));
        }
        _ => {}
    }
    std::fs::create_dir_all(folder).map_err(|e| TrainError::io(folder, "cannot be made", e))
}

/// Moves a tokenizer's files to their place, those that tell of it last; `staging` is gone then.
fn settle(staging: &Path, place: &Path) -> Result<(), TrainError> {
    std::fs::create_dir_all(place).map_err(|e| TrainError::io(place, "cannot be made", e))?;
    for name in TOKENIZER_FILES {
        let (from, to) = (staging.join(name), place.join(name));
        if from.is_file() {
            std::fs::rename(&from, &to).map_err(|e| TrainError::io(&to, "cannot be written", e))?;
        }
    }
    std::fs::remove_dir_all(staging).map_err(|e| TrainError::io(staging, "cannot be removed", e))
}

/// Where the target's own tokenizer stands, beneath a model's folder.
const TARGET: &str = "target";

/// The tokenizer of a translation's target, where it has one of its own: the one in the run's folder,
/// one that is named, one trained on the targets, or one that came with the source's.
pub(crate) fn target_tokenizer(
    config: &Config,
    run: &Path,
) -> Result<Option<Tokenizer>, TrainError> {
    if !config.translates() {
        return Ok(None);
    }
    let Some(settings) = &config.target_tokenizer else {
        return Ok(Tokenizer::open_target(run)?);
    };
    let folder = run.join(TARGET);
    let staging = run.join("target.partial");
    if staging.exists() || !stands_in(&folder) {
        empty(&staging)?;
        match &settings.from {
            Some(name) => copy(&tokenizer_folder(name)?, "", &staging)?,
            None => train_tokenizer(config, Text::Targets, &staging)?,
        }
        settle(&staging, &folder)?;
    }
    Ok(Some(Tokenizer::open(&folder)?))
}

/// Which text a tokenizer is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// All of it, or where the targets have a tokenizer of their own, all else.
    All,
    /// The targets of translations.
    Targets,
}

/// Whether a folder holds a whole tokenizer.
fn stands_in(folder: &Path) -> bool {
    TELLING.iter().any(|name| tells(name) && folder.join(name).is_file())
}

/// A tokenizer needs no model around it.
fn tokenizer_folder(name: &str) -> Result<Folder, TrainError> {
    let folder = Path::new(name);
    if stands_in(folder) { Ok(Folder::open(folder)?) } else { locate(name) }
}

/// Copies the tokenizer that stands in the folder `beneath` of `from` to the same place of `to`.
fn copy(from: &Folder, beneath: &str, to: &Path) -> Result<(), TrainError> {
    for name in TOKENIZER_FILES {
        let name = Path::new(beneath).join(name);
        let Some(bytes) = from.read(&name.to_string_lossy(), LIMIT)? else { continue };
        let to = to.join(name);
        let folder = to.parent().unwrap_or(&to);
        std::fs::create_dir_all(folder).map_err(|e| TrainError::io(folder, "cannot be made", e))?;
        std::fs::write(&to, bytes).map_err(|e| TrainError::io(&to, "cannot be written", e))?;
    }
    Ok(())
}

fn train_tokenizer(config: &Config, text: Text, folder: &Path) -> Result<(), TrainError> {
    let (key, t) = match (text, &config.target_tokenizer) {
        (Text::Targets, Some(own)) => ("target_tokenizer", own),
        _ => ("tokenizer", &config.tokenizer),
    };
    let kinds = [
        ("wordpiece", TokenizerKind::WordPiece),
        ("bpe", TokenizerKind::Bpe),
        ("unigram", TokenizerKind::Unigram),
        ("characters", TokenizerKind::Characters),
    ];
    let Some((_, kind)) = kinds.iter().find(|(name, _)| *name == t.kind) else {
        return Err(one_of(&format!("{key}.kind"), &kinds.map(|(name, _)| name), &t.kind));
    };
    let settings = training::TokenizerSettings {
        kind: *kind,
        vocabulary: t.vocabulary,
        lower_case: t.lower_case,
        min_frequency: t.min_frequency,
        max_length: Some(config.model.maximum_tokens),
        ..training::TokenizerSettings::default()
    };
    let mut failure = None;
    let texts = texts(config, text)?.map_while(|text| match text {
        Ok(text) => Some(Ok::<_, std::io::Error>(text)),
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let limit = if t.rows == 0 { usize::MAX } else { t.rows };
    let trained = training::train(&settings, texts.take(limit), folder);
    if let Some(error) = failure {
        return Err(error);
    }
    let trained = trained.map_err(|error: TextError| TrainError::from(error))?;
    tracing::info!(
        "trained a tokenizer of {} tokens on {} words of {} texts",
        trained.vocabulary,
        trained.words,
        trained.texts
    );
    Ok(())
}

/// Leaves the pieces that the run's text uses most.
fn reduce_tokenizer(config: &Config, folder: &Path) -> Result<(), TrainError> {
    let entries = config.model.keep.as_ref().map_or(0, |keep| keep.vocabulary);
    if entries == 0 {
        return Ok(());
    }
    let whole = Tokenizer::open(folder)?;
    let mut counts = training::PieceCounts::new(&whole);
    let rows = if config.tokenizer.rows == 0 { usize::MAX } else { config.tokenizer.rows };
    for text in texts(config, Text::All)?.take(rows) {
        counts.add(&text?)?;
    }
    let kept = training::reduce(&counts, entries, folder)?;
    tracing::info!("kept {} of {} tokens", kept.len(), whole.vocabulary_size());
    Ok(())
}

/// Every text of every objective's training files, once, held-out rows left out.
fn texts(
    config: &Config,
    text: Text,
) -> Result<impl Iterator<Item = Result<String, TrainError>> + use<>, TrainError> {
    let mut streams = Vec::new();
    for objective in &config.objectives {
        let fields = objective.text_fields();
        let apart = config.target_tokenizer.is_some() && objective.needs_decoder();
        if text == Text::Targets && !objective.needs_decoder() {
            continue;
        }
        let wanted = |field: &String| !apart || (field == "target") == (text == Text::Targets);
        let wanted: Vec<bool> = fields.iter().map(wanted).collect();
        let rows = RowStream::once(objective.name(), objective.data(), &fields)?;
        streams.push(rows.map(move |row| {
            let row = row?;
            let fields = row.fields.into_iter().zip(&wanted).filter(|(_, wanted)| **wanted);
            Ok::<_, TrainError>(fields.map(|(field, _)| field).collect::<Vec<String>>())
        }));
    }
    Ok(streams.into_iter().flatten().flat_map(|row| match row {
        Ok(fields) => fields.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}
