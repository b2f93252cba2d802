//! Real models against sentence-transformers (float32, CPU), on stored texts.

use contexture::{EmbedOptions, Embedder, Levels, OpenOptions, cosine};
use contexture_verify::{
    Tensor, evaluation_set, goldens, largest_difference, pretrained, skipped, tensors,
};

const BOUND: f32 = 1e-5;

fn texts() -> Vec<String> {
    let lines = std::fs::read_to_string(goldens().join("texts.jsonl")).unwrap();
    let text = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["text"].as_str().unwrap().to_string()
    };
    lines.split_terminator('\n').map(text).collect()
}

fn open(name: &str, test: &str) -> Option<Embedder> {
    let folder = pretrained(name, test)?;
    Some(
        Embedder::open_folder(&folder, &OpenOptions { threads: 2, ..OpenOptions::default() })
            .unwrap(),
    )
}

/// All texts in one call: their lengths are mixed within every batch.
fn sentences_and_tokens(name: &str, golden: &str, test: &str) {
    let Some(embedder) = open(name, test) else { return };
    let golden = tensors(&goldens().join(golden));
    let texts = texts();
    assert!(texts.len() >= 300);
    let records = embedder.embed(&texts).unwrap();
    assert_eq!(records.len(), texts.len());
    let mut worst = (0.0, 0);
    for (index, record) in records.iter().enumerate() {
        let difference = largest_difference(record.vector(), golden["sentence"].row(index));
        if difference > worst.0 {
            worst = (difference, index);
        }
        let used = golden["tokens"].values[index] as usize;
        assert_eq!(record.tokens_used, used, "tokens of text {index}: {:?}", texts[index]);
        assert_eq!(record.truncated, record.tokens > used, "text {index}");
    }
    println!("{name}: {} texts, largest difference {:e} (text {})", texts.len(), worst.0, worst.1);
    assert!(worst.0 <= BOUND, "{:e} at text {}: {:?}", worst.0, worst.1, texts[worst.1]);

    let token_texts: Vec<usize> =
        golden.keys().filter_map(|key| key.strip_prefix("token.")?.parse().ok()).collect();
    assert!(token_texts.len() >= 24);
    let options = EmbedOptions {
        levels: Levels { sentence: true, words: false, tokens: true },
        ..EmbedOptions::default()
    };
    for index in token_texts {
        let record = &embedder.embed_with(&[&texts[index]], &options).unwrap()[0];
        assert_eq!(record.vector(), records[index].vector(), "alone against in its batch");
        let expected: &Tensor = &golden[&format!("token.{index}")];
        let ours: Vec<f32> = record
            .tokens_detail
            .iter()
            .flatten()
            .flat_map(|unit| unit.embedding.iter().copied())
            .collect();
        let difference = largest_difference(&ours, &expected.values);
        // Token vectors are not of unit length: the bound is relative to their largest value.
        let scale = expected.values.iter().fold(1.0f32, |most, v| most.max(v.abs()));
        assert!(difference <= BOUND * scale, "{difference:e} in the tokens of text {index}");
    }
}

#[test]
fn minilm_equals_the_reference() {
    sentences_and_tokens("all-MiniLM-L6-v2", "minilm.safetensors", "minilm_equals_the_reference");
}

#[test]
fn mpnet_equals_the_reference() {
    sentences_and_tokens("all-mpnet-base-v2", "mpnet.safetensors", "mpnet_equals_the_reference");
}

/// Ranks with ties sharing their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    while begin < order.len() {
        let same = |at: &usize| values[order[*at]] == values[order[begin]];
        let end = (begin..order.len()).take_while(same).last().unwrap_or(begin) + 1;
        for at in begin..end {
            ranks[order[at]] = (begin + end - 1) as f64 / 2.0;
        }
        begin = end;
    }
    ranks
}

/// Spearman's correlation: Pearson's of the ranks.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() - 1) as f64 / 2.0;
    let covariance = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    covariance(&a, &b) / (covariance(&a, &a) * covariance(&b, &b)).sqrt()
}

#[test]
fn spearman_handles_ties() {
    // scipy.stats.spearmanr([1, 2, 2, 3, 5], [2, 1, 4, 4, 9]).statistic
    let found = spearman(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 1.0, 4.0, 4.0, 9.0]);
    assert!((found - 0.763_157_894_736_842).abs() < 1e-12, "{found}");
}

#[test]
fn sts_b_dev_equals_the_reference() {
    let test = "sts_b_dev_equals_the_reference";
    let Some(path) = evaluation_set("sts/stsb-dev.tsv", test) else { return };
    let golden = std::fs::read_to_string(goldens().join("sts-b-dev.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    let table = std::fs::read_to_string(path).unwrap();
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column =
        |name: &str| header.iter().position(|h| *h == name).unwrap_or_else(|| panic!("{header:?}"));
    let (score, first, second) = (column("score"), column("sentence1"), column("sentence2"));
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 1500);
    let gold: Vec<f64> = rows.iter().map(|row| row[score].parse().unwrap()).collect();
    let mut seen = 0;
    for model in ["all-MiniLM-L6-v2", "all-mpnet-base-v2"] {
        let Some(embedder) = open(model, test) else { continue };
        let embed = |column: usize| {
            embedder.embed(&rows.iter().map(|row| row[column]).collect::<Vec<_>>()).unwrap()
        };
        let cosines: Vec<f64> = embed(first)
            .iter()
            .zip(embed(second))
            .map(|(a, b)| f64::from(cosine(a.vector(), b.vector())))
            .collect();
        let ours = 100.0 * spearman(&cosines, &gold);
        let reference = golden[model].as_f64().unwrap_or_else(|| panic!("{golden}"));
        println!("{model}: STS-B dev Spearman x 100: ours {ours:.4}, reference {reference:.4}");
        assert_eq!(format!("{ours:.2}"), format!("{reference:.2}"), "{model}");
        seen += 1;
    }
    if seen == 0 {
        skipped(test, "no model is cached");
    }
}

/// The mission's own example: order changes meaning.
#[test]
fn order_is_seen() {
    let Some(embedder) = open("all-MiniLM-L6-v2", "order_is_seen") else { return };
    let records = embedder.embed(&["ram hits sam", "sam hits ram", "ram hits sam"]).unwrap();
    let swapped = cosine(records[0].vector(), records[1].vector());
    assert_eq!(records[0].vector(), records[2].vector());
    assert!((0.5..0.9999).contains(&swapped), "cosine of the swap: {swapped}");
}
