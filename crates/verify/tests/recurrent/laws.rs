//! What must hold for a recurrent model's vectors, whatever its weights.

use contexture::{EmbedOptions, Embedder, Layer, Levels, Record, Unit};
use contexture_verify::largest_difference;

use crate::models::{self, HIDDEN, LAYERS, WORDS, kinds};

const ALL: Levels = Levels { sentence: true, words: true, tokens: true };

/// Numbers that spread well enough to compose batches.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }
}

/// Texts of many lengths, none among them, and one of blanks.
fn texts(random: &mut Random) -> Vec<String> {
    let lengths = [0, 1, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33, 64, 90];
    let mut text = |length: usize| {
        (0..length).map(|_| WORDS[random.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    };
    let mut texts: Vec<String> = lengths.iter().map(|length| text(*length)).collect();
    texts.push("  \t ".into());
    texts
}

fn bits(values: &[f32]) -> Vec<u32> {
    assert!(values.iter().all(|v| v.is_finite()));
    values.iter().map(|v| v.to_bits()).collect()
}

/// All vectors of a record: the sentence's, the words', the tokens'.
fn all_bits(record: &Record) -> Vec<Vec<u32>> {
    let units = [&record.words, &record.tokens_detail];
    let units = units.into_iter().flat_map(|units| units.as_deref().expect("a level asked for"));
    let rows = units.map(|unit| unit.embedding.as_slice());
    std::iter::once(record.vector()).chain(rows).map(bits).collect()
}

fn embed(embedder: &Embedder, texts: &[&str], layer: Layer) -> Vec<Record> {
    let options = EmbedOptions { levels: ALL, layer, ..EmbedOptions::default() };
    embedder.embed_with(texts, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn tokens(embedder: &Embedder, text: &str, layer: Layer) -> Vec<Unit> {
    embed(embedder, &[text], layer).remove(0).tokens_detail.expect("tokens")
}

#[test]
fn every_vector_is_bitwise_the_same_in_any_batch_and_on_any_threads() {
    let mut compositions = 0;
    for kind in kinds() {
        let folder = kind.folder();
        let mut random = Random(20_261_122);
        let texts = texts(&mut random);
        let alone: Vec<_> = {
            let embedder = models::open(folder.path(), 1);
            let alone = |text: &String| all_bits(&embed(&embedder, &[text], Layer::Last)[0]);
            texts.iter().map(alone).collect()
        };
        for threads in 1..=4 {
            let embedder = models::open(folder.path(), threads);
            for round in 0..15 {
                let picked: Vec<usize> =
                    (0..1 + random.below(24)).map(|_| random.below(texts.len())).collect();
                let batch: Vec<&str> = picked.iter().map(|index| texts[*index].as_str()).collect();
                let budget_tokens = [1, 7, 64, 500, 4096][random.below(5)];
                let options =
                    EmbedOptions { levels: ALL, budget_tokens, ..EmbedOptions::default() };
                let records = embedder.embed_with(&batch, &options).unwrap();
                for (record, index) in records.iter().zip(&picked) {
                    assert!(
                        all_bits(record) == alone[*index],
                        "{}: {threads} threads, round {round}, budget {budget_tokens}, \
                         text {index}, batch {picked:?}",
                        kind.name
                    );
                }
                compositions += 1;
            }
        }
    }
    assert!(compositions >= 300, "{compositions} compositions ran");
}

#[test]
fn layers_have_their_shapes_and_the_mix_is_made_of_them() {
    let text = "ram hits sam the river bank";
    for kind in kinds() {
        let folder = kind.folder();
        let embedder = models::open(folder.path(), 2);
        let name = kind.name;
        assert_eq!(embedder.dimensions(), HIDDEN, "{name}");
        let rows = |layer: Layer| -> Vec<Vec<f32>> {
            let units = tokens(&embedder, text, layer);
            units.into_iter().map(|unit| unit.embedding).collect()
        };
        let last = rows(Layer::Last);
        let layers: Vec<_> = (0..=LAYERS).map(|number| rows(Layer::Number(number))).collect();
        for layer in &layers {
            assert_eq!(layer.len(), last.len(), "{name}");
            assert!(layer.iter().all(|row| row.len() == HIDDEN), "{name}");
        }
        let beyond = EmbedOptions { layer: Layer::Number(LAYERS + 1), ..EmbedOptions::default() };
        let error = embedder.embed_with(&[text], &beyond).unwrap_err().to_string();
        assert!(error.contains(&(LAYERS + 1).to_string()), "{name}: {error}");
        if kind.new.settings.directions() == 2 {
            // The words stand once in each direction.
            assert!(layers[0].iter().all(|row| row[..HIDDEN / 2] == row[HIDDEN / 2..]), "{name}");
        }
        // A new mix weighs all alike, so that it is the mean as well.
        let mean: Vec<f32> = (0..last.len() * HIDDEN)
            .map(|i| layers.iter().map(|rows| rows[i / HIDDEN][i % HIDDEN]).sum::<f32>())
            .map(|sum| sum / (LAYERS + 1) as f32)
            .collect();
        let mixed = rows(Layer::Mix(Vec::new()));
        let difference = largest_difference(&mixed.concat(), &mean);
        assert!(difference <= 1e-6, "{name}: {difference:e}");
        match kind.new.settings.mix {
            true => assert_eq!(last, mixed, "{name}"),
            false => assert_eq!(last, layers[LAYERS], "{name}"),
        }
        let weights = vec![0.0, 1.0, 0.0];
        assert_eq!(rows(Layer::Mix(weights)), layers[1], "{name}");
        assert_ne!(layers[1], layers[2], "{name}");
    }
}

/// Two texts that differ in one word: where in each its tokens begin and end.
struct Changed {
    before: usize,
    after: usize,
    rows: [Vec<Vec<u32>>; 2],
}

impl Changed {
    fn new(embedder: &Embedder, layer: Layer) -> Self {
        let (begin, end) = ("ram hits sam the ", " bank of money 42");
        let texts = ["river", "naïve"].map(|word| format!("{begin}{word}{end}"));
        let found = texts.each_ref().map(|text| tokens(embedder, text, layer.clone()));
        let is_before = |unit: &&Unit| unit.span.is_none_or(|span| span[1] < begin.len() + 1);
        let before = found[0].iter().take_while(is_before).count();
        let at = texts[0].len() - end.len();
        let is_after = |unit: &&Unit| unit.span.is_none_or(|span| span[0] >= at);
        let after = found[0].iter().rev().take_while(is_after).count();
        assert!(before >= 4 && after >= 4 && before + after < found[0].len());
        let rows = |units: &Vec<Unit>| units.iter().map(|unit| bits(&unit.embedding)).collect();
        Self { before, after, rows: found.each_ref().map(rows) }
    }

    /// Whether all rows before the changed word are the same in both texts, in these columns.
    fn same_before(&self, columns: std::ops::Range<usize>) -> bool {
        let [a, b] = &self.rows;
        let mut pairs = a.iter().zip(b).take(self.before);
        pairs.all(|(a, b)| a[columns.clone()] == b[columns.clone()])
    }

    /// The same of the rows after it.
    fn same_after(&self, columns: std::ops::Range<usize>) -> bool {
        let [a, b] = &self.rows;
        let mut pairs = a.iter().rev().zip(b.iter().rev()).take(self.after);
        pairs.all(|(a, b)| a[columns.clone()] == b[columns.clone()])
    }
}

/// What reads forward is blind to what follows, what reads backward to what came; only the joint
/// rows are blind to nothing.
#[test]
fn each_direction_is_blind_to_its_other_side() {
    const FIRST: std::ops::Range<usize> = 0..HIDDEN / 2;
    const SECOND: std::ops::Range<usize> = HIDDEN / 2..HIDDEN;
    for kind in kinds() {
        let folder = kind.folder();
        let embedder = models::open(folder.path(), 1);
        let name = kind.name;
        let e = &kind.new.settings;
        for layer in [Layer::Last, Layer::Number(LAYERS)] {
            let changed = Changed::new(&embedder, layer);
            if e.is_causal() {
                assert!(changed.same_before(0..HIDDEN), "{name} saw what follows");
                assert!(!changed.same_after(0..HIDDEN), "{name} forgot");
                continue;
            }
            let apart = e.keeps_sides_apart();
            assert_eq!(changed.same_before(FIRST), apart, "{name}: forward, what follows");
            assert_eq!(changed.same_after(SECOND), apart, "{name}: backward, what came");
            assert!(!changed.same_before(SECOND), "{name}: backward forgot");
            assert!(!changed.same_after(FIRST), "{name}: forward forgot");
        }
        let changed = Changed::new(&embedder, Layer::Number(0));
        let blind = changed.same_before(0..HIDDEN) && changed.same_after(0..HIDDEN);
        // Learned places come with the tokens, so a word of more tokens moves what follows.
        assert!(blind || !e.positions.is_empty(), "{name}: words know no context");
    }
}

#[test]
fn an_empty_text_works_alone_and_between_others() {
    for kind in kinds() {
        let folder = kind.folder();
        let embedder = models::open(folder.path(), 2);
        let name = kind.name;
        for texts in [&[""][..], &["", " "], &["ram hits", "", "sam"]] {
            for layer in [Layer::Last, Layer::Number(0), Layer::Mix(Vec::new())] {
                let records = embed(&embedder, texts, layer);
                assert_eq!(records.len(), texts.len(), "{name}");
                for (record, text) in records.iter().zip(texts) {
                    assert_eq!(record.vector().len(), HIDDEN, "{name}: {text:?}");
                    let tokens = record.tokens_detail.as_ref().expect("tokens").len();
                    assert_eq!(tokens, record.tokens_used, "{name}: {text:?}");
                    if !text.trim().is_empty() {
                        continue;
                    }
                    // Sub-words bring their own two markers; the encoder's are not shown.
                    assert_eq!(tokens, if kind.is_spelled() { 0 } else { 2 }, "{name}");
                    assert!(record.words.as_ref().expect("words").is_empty(), "{name}");
                    let zero = record.vector().iter().all(|v| *v == 0.0);
                    assert_eq!(zero, kind.is_spelled(), "{name}: {:?}", record.vector());
                }
            }
        }
    }
}
