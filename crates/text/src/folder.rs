//! Reading the files of a model folder: regular files only, beneath the folder, of bounded size; or
//! files in memory.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::TextError;

/// The largest tokenizers in use are some 35 MB.
pub(crate) const TOKENIZER_LIMIT: u64 = 128 << 20;
/// Settings are a few kilobytes; those with many added tokens reach some hundreds.
pub(crate) const SETTINGS_LIMIT: u64 = 16 << 20;

/// Where a tokenizer's files lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Folder<'a> {
    /// A folder of the system.
    System(&'a Path),
    /// Files in memory, by name, and how the folder is shown to the user.
    Memory(&'a Path, &'a [(&'a str, &'a [u8])]),
}

impl Folder<'_> {
    /// The folder as it is shown to the user.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::System(path) | Self::Memory(path, _) => path,
        }
    }

    /// Whether something is called so.
    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            Self::System(path) => path.join(name).exists(),
            Self::Memory(_, files) => files.iter().any(|(other, _)| *other == name),
        }
    }

    /// How a file beneath the folder is shown.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// The text of `folder/name`, or `None` where there is no such file.
pub(crate) fn read(folder: Folder, name: &str, limit: u64) -> Result<Option<String>, TextError> {
    let Some(bytes) = bytes(folder, name, limit)? else { return Ok(None) };
    text(folder.join(name), bytes).map(Some)
}

/// As [`read`], of a file that is packed with gzip; the limit is that of its text too.
pub(crate) fn read_gzip(
    folder: Folder,
    name: &str,
    limit: u64,
) -> Result<Option<String>, TextError> {
    let Some(packed) = bytes(folder, name, limit)? else { return Ok(None) };
    let path = folder.join(name);
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(packed.as_slice()).take(limit + 1);
    if let Err(source) = reader.read_to_end(&mut unpacked) {
        return Err(TextError::Malformed { path, reason: format!("not gzip: {source}") });
    }
    if unpacked.len() as u64 > limit {
        return Err(TextError::TooLarge { path, bytes: unpacked.len() as u64, limit });
    }
    text(path, unpacked).map(Some)
}

/// The file of an ELMo folder that states its sizes: `options.json`, or the only file whose name
/// ends so.
pub(crate) fn options(folder: Folder) -> Option<String> {
    const PLAIN: &str = "options.json";
    let Folder::System(folder) = folder else { return None };
    if folder.join(PLAIN).exists() {
        return Some(PLAIN.to_owned());
    }
    let names =
        fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found = names.filter(|name| name.ends_with("_options.json"));
    let name = found.next()?;
    found.next().is_none().then_some(name)
}

fn text(path: PathBuf, bytes: Vec<u8>) -> Result<String, TextError> {
    String::from_utf8(bytes).map_err(|e| TextError::Malformed {
        path,
        reason: format!("not UTF-8 from byte {}", e.utf8_error().valid_up_to()),
    })
}

/// The bytes of `folder/name`, or `None` where there is no such file.
pub(crate) fn bytes(folder: Folder, name: &str, limit: u64) -> Result<Option<Vec<u8>>, TextError> {
    let path = folder.join(name);
    let folder = match folder {
        Folder::System(folder) => folder,
        Folder::Memory(_, files) => {
            let file = files.iter().find(|(other, _)| *other == name);
            let bytes = file.map_or(0, |(_, bytes)| bytes.len() as u64);
            if bytes > limit {
                return Err(TextError::TooLarge { path, bytes, limit });
            }
            return Ok(file.map(|(_, bytes)| bytes.to_vec()));
        }
    };
    let failed = |source| TextError::Read { path: path.clone(), source };
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
        Ok(_) => {}
    }
    let target = fs::canonicalize(&path).map_err(failed)?;
    let root = root_of(&fs::canonicalize(folder).map_err(failed)?);
    if !target.starts_with(&root) {
        return Err(TextError::Outside { path, target });
    }
    let kind = fs::metadata(&target).map_err(failed)?;
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "a pipe, socket or device" };
        return Err(TextError::NotAFile { path, found });
    }
    if kind.len() > limit {
        return Err(TextError::TooLarge { path, bytes: kind.len(), limit });
    }
    let mut bytes = Vec::with_capacity(kind.len() as usize + 1);
    let file = File::open(&target).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(TextError::TooLarge { path, bytes: bytes.len() as u64, limit });
    }
    Ok(Some(bytes))
}

/// Where the files of `folder` may lie. A snapshot in the Hugging Face cache holds links into
/// `blobs` of the same `models--*` repository; any other folder only itself.
fn root_of(folder: &Path) -> PathBuf {
    let revision = folder
        .ancestors()
        .find(|at| at.parent().and_then(Path::file_name).is_some_and(|name| name == "snapshots"));
    let repository = revision.and_then(|at| at.parent()?.parent());
    match repository {
        Some(at) if at.file_name().is_some_and(|n| n.to_string_lossy().starts_with("models--")) => {
            at.to_path_buf()
        }
        _ => folder.to_path_buf(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_in_the_folder_or_in_its_cache() {
        let base = tempfile::tempdir().unwrap();
        let model = base.path().join("model");
        fs::create_dir(&model).unwrap();
        fs::write(base.path().join("secret"), "x").unwrap();
        fs::write(model.join("inside"), "y").unwrap();
        symlink("../secret", model.join("out")).unwrap();
        symlink("inside", model.join("in")).unwrap();
        symlink("nowhere", model.join("dangling")).unwrap();
        symlink("loop", model.join("loop")).unwrap();
        fs::create_dir(model.join("folder")).unwrap();
        assert!(matches!(read(Folder::System(&model), "out", 9), Err(TextError::Outside { .. })));
        assert_eq!(read(Folder::System(&model), "in", 9).unwrap().unwrap(), "y");
        assert!(matches!(read(Folder::System(&model), "dangling", 9), Err(TextError::Read { .. })));
        assert!(matches!(read(Folder::System(&model), "loop", 9), Err(TextError::Read { .. })));
        assert!(matches!(
            read(Folder::System(&model), "folder", 9),
            Err(TextError::NotAFile { .. })
        ));
        assert!(matches!(
            read(Folder::System(&model), "inside", 0),
            Err(TextError::TooLarge { .. })
        ));
        assert!(read(Folder::System(&model), "absent", 9).unwrap().is_none());

        let cache = base.path().join("models--a--b");
        let snapshot = cache.join("snapshots/abc");
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir(cache.join("blobs")).unwrap();
        fs::write(cache.join("blobs/1"), "z").unwrap();
        symlink("../../blobs/1", snapshot.join("file")).unwrap();
        symlink("../../../secret", snapshot.join("out")).unwrap();
        assert_eq!(read(Folder::System(&snapshot), "file", 9).unwrap().unwrap(), "z");
        assert!(matches!(
            read(Folder::System(&snapshot), "out", 9),
            Err(TextError::Outside { .. })
        ));
    }

    #[test]
    fn text_must_be_utf8() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("f"), b"ab\xff").unwrap();
        let error = read(Folder::System(base.path()), "f", 9).unwrap_err().to_string();
        assert!(error.contains("byte 2"), "{error}");
    }
}
