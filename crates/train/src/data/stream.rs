//! Rows of several sources without end: drawn by weight, shuffled by seed, epoch after epoch.
//!
//! The order is a function of the seed and of how many rows were drawn. A position is two numbers
//! a source, and to go on from it the rows before it are read again, but not worked on.

use serde::{Deserialize, Serialize};

use super::files::{Row, RowReader};
use super::vectors::StoredVectors;
use crate::TrainError;
use crate::config::{DataSettings, SourceSettings};
use crate::random::{Random, purpose};

/// Which rows a stream gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those that are learned from.
    Train,
    /// Those that are judged on: once each, from each source in turn, in the files' order.
    HeldOut,
}

/// How far a stream has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Rows drawn from all sources together.
    pub drawn: u64,
    /// For each source: its pass over the files, from 0, and the rows drawn in it.
    pub sources: Vec<(u64, u64)>,
}

/// Rows without end (training) or once (held out).
pub struct RowStream {
    what: String,
    sources: Vec<Shuffled>,
    weights: Vec<f64>,
    seed: u64,
    drawn: u64,
    side: Side,
    current: usize,
}

impl RowStream {
    /// Opens an objective's data. `key` tells its order from other objectives'.
    ///
    /// # Errors
    /// Files that are not there, a source whose weight is no positive number.
    pub fn open(
        what: &str,
        data: &DataSettings,
        fields: &[String],
        side: Side,
        key: u64,
    ) -> Result<Self, TrainError> {
        let own = side == Side::HeldOut && !data.held_out.is_empty();
        let list = if own { &data.held_out } else { &data.train };
        let share = if data.held_out.is_empty() { data.held_out_share } else { 0.0 };
        let shuffle = if side == Side::Train { data.shuffle } else { 0 };
        let split = Split { share, side, own };
        let open = |(index, settings): (usize, &SourceSettings)| {
            let key = [key, index as u64];
            Shuffled::open(settings.clone(), fields.to_vec(), split, shuffle, key)
        };
        let sources = list.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
        let weights: Vec<f64> = list.iter().map(|source| source.weight).collect();
        if let Some(wrong) = weights.iter().find(|w| !(w.is_finite() && **w > 0.0)) {
            let key = format!("{what}.data.train.weight");
            return Err(TrainError::value(key, "a number above 0", wrong));
        }
        let what = what.to_owned();
        Ok(Self { what, sources, weights, seed: key, drawn: 0, side, current: 0 })
    }

    /// Every training row once, in the files' order.
    ///
    /// # Errors
    /// As [`RowStream::open`].
    pub fn once(
        what: &str,
        data: &DataSettings,
        fields: &[String],
    ) -> Result<impl Iterator<Item = Result<Row, TrainError>> + use<>, TrainError> {
        let data = DataSettings { shuffle: 0, ..data.clone() };
        let stream = Self::open(what, &data, fields, Side::Train, 0)?;
        Ok(stream
            .sources
            .into_iter()
            .flat_map(|mut source| std::iter::from_fn(move || source.next_of_epoch().transpose())))
    }

    /// The next row; `None` only where held-out rows end.
    ///
    /// # Errors
    /// A row that cannot be read; files without any row.
    pub fn next_row(&mut self) -> Result<Option<Row>, TrainError> {
        if self.side == Side::HeldOut {
            return self.next_held_out();
        }
        let index = self.choose();
        self.drawn += 1;
        match self.sources[index].next_without_end()? {
            Some(row) => self.sources[index].with_vector(row).map(Some),
            None => {
                let detail = match self.sources[index].split.share > 0.0 {
                    true => " (held_out_share takes some of them)".into(),
                    false => String::new(),
                };
                let files = self.sources[index].settings.files.join(", ");
                Err(TrainError::NoData { what: format!("{}: {files}", self.what), detail })
            }
        }
    }

    /// From each source in turn, so that the first rows are of all of them.
    fn next_held_out(&mut self) -> Result<Option<Row>, TrainError> {
        for _ in 0..self.sources.len() {
            self.current = (self.current + 1) % self.sources.len();
            if let Some(row) = self.sources[self.current].next_of_epoch()? {
                self.drawn += 1;
                return self.sources[self.current].with_vector(row).map(Some);
            }
        }
        Ok(None)
    }

