//! Ids equal to the Python reference on 20,000 real and hostile strings, for every tokenizer
//! type, and laws that the spans obey on all of them. Goldens: `goldens/README.md`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use contexture_text::{Encoding, Overflow, Tokenizer, align, words};
use contexture_verify::{goldens, pretrained};
use flate2::read::GzDecoder;
use serde::Deserialize;

fn unpacked(name: &str) -> GzDecoder<File> {
    GzDecoder::new(File::open(goldens().join(name)).expect(name))
}

#[derive(Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
}

fn texts() -> Vec<Golden> {
    BufReader::new(unpacked("tokenizer-ids.jsonl.gz"))
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

#[derive(Deserialize)]
struct Families {
    indices: Vec<usize>,
    families: BTreeMap<String, Family>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Family {
    Ids(Vec<Vec<u32>>),
    /// The family with the same tokenizer.
    As(String),
}

fn check_spans(text: &str, encoding: &Encoding) {
    assert_eq!(encoding.ids.len(), encoding.spans.len(), "{text:?}");
    let mut before = 0;
    for span in encoding.spans.iter().flatten() {
        assert!(text.get(span[0]..span[1]).is_some(), "{span:?} in {text:?}");
        assert!(span[0] >= before, "{span:?} after {before} in {text:?}");
        before = span[0];
    }
    for ([start, end], [first, last]) in
        words(text).into_iter().zip(align(text, &words(text), &encoding.spans))
    {
        for span in encoding.spans[first..last].iter().flatten() {
            assert!(span[0] < end && span[1] > start, "{span:?} outside a word of {text:?}");
        }
    }
}

fn check_pieces(text: &str, encoding: &Encoding, max_length: usize) {
    let tokens = encoding.len();
    let body = |ids: &[u32], e: &Encoding| ids[e.prefix..ids.len() - e.suffix].to_vec();
    let cut = encoding.clone().fit(text, max_length, Overflow::Truncate).unwrap();
    let kept = tokens.min(max_length);
    assert_eq!(cut.len(), 1);
    assert_eq!((cut[0].tokens, cut[0].tokens_used), (tokens, kept));
    assert_eq!(cut[0].truncated, tokens > max_length);
    let whole = body(&encoding.ids, encoding);
    assert_eq!(body(&cut[0].ids, encoding), whole[..kept - encoding.prefix - encoding.suffix]);
    let chunks = encoding.clone().fit(text, max_length, Overflow::Chunk).unwrap();
    let joined: Vec<u32> = chunks.iter().flat_map(|c| body(&c.ids, encoding)).collect();
    assert_eq!(joined, whole);
    for (k, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.chunk, k);
        assert!(chunk.ids.len() <= max_length && !chunk.truncated);
        assert!(text.get(chunk.span[0]..chunk.span[1]).is_some());
        for span in chunk.spans.iter().flatten() {
            assert!(chunk.span[0] <= span[0] && span[1] <= chunk.span[1], "{chunk:?}");
        }
    }
}

#[test]
fn minilm_ids_equal_the_reference() {
    let Some(folder) = pretrained("all-MiniLM-L6-v2", "minilm_ids_equal_the_reference") else {
        return;
    };
    let tokenizer = Tokenizer::open(&folder).unwrap();
    assert!(tokenizer.is_fast());
    let texts = texts();
    assert!(texts.len() >= 20_000, "{} texts", texts.len());
    for golden in &texts {
        let encoding = tokenizer.encode(&golden.text).unwrap();
        assert_eq!(encoding.ids, golden.ids, "{:?}", golden.text);
        check_spans(&golden.text, &encoding);
        check_pieces(&golden.text, &encoding, 16);
    }
}

#[test]
fn family_ids_equal_the_reference() {
    let texts = texts();
    let mut packed = String::new();
    unpacked("tokenizer-ids-families.json.gz").read_to_string(&mut packed).unwrap();
    let families: Families = serde_json::from_str(&packed).unwrap();
    assert!(families.families.len() >= 4);
    let mut fast = 0;
    for (name, family) in &families.families {
        let all = match family {
            Family::Ids(all) => all,
            Family::As(other) => match &families.families[other] {
                Family::Ids(all) => all,
                Family::As(_) => panic!("{name} leads to {other}, which holds no ids"),
            },
        };
        let tokenizer = Tokenizer::open(&goldens().join("families").join(name)).unwrap();
        fast += usize::from(tokenizer.is_fast());
        assert_eq!(all.len(), families.indices.len());
        for (index, ids) in families.indices.iter().zip(all) {
            let text = &texts[*index].text;
            let encoding = tokenizer.encode(text).unwrap();
            assert_eq!(&encoding.ids, ids, "{name}: {text:?}");
            check_spans(text, &encoding);
            check_pieces(text, &encoding, 9);
        }
    }
    assert!(fast > 0 && fast < families.families.len(), "{fast} on the fast path");
}
