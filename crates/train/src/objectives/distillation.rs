//! Distillation: sentence vectors, and words' vectors, are to be a teacher's (Reimers and Gurevych
//! 2020, eq. 1). The teacher sees the text as far as it can; a word takes part where both saw it.

use std::sync::Arc;

use contexture_engine::{EmbedOptions, Embedder, Levels, OpenOptions, Record};
use contexture_model::Model;
use contexture_nn::ops::{Gather, Pool, Pooling};
use contexture_nn::{Rows, Segments};
use contexture_text::{align, words};

use super::pass::encoder_operations;
use super::texts::{OnTexts, Texts, scaled};
use super::{Drawn, Learner, Pass};
use crate::TrainError;
use crate::config::{Distance, DistillationSettings};
use crate::data::{Row, Tokens};
use crate::losses::{Loss, cosine_distance, squared_distance};

pub(super) struct Distillation {
    settings: DistillationSettings,
    teacher: Embedder,
    options: EmbedOptions,
}

impl Distillation {
    pub(super) fn new(
        settings: &DistillationSettings,
        name: &str,
        learner: &Learner,
    ) -> Result<Self, TrainError> {
        let threads = learner.pool.threads();
        let options = OpenOptions { threads, ..OpenOptions::default() };
        let teacher = Embedder::open_with(&settings.teacher, &options)?;
        let widths = |sentence: bool| {
            let levels = Levels { sentence, words: !sentence, tokens: false };
            let options = EmbedOptions { levels, ..EmbedOptions::default() };
            teacher.dimensions_with(&options)
        };
        let misfit = |key: &str, expected: usize, found: usize, what: &str| {
            let key = format!("objective.{key} ({})", name);
            let expected = format!("a teacher whose {what} are {expected} wide, as the student's");
            TrainError::value(key, expected, format!("{found}: {}", settings.teacher))
        };
        let (own, found) = (learner.model.dimensions(), widths(true)?);
        if settings.sentence > 0.0 && own != found {
            let advice = format!("sentence vectors (set model.dense = {found})");
            return Err(misfit("teacher", own, found, &advice));
        }
        let (own, found) = (learner.model.hidden(), widths(false)?);
        if settings.tokens > 0.0 && own != found {
            return Err(misfit("tokens", own, found, "token rows"));
        }
        let levels = Levels {
            sentence: settings.sentence > 0.0,
            words: settings.tokens > 0.0,
            tokens: false,
        };
        let options = EmbedOptions { levels, ..EmbedOptions::default() };
        Ok(Self { settings: settings.clone(), teacher, options })
    }
}

impl OnTexts for Distillation {
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError> {
        let mut taught = Taught::new(&self.settings);
        if rows.iter().all(|row| row.vector.is_some()) {
            self.check_stored(&rows)?;
            for row in rows {
                let ids = texts.piece(&row.fields[0])?.into();
                taught.sentences.extend(row.vector.unwrap_or_default());
                taught.ids.push(ids);
                taught.places.push(row.place);
            }
            return Ok(Box::new(taught));
        }
        let given: Vec<&str> = rows.iter().map(|row| row.fields[0].as_str()).collect();
        let records = self.teacher.embed_with(&given, &self.options)?;
        for (row, record) in rows.iter().zip(&records) {
            let piece = texts.piece(&row.fields[0])?;
            let spans = piece.spans.clone();
            taught.add(&row.fields[0], &row.place, piece.into(), &spans, record);
        }
        Ok(Box::new(taught))
    }
}

/// Stored vectors may have passed through int8 or another program; those of another text are
/// far below this.
const SAME: f64 = 0.97;

impl Distillation {
    /// Vectors in a file are only known by their order: the teacher is asked about the first row of
    /// each batch, whether they are its own of these very texts.
    fn check_stored(&self, rows: &[Row]) -> Result<(), TrainError> {
        let wrong = |row: &Row, found: String| TrainError::Row {
            place: row.place.clone(),
            expected: format!("the vector of {} for this text", self.settings.teacher),
            found,
        };
        let stored = |row: &Row| row.vector.as_deref().unwrap_or_default().len();
        let width = self.teacher.dimensions_with(&self.options)?;
        if let Some(row) = rows.iter().find(|row| stored(row) != width) {
            return Err(wrong(row, format!("{} values, not {width}", stored(row))));
        }
        let Some(row) = rows.first() else { return Ok(()) };
        let stored = row.vector.as_deref().unwrap_or_default();
        let records = self.teacher.embed_with(&[row.fields[0].as_str()], &self.options)?;
        let own = records[0].vector();
        let cosine = f64::from(contexture_engine::cosine(stored, own));
        let empty = stored.iter().chain(own).all(|value| *value == 0.0);
        if cosine < SAME && !empty {
            let advice = "are the vectors of another file, or in another order?";
            return Err(wrong(row, format!("one at a cosine of {cosine:.3} to it: {advice}")));
        }
        Ok(())
    }
}

