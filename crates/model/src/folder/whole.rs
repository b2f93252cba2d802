//! Files that stand under their name whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Writes a file beside its place, sees it to the disk and renames it: whoever looks, also after the
/// process was killed or the power failed, finds the file that stood there before or the new one.
///
/// # Errors
/// A disk that is full, a folder that cannot be written. What stood there before stands there still.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    place_whole(path, |partial| write(&mut File::create(partial)?))
}

/// As [`write_whole`], of a file that `write` makes at the path it is given.
///
/// # Errors
/// As [`write_whole`].
pub fn place_whole(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let partial = partial_of(path);
    let placed = write(&partial).and_then(|()| {
        OpenOptions::new().write(true).open(&partial)?.sync_all()?;
        fs::rename(&partial, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        sync_folder(folder.unwrap_or(Path::new(".")))
    });
    placed.inspect_err(|_| {
        // Half a file helps nobody and takes room that may be what is missing.
        let _ = fs::remove_file(&partial);
    })
}

/// Sees a folder's own entries to the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Windows has no such call; renames are durable there by the journal.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_cannot_be_written_whole_leaves_what_stood_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        write_whole(&path, |file| file.write_all(b"old")).expect("written");
        let broken = write_whole(&path, |file| {
            file.write_all(b"ne")?;
            assert_eq!(fs::read(&path)?, b"old", "nothing is seen before it is whole");
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(broken.expect_err("a full disk").kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).expect("read"), b"old");
        let left = fs::read_dir(folder.path()).expect("listed").count();
        assert_eq!(left, 1, "half a file is left behind");
        write_whole(&path, |file| file.write_all(b"new")).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
    }
}
