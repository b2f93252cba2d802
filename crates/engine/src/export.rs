//! A model's folder written anew: the same model, its weights in other numbers, and how far its
//! vectors move.

use std::fs;
use std::path::{Path, PathBuf};

use contexture_model::folder::Folder;
use contexture_model::{Model, WeightFormat};

use crate::{EmbedOptions, Embedder, EngineError, OpenOptions, cosine};

/// How a model is exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The numbers in which weights are written.
    pub weights: WeightFormat,
    /// Whether heads of other tasks (language, classifier) are written too. Vectors need none.
    pub heads: bool,
    /// The model card to put beside the weights; `None`: the model's own, where it has one.
    pub card: Option<PathBuf>,
    /// Whether a model that stands at the place already is replaced.
    pub replace: bool,
    /// Threads to compute with; 0: as many as this process may use.
    pub threads: usize,
}

/// What an export came to.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Export {
    /// Where it stands.
    pub folder: PathBuf,
    /// The weight files' bytes, of the model and of its export.
    pub weight_bytes: [u64; 2],
    /// The export's bytes with everything that stands in its folder.
    pub folder_bytes: u64,
    /// The number formats in its weight files.
    pub formats: Vec<String>,
    /// Tensors of other tasks that it does not hold.
    pub left_out: Vec<String>,
    /// Whether a model card stands beside its weights.
    pub card: bool,
    /// Texts whose vectors were compared.
    pub texts: usize,
    /// The least cosine of a text's vector by the model and by its export.
    pub worst_cosine: f32,
    /// The text that has it.
    pub worst_text: String,
    /// Their mean.
    pub mean_cosine: f32,
}

/// Texts to compare vectors of, where nobody names others: short and long, of one word and of many,
/// with numbers, names, marks, and scripts that an English vocabulary cannot spell.
pub const CHECKED: [&str; 12] = [
    "ram hits sam",
    "sam hits ram",
    "The bank of the river",
    "river",
    "A man is playing a guitar on the stage.",
    "Interest rates rose by 0.25 % on 4 May 2023, the tenth rise in a row.",
    "How do I reset the password of an account that has been locked?",
    "fn main() { println!(\"{}\", 6 * 7); }",
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age \
     of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season \
     of Light, it was the season of Darkness, it was the spring of hope, it was the winter of \
     despair.",
    "Die Würde des Menschen ist unantastbar.",
    "東京は日本の首都です。",
    "???",
];

/// Files that stand beside weights for people.
const FOR_PEOPLE: [&str; 3] = [CARD, "LICENSE", "LICENSE.txt"];
const CARD: &str = "README.md";
const LIMIT: u64 = 16 << 20;

/// Writes the model in `from` to the folder `to`, which appears when it is whole, and compares both
/// on `texts`.
///
/// # Errors
/// [`EngineError::Output`] for a place that is taken or cannot be written; what is wrong with the
/// model.
pub fn export<S: AsRef<str> + Sync>(
    from: &Folder,
    to: &Path,
    options: &ExportOptions,
    texts: &[S],
) -> Result<Export, EngineError> {
    check_place(to, options.replace)?;
    let open = OpenOptions { threads: options.threads, ..OpenOptions::default() };
    let original = Embedder::open_in(from.clone(), &open)?;
    let before = original.embed_with(texts, &EmbedOptions::default())?;
    let staging = staging(to)?;
    let weight_bytes = original.info(false)?.model.bytes;
    drop(original);
    let left_out = write(from, staging.path(), options)?;
    let exported = Embedder::open_folder(staging.path(), &open)?;
    let after = exported.embed_with(texts, &EmbedOptions::default())?;
    let cosines = || before.iter().zip(&after).map(|(a, b)| alike(a.vector(), b.vector()));
    let worst = cosines().enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    let (worst, worst_cosine) = worst.unwrap_or((0, 1.0));
    let model = exported.info(false)?.model;
    let folder_bytes = seal(staging.path())?;
    place(staging, to, options.replace)?;
    Ok(Export {
        folder: to.into(),
        weight_bytes: [weight_bytes, model.bytes],
        folder_bytes,
        formats: model.precisions,
        left_out,
        card: to.join(CARD).is_file(),
        texts: texts.len(),
        worst_cosine,
        worst_text: texts.get(worst).map_or("", |text| text.as_ref()).into(),
        mean_cosine: cosines().sum::<f32>() / texts.len().max(1) as f32,
    })
}

