//! What every model is opened with, whatever it is opened for: the machine's threads, the numbers that
//! were asked for, its tokenizer.

use contexture_hub as hub;
use contexture_kernels::isa::Isa;
use contexture_model::Model;
use contexture_model::folder::Folder;
use contexture_text::Tokenizer;

use crate::locate::{holds_tokenizer, locate, open_tokenizer};
use crate::{EngineError, OpenOptions, Positions};

/// A token of running text, in bytes; only the size of batches depends on it.
pub(crate) const BYTES_PER_TOKEN: usize = 4;
/// Where nothing limits a text, something must.
const UNLIMITED: usize = 8192;

/// A model and its tokenizer.
pub(crate) struct Opened {
    pub(crate) model: Model,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) threads: usize,
}

/// Opens a folder; with `heads`, also what the model has besides its encoder.
pub(crate) fn open(
    folder: Folder,
    options: &OpenOptions,
    heads: bool,
) -> Result<Opened, EngineError> {
    Isa::from_environment().map_err(EngineError::Instructions)?;
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let settings = contexture_model::OpenOptions {
        threads,
        without_positions: options.positions == Positions::None,
        weights: options.weights,
        heads,
        ..contexture_model::OpenOptions::default()
    };
    let (tokenizer, model) = both(folder, &settings)?;
    Ok(Opened { model, tokenizer, threads })
}

/// Tokenizer and model side by side: neither needs the other, unless the tokenizer lies in a
/// module's folder, which only the model knows.
fn both(
    folder: Folder,
    settings: &contexture_model::OpenOptions,
) -> Result<(Tokenizer, Model), EngineError> {
    if !holds_tokenizer(&folder) {
        let model = Model::open_in(folder.clone(), settings)?;
        let tokenizer = open_tokenizer(model.encoder_folder().unwrap_or(&folder))?;
        return Ok((tokenizer, model));
    }
    let (tokenizer, model) = std::thread::scope(|scope| {
        let tokenizer = scope.spawn(|| open_tokenizer(&folder));
        let model = Model::open_in(folder.clone(), settings);
        (tokenizer.join(), model)
    });
    // The model's errors come first: what is no model folder has no tokenizer either.
    let model = model?;
    match tokenizer {
        Ok(tokenizer) => Ok((tokenizer?, model)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Finds a model by name, folder or archive without a word; fetches it only where that is wanted.
pub(crate) fn find(model: &str, options: &OpenOptions) -> Result<Folder, EngineError> {
    let settings = hub::Options { offline: !options.pull, ..hub::Options::default() };
    let mut quiet = |_: hub::Progress<'_>| {};
    let pull = options.pull.then_some(&mut quiet as &mut dyn FnMut(hub::Progress<'_>));
    Ok(locate(model, &settings, pull)?.folder)
}

/// The most tokens of a text, by the model and its tokenizer.
pub(crate) fn max_length(model: &Model, tokenizer: &Tokenizer) -> usize {
    model.maximum_tokens(tokenizer.max_length()).unwrap_or(UNLIMITED)
}
