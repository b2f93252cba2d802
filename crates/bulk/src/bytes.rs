//! Bytes of a file or of standard input: decompressed, counted, read by lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::error::{BulkError, RowFault};
use crate::input::{Compression, Input, endings};

/// Small, since what is read ahead counts as done in a bar.
const BUFFER_BYTES: usize = 32 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Counts the bytes that come from the disk, so that progress can be shown for compressed files.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The content of an input, whatever its compression; a byte order mark at its start is passed
/// over.
pub(crate) struct ByteStream {
    pub(crate) name: String,
    inner: Box<dyn BufRead + Send>,
    on_disk: Arc<AtomicU64>,
    pub(crate) compression: Option<Compression>,
    size_bytes: Option<u64>,
    offset: u64,
    failed: bool,
}

impl ByteStream {
    /// Opens a file or standard input. Only the first few bytes are read.
    pub(crate) fn open(input: &Input) -> Result<Self, BulkError> {
        let name = input.name();
        let (raw, by_name, size_bytes): (Box<dyn Read + Send>, _, _) = match input {
            Input::File(path) => {
                let (file, size_bytes) = open_file(path, &name)?;
                (Box::new(file), endings(path).1, size_bytes)
            }
            Input::Stdin => (Box::new(io::stdin()), None, None),
            Input::Arguments(texts) => (Box::new(Cursor::new(texts.join("\n"))), None, None),
        };
        let on_disk = Arc::new(AtomicU64::new(0));
        let mut raw = Counted { inner: raw, count: Arc::clone(&on_disk) };
        let read_error = |source: io::Error| BulkError::Read {
            name: name.clone(),
            byte: on_disk.load(Ordering::Relaxed),
            source: io::Error::new(source.kind(), explain(&source)),
        };
        let magic = take_prefix(&mut raw, 4).map_err(read_error)?;
        let compression = Compression::from_magic(&magic);
        if let Some(expected) = by_name
            && compression != by_name
        {
            return Err(BulkError::Compression {
                name,
                expected: expected.name(),
                found: hexadecimal(&magic),
            });
        }
        let raw = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(raw));
        let mut content: Box<dyn Read + Send> = match compression {
            None => Box::new(raw),
            Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(raw)),
            Some(Compression::Zstd) => {
                Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(read_error)?)
            }
        };
        let mut prefix = take_prefix(&mut content, BYTE_ORDER_MARK.len()).map_err(read_error)?;
        let mut offset = 0;
        if prefix == BYTE_ORDER_MARK {
            offset = prefix.len() as u64;
            prefix.clear();
        }
        let inner =
            Box::new(BufReader::with_capacity(BUFFER_BYTES, Cursor::new(prefix).chain(content)));
        Ok(Self { name, inner, on_disk, compression, size_bytes, offset, failed: false })
    }

    /// The bytes at hand; empty only at the end.
    pub(crate) fn fill(&mut self) -> Result<&[u8], RowFault> {
        let (offset, on_disk) = (self.offset, Arc::clone(&self.on_disk));
        let fault = |error: io::Error| RowFault::Read {
            byte_in_file: offset,
            byte_on_disk: on_disk.load(Ordering::Relaxed),
            reason: explain(&error),
        };
        // A decompressor that failed once must not be asked again: some then report the end.
        if self.failed {
            return Err(fault(io::Error::other("the stream failed before")));
        }
        // fill_buf is called twice since the borrow of a failing call cannot be returned early.
        loop {
            match self.inner.fill_buf() {
                // A terminal that is asked again after its end waits for another one.
                Ok([]) => return Ok(&[]),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(fault(error));
                }
            }
        }
        self.inner.fill_buf().map_err(fault)
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.offset += bytes as u64;
    }

    /// Position in the content.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes read from the disk so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.on_disk.load(Ordering::Relaxed)
    }

    /// The file's size on the disk, where it has one.
    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }
}

impl Read for ByteStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.offset += n as u64;
        Ok(n)
    }
}

/// Opens a file for reading, with its size where it is a regular file.
pub(crate) fn open_file(
    path: &std::path::Path,
    name: &str,
) -> Result<(File, Option<u64>), BulkError> {
    let open = |source| BulkError::Open { name: name.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(open)?;
    if metadata.is_dir() {
        return Err(open(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, not a file")));
    }
    let file = File::open(path).map_err(open)?;
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

fn take_prefix(reader: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut prefix = Vec::with_capacity(bytes);
    reader.take(bytes as u64).read_to_end(&mut prefix)?;
    Ok(prefix)
}

fn hexadecimal(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing (the file is empty)".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the file is truncated ({error})"),
        _ => error.to_string(),
    }
}

/// Reads a stream line by line into one buffer.
pub(crate) struct Lines {
    pub(crate) stream: ByteStream,
    /// The line, without its end (`\n` or `\r\n`).
    pub(crate) line: Vec<u8>,
    /// Number of the line, from 1.
    pub(crate) number: usize,
    /// Where the line starts in the content.
    pub(crate) start: u64,
    limit_bytes: usize,
}

impl Lines {
    pub(crate) fn new(stream: ByteStream, limit_bytes: usize) -> Self {
        let start = stream.offset();
        Self { stream, line: Vec::new(), number: 0, start, limit_bytes }
    }

    /// Reads the next line; `false` at the end. A line beyond the limit is read to its end and
    /// thrown away, so that the next call gives the line after it.
    pub(crate) fn advance(&mut self) -> Result<bool, RowFault> {
        self.line.clear();
        self.start = self.stream.offset();
        self.number += 1;
        let (mut too_long, mut ended) = (false, false);
        while !ended {
            let bytes = self.stream.fill()?;
            if bytes.is_empty() {
                if self.line.is_empty() && self.stream.offset() == self.start {
                    self.number -= 1;
                    return Ok(false);
                }
                break;
            }
            let end = memchr::memchr(b'\n', bytes);
            let content = &bytes[..end.unwrap_or(bytes.len())];
            too_long |= self.line.len() + content.len() > self.limit_bytes;
            if !too_long {
                self.line.extend_from_slice(content);
            }
            ended = end.is_some();
            let consumed = content.len() + usize::from(ended);
            self.stream.consume(consumed);
        }
        if too_long {
            self.line = Vec::new();
            return Err(RowFault::TooLong {
                limit_bytes: self.limit_bytes,
                byte_in_file: self.start,
            });
        }
        if ended && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(true)
    }
}

/// A part of a line as text; `at` is its place in the line, `start` the line's in the content.
pub(crate) fn decode(bytes: &[u8], lossy: bool, start: u64, at: usize) -> Result<String, RowFault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if lossy => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Err(error) => {
            let byte_in_line = at + error.valid_up_to();
            let byte_in_file = start + byte_in_line as u64;
            let utf16 = byte_in_file == 0
                && (bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]));
            Err(RowFault::Utf8 {
                byte_in_line,
                byte_in_file,
                found: bytes[error.valid_up_to()],
                hint: if utf16 { " (the file looks like UTF-16)" } else { "" },
            })
        }
    }
}
