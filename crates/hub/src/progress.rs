//! What a pull tells its caller while it works.

/// The step that a pull is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// One line, once per source: what is pulled, from where, how large.
    Announce,
    /// Another process pulls the same model; this one waits for it.
    Waiting,
    /// Bytes come over the network.
    Download,
    /// Files are copied or unpacked into the cache.
    Unpack,
    /// The model lies under its final name.
    Done,
}

/// One report. `bytes_done` never exceeds `bytes_total` where that is known.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The step.
    pub stage: Stage,
    /// A line for a person: the announcement, the file in hand, or the folder.
    pub text: &'a str,
    /// Bytes of this step that are done.
    pub bytes_done: u64,
    /// Bytes of this step in all, where known.
    pub bytes_total: Option<u64>,
}

/// The callback as the crate passes it around.
pub(crate) type Report<'r> = dyn FnMut(Progress<'_>) + 'r;

/// Counts the bytes of one step over several files and reports each mebibyte.
pub(crate) struct Meter<'a, 'r> {
    report: &'a mut Report<'r>,
    stage: Stage,
    done: u64,
    reported: u64,
    total: Option<u64>,
}

const STEP_BYTES: u64 = 1 << 20;

impl<'a, 'r> Meter<'a, 'r> {
    pub(crate) fn new(report: &'a mut Report<'r>, stage: Stage, total: Option<u64>) -> Self {
        Self { report, stage, done: 0, reported: 0, total }
    }

    pub(crate) fn add(&mut self, text: &str, bytes: u64) {
        self.set(text, self.done + bytes);
    }

    /// Sets the count; a retried file moves it back.
    pub(crate) fn set(&mut self, text: &str, done: u64) {
        self.done = self.total.map_or(done, |total| done.min(total));
        let moved = self.done.abs_diff(self.reported);
        if moved >= STEP_BYTES || (moved > 0 && Some(self.done) == self.total) {
            self.reported = self.done;
            (self.report)(Progress {
                stage: self.stage,
                text,
                bytes_done: self.done,
                bytes_total: self.total,
            });
        }
    }

    #[cfg(feature = "hub")]
    pub(crate) fn done(&self) -> u64 {
        self.done
    }
}

/// Sends one line without a count.
pub(crate) fn say(report: &mut Report<'_>, stage: Stage, text: &str, bytes_total: Option<u64>) {
    report(Progress { stage, text, bytes_done: 0, bytes_total });
}

/// A size as people read it: decimal units, one digit.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