/// Texts with the teacher's vectors.
struct Taught {
    ids: Vec<Tokens>,
    places: Vec<String>,
    weights: (f64, f64),
    distance: Distance,
    /// The teacher's sentence vectors, row after row.
    sentences: Vec<f32>,
    /// Rows of the batch, word after word; how many each word has; the teacher's word vectors.
    word_rows: Vec<u32>,
    word_lengths: Vec<usize>,
    words: Vec<f32>,
}

impl Taught {
    fn new(settings: &DistillationSettings) -> Self {
        Self {
            ids: Vec::new(),
            places: Vec::new(),
            weights: (settings.sentence, settings.tokens),
            distance: settings.distance,
            sentences: Vec::new(),
            word_rows: Vec::new(),
            word_lengths: Vec::new(),
            words: Vec::new(),
        }
    }

    fn add(
        &mut self,
        text: &str,
        place: &str,
        ids: Tokens,
        spans: &[Option<[usize; 2]>],
        record: &Record,
    ) {
        let first = self.tokens();
        self.sentences.extend_from_slice(record.vector());
        let taught = record.words.as_deref().unwrap_or_default();
        let own = align(text, &words(text), spans);
        for ([from, to], unit) in own.iter().zip(taught) {
            if from < to && !unit.embedding.is_empty() {
                self.word_rows.extend((first + from..first + to).map(|row| row as u32));
                self.word_lengths.push(to - from);
                self.words.extend_from_slice(&unit.embedding);
            }
        }
        self.ids.push(ids);
        self.places.push(place.into());
    }

    fn distance(&self, own: &Rows, taught: &[f32]) -> Loss {
        let taught = Rows::new(taught.to_vec(), own.width());
        match self.distance {
            Distance::Squared => squared_distance(own, &taught),
            Distance::Cosine => cosine_distance(own, &taught),
        }
    }
}

impl Drawn for Taught {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.ids.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.ids.len()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let learner = pass.learner;
        let batch = learner.batch(&self.ids)?;
        let mut s = pass.session();
        let hidden = learner.model.tokens(&mut s, &batch);
        let mut values = Vec::new();
        let mut sum = 0.0;
        let mut take = |value: contexture_nn::Value, taught: &[f32], weight: f64| {
            let Loss { sum: part, mut gradients } = self.distance(value.rows(), taught);
            sum += weight * part;
            let mut seed = scaled(gradients.remove(0), pass);
            seed.as_mut_slice().iter_mut().for_each(|g| *g *= weight as f32);
            values.push((value, seed));
        };
        if self.weights.0 > 0.0 {
            let vectors = learner.model.sentences(&mut s, &hidden, &batch, &Arc::from([]));
            take(vectors, &self.sentences, self.weights.0);
        }
        if self.weights.1 > 0.0 && !self.word_lengths.is_empty() {
            let segments = Segments::from_lengths(self.word_lengths.iter().copied());
            let gather = Gather { rows: self.word_rows.as_slice().into() };
            let tokens = s.apply(gather, &[&hidden], batch.segments());
            let pool = Pool { pooling: Pooling::Mean, skip: Arc::from([]) };
            let words = s.apply(pool, &[&tokens], &segments);
            // A mean over the words, in the scale of a sum over the rows.
            let share = self.ids.len() as f64 / self.word_lengths.len() as f64;
            take(words, &self.words, self.weights.1 * share);
        }
        drop(hidden);
        let seeds = values.iter().map(|(value, seed)| (value, seed.clone())).collect();
        pass.backward(&mut s, seeds);
        Ok(sum)
    }

    fn operations(&self, model: &Model) -> f64 {
        encoder_operations(model, self.ids.iter().map(Tokens::len))
    }
}