/// Their cosine; two vectors of zeros, which texts without any token have, are alike.
fn alike(a: &[f32], b: &[f32]) -> f32 {
    let zeros = |v: &[f32]| v.iter().all(|x| *x == 0.0);
    if zeros(a) && zeros(b) { 1.0 } else { cosine(a, b) }
}

/// Writes settings, tokenizer, weights and card; the tensors that were left out.
fn write(from: &Folder, to: &Path, options: &ExportOptions) -> Result<Vec<String>, EngineError> {
    let settings = contexture_model::OpenOptions {
        pack: false,
        heads: options.heads,
        without_heads: !options.heads,
        ..contexture_model::OpenOptions::default()
    };
    let model = Model::open_in(from.clone(), &settings)?;
    model.write_as(to, model.weights(), options.weights)?;
    for name in FOR_PEOPLE {
        let Some(bytes) = from.read(name, LIMIT)? else { continue };
        let path = to.join(name);
        fs::write(&path, bytes).map_err(|e| refused(&path, e))?;
    }
    if let Some(card) = &options.card {
        fs::copy(card, to.join(CARD)).map_err(|e| refused(card, e))?;
    }
    let info = model.info();
    Ok(info.tensors_ignored.iter().chain(&info.tensors_unknown).cloned().collect())
}

/// What stands at the place is replaced only where it was asked for, and only if it is a model.
fn check_place(to: &Path, replace: bool) -> Result<(), EngineError> {
    let taken = |reason: &str| Err(EngineError::Output { path: to.into(), reason: reason.into() });
    match fs::symlink_metadata(to) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(refused(to, e)),
        Ok(_) if !replace => {
            taken("it is there already; name another folder, or replace it (--force)")
        }
        Ok(kind) if !kind.is_dir() || !to.join("config.json").is_file() => {
            taken("it is there and is no model's folder; only a model is replaced")
        }
        Ok(_) => Ok(()),
    }
}

/// A folder beside the place, gone with the value unless it is kept.
fn staging(to: &Path) -> Result<tempfile::TempDir, EngineError> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| refused(parent, e))?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let made = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(parent);
    made.map_err(|e| refused(parent, e))
}

/// Sees every file to the disk; their bytes.
fn seal(folder: &Path) -> Result<u64, EngineError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(|e| refused(folder, e))? {
        let path = entry.map_err(|e| refused(folder, e))?.path();
        if path.is_dir() {
            bytes += seal(&path)?;
            continue;
        }
        let file = fs::File::open(&path).map_err(|e| refused(&path, e))?;
        open_to_all(&path, 0o644)?;
        file.sync_all().map_err(|e| refused(&path, e))?;
        bytes += file.metadata().map_err(|e| refused(&path, e))?.len();
    }
    Ok(bytes)
}

/// Renames the folder to its place.
fn place(staging: tempfile::TempDir, to: &Path, replace: bool) -> Result<(), EngineError> {
    open_to_all(staging.path(), 0o755)?;
    // Read again: minutes may have passed.
    check_place(to, replace)?;
    let aside = self::staging(to)?;
    let old = aside.path().join("replaced");
    let had = to.exists();
    if had {
        fs::rename(to, &old).map_err(|e| refused(to, e))?;
    }
    let staged = staging.keep();
    if let Err(error) = fs::rename(&staged, to) {
        let _ = fs::remove_dir_all(&staged);
        if had {
            fs::rename(&old, to).map_err(|e| refused(to, e))?;
        }
        return Err(refused(to, error));
    }
    Ok(())
}

/// What was made beside its place is the owner's alone; a model is as open as any other folder.
fn open_to_all(path: &Path, mode: u32) -> Result<(), EngineError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, mode).map_err(|e| refused(path, e))?;
    }
    let _ = (path, mode);
    Ok(())
}

fn refused(path: &Path, error: std::io::Error) -> EngineError {
    EngineError::Output { path: path.into(), reason: error.to_string() }
}