    fn choose(&self) -> usize {
        if self.sources.len() == 1 {
            return 0;
        }
        let total: f64 = self.weights.iter().sum();
        let mut at = Random::of(&[self.seed, purpose::ORDER, self.drawn]).uniform() * total;
        for (index, weight) in self.weights.iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return index;
            }
        }
        self.weights.len() - 1
    }

    /// How far it has come.
    pub fn state(&self) -> StreamState {
        let sources = self.sources.iter().map(|source| (source.epoch, source.drawn)).collect();
        StreamState { drawn: self.drawn, sources }
    }

    /// Goes on from a state: rows before it are read again and dropped.
    ///
    /// # Errors
    /// Files that have fewer rows than they had.
    pub fn restore(&mut self, state: &StreamState) -> Result<(), TrainError> {
        if state.sources.len() != self.sources.len() {
            let (expected, found) = (self.sources.len(), state.sources.len());
            let key = format!("{}.data.train", self.what);
            return Err(TrainError::value(key, format!("{expected} sources"), found));
        }
        self.drawn = state.drawn;
        for (source, (epoch, drawn)) in self.sources.iter_mut().zip(&state.sources) {
            source.restore(*epoch, *drawn)?;
        }
        Ok(())
    }

    /// Whole passes over the files, of the source that made fewest.
    pub fn epochs(&self) -> u64 {
        self.sources.iter().map(|source| source.epoch).min().unwrap_or(0)
    }
}

/// Which rows belong to a side.
#[derive(Debug, Clone, Copy)]
struct Split {
    share: f64,
    side: Side,
    /// Held-out rows have files of their own.
    own: bool,
}

impl Split {
    fn takes(&self, row: &Row) -> bool {
        if self.own || self.share <= 0.0 {
            return true;
        }
        // FNV-1a over the fields: the same text falls on the same side wherever it stands.
        let mut digest = 0xcbf2_9ce4_8422_2325u64;
        for byte in row.fields.iter().flat_map(|field| field.bytes().chain([0])) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        let held_out = Random::of(&[digest]).uniform() < self.share;
        held_out == (self.side == Side::HeldOut)
    }
}

/// One source, shuffled within a window.
struct Shuffled {
    settings: SourceSettings,
    fields: Vec<String>,
    split: Split,
    window: usize,
    key: [u64; 2],
    vectors: Option<StoredVectors>,
    reader: RowReader,
    ended: bool,
    waiting: Vec<Row>,
    epoch: u64,
    drawn: u64,
}

impl Shuffled {
    fn open(
        settings: SourceSettings,
        fields: Vec<String>,
        split: Split,
        window: usize,
        key: [u64; 2],
    ) -> Result<Self, TrainError> {
        let reader = RowReader::open(&settings, &fields)?;
        let (waiting, ended) = (Vec::new(), false);
        let vectors = settings.vectors.as_ref().map(|file| StoredVectors::open(file.as_ref()));
        Ok(Self {
            vectors: vectors.transpose()?,
            settings,
            fields,
            split,
            window,
            key,
            reader,
            ended,
            waiting,
            epoch: 0,
            drawn: 0,
        })
    }

    fn begin(&mut self, epoch: u64) -> Result<(), TrainError> {
        self.reader = RowReader::open(&self.settings, &self.fields)?;
        self.waiting.clear();
        (self.ended, self.epoch, self.drawn) = (false, epoch, 0);
        Ok(())
    }

    /// The row with its vector, which is read only for rows that are drawn.
    fn with_vector(&self, mut row: Row) -> Result<Row, TrainError> {
        if let Some(vectors) = &self.vectors {
            row.vector = Some(vectors.row(row.number, &row.place)?);
        }
        Ok(row)
    }

    fn next_of_epoch(&mut self) -> Result<Option<Row>, TrainError> {
        while !self.ended && self.waiting.len() <= self.window {
            match self.reader.next_row()? {
                Some(row) if self.split.takes(&row) => self.waiting.push(row),
                Some(_) => {}
                None => self.ended = true,
            }
        }
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let [key, source] = self.key;
        let place = [key, purpose::ORDER, source, self.epoch, self.drawn];
        let index = Random::of(&place).below(self.waiting.len());
        self.drawn += 1;
        // Without a window there is one row, and the order is the file's.
        Ok(Some(self.waiting.swap_remove(index)))
    }

    fn next_without_end(&mut self) -> Result<Option<Row>, TrainError> {
        if let Some(row) = self.next_of_epoch()? {
            return Ok(Some(row));
        }
        let empty = self.drawn == 0;
        if empty {
            return Ok(None);
        }
        self.begin(self.epoch + 1)?;
        self.next_of_epoch()
    }

    fn restore(&mut self, epoch: u64, drawn: u64) -> Result<(), TrainError> {
        self.begin(epoch)?;
        for at in 0..drawn {
            if self.next_of_epoch()?.is_none() {
                let files = self.settings.files.join(", ");
                let found = format!("{at}: the files have changed since the snapshot");
                return Err(TrainError::value(files, format!("at least {drawn} rows"), found));
            }
        }
        Ok(())
    }
}
