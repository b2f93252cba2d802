//! Text as it is, compressed where the name says so.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::error::BulkError;
use crate::input::{Compression, endings};
use crate::output::Output;
use crate::target::Target;

// Digits of vectors hardly compress: a higher level costs more time than the model for a few percent.
const ZSTD_LEVEL: i32 = 1;

enum Encoder {
    Plain(Target),
    Gzip(GzEncoder<Target>),
    Zstd(zstd::Encoder<'static, Target>),
}

impl Encoder {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(target) => target,
            Self::Gzip(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }

    fn target(&self) -> &Target {
        match self {
            Self::Plain(target) => target,
            Self::Gzip(encoder) => encoder.get_ref(),
            Self::Zstd(encoder) => encoder.get_ref(),
        }
    }

    fn finish(self) -> io::Result<Target> {
        match self {
            Self::Plain(target) => Ok(target),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// A stream of text into a file, by the name's ending through gzip or zstd, or to standard output.
/// Dropped without [`TextSink::finish`], it leaves nothing under the final name.
pub struct TextSink {
    encoder: Encoder,
}

impl TextSink {
    /// Creates the file under a partial name, or takes standard output.
    pub fn create(output: &Output) -> Result<Self, BulkError> {
        let compression = match output {
            Output::Stdout => None,
            Output::File(path) => endings(path).1,
        };
        Self::compressed(output, compression)
    }

    pub(crate) fn compressed(
        output: &Output,
        compression: Option<Compression>,
    ) -> Result<Self, BulkError> {
        let target = match output {
            Output::Stdout => Target::stdout(),
            Output::File(path) => Target::file(path)?,
        };
        let name = target.name.clone();
        let encoder = match compression {
            None => Encoder::Plain(target),
            Some(Compression::Gzip) => {
                Encoder::Gzip(GzEncoder::new(target, flate2::Compression::fast()))
            }
            Some(Compression::Zstd) => {
                let encoder = zstd::Encoder::new(target, ZSTD_LEVEL);
                Encoder::Zstd(encoder.map_err(|source| BulkError::Write {
                    name,
                    bytes: 0,
                    source,
                })?)
            }
        };
        Ok(Self { encoder })
    }

    /// Writes text, with whatever line ends are in it.
    pub fn write(&mut self, text: &str) -> Result<(), BulkError> {
        self.write_bytes(text.as_bytes())
    }

    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), BulkError> {
        let written = self.encoder.writer().write_all(bytes);
        written.map_err(|source| self.encoder.target().error(source))
    }

    /// Passes on what is buffered, for a reader that waits at the other end.
    pub fn flush(&mut self) -> Result<(), BulkError> {
        let flushed = self.encoder.writer().flush();
        flushed.map_err(|source| self.encoder.target().error(source))
    }

    /// Completes the output; returns its bytes. Only now does a file stand under its final name,
    /// whole.
    pub fn finish(self) -> Result<u64, BulkError> {
        let name = self.encoder.target().name.clone();
        let bytes = self.encoder.target().written;
        let target =
            self.encoder.finish().map_err(|source| BulkError::Write { name, bytes, source })?;
        target.commit()
    }
}

impl std::fmt::Debug for TextSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextSink")
            .field("name", &self.encoder.target().name)
            .finish_non_exhaustive()
    }
}
