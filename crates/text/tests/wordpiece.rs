//! The fast WordPiece path gives the ids and spans of the `tokenizers` crate, on everything.

#[path = "small/files.rs"]
mod small;

use contexture_text::Tokenizer;
use proptest::prelude::*;
use serde_json::Value;
use small::{Seeded, Switches, bert_processing, open, roberta_processing, template, wordpiece};

fn pair(file: &Value) -> (Tokenizer, tokenizers::Tokenizer) {
    let text = file.to_string();
    let ours = open(&text).unwrap();
    assert!(ours.is_fast(), "{file}");
    let mut reference: tokenizers::Tokenizer = text.parse().unwrap();
    reference.with_truncation(None).unwrap();
    reference.with_padding(None);
    (ours, reference)
}

/// The reference counts characters but moves spans by bytes when it trims them.
fn on_boundaries(text: &str, (start, end): (usize, usize)) -> [usize; 2] {
    let end = text.ceil_char_boundary(end.min(text.len()));
    [text.floor_char_boundary(start.min(end)), end]
}

fn compare(ours: &Tokenizer, reference: &tokenizers::Tokenizer, text: &str) {
    let encoding = ours.encode(text).unwrap();
    let expected = reference.encode(text, true).unwrap();
    assert_eq!(encoding.ids, expected.get_ids(), "{text:?}");
    for (k, offsets) in expected.get_offsets().iter().enumerate() {
        let special = k < encoding.prefix || k >= encoding.len() - encoding.suffix;
        let span = (!special).then(|| on_boundaries(text, *offsets));
        assert_eq!(encoding.spans[k], span, "token {k} of {text:?}");
    }
}

fn all_switches() -> Vec<Switches> {
    let mut all = Vec::new();
    for bits in 0..8u8 {
        for accents in [None, Some(false), Some(true)] {
            all.push((bits & 1 != 0, bits & 2 != 0, accents, bits & 4 != 0));
        }
    }
    all
}

#[test]
fn hostile_fragments_in_all_settings() {
    let mut compared = 0;
    for (k, switches) in all_switches().into_iter().enumerate() {
        let posts = [bert_processing(), template(), Value::Null, roberta_processing(k % 2 == 0)];
        for (n, post) in posts.into_iter().enumerate() {
            let mut file = wordpiece(switches, post);
            if n == 1 {
                file["added_tokens"].as_array_mut().unwrap().retain(|t| t["normalized"] == false);
                let size = file["model"]["vocab"].as_object().unwrap().len();
                file["added_tokens"][4]["id"] = size.into();
            }
            // The sign for a blank in the vocabulary would need the slow path with trimming.
            let (ours, reference) = pair(&file);
            let mut seeded = Seeded((k * 10 + n) as u64);
            for _ in 0..250 {
                let text = seeded.text();
                compare(&ours, &reference, &text);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24 * 4 * 250);
}

#[test]
fn every_character_alone_and_in_a_word() {
    for switches in [(true, true, None, true), (false, false, Some(false), false)] {
        let (ours, reference) = pair(&wordpiece(switches, bert_processing()));
        for block in 0..0x1100u32 {
            if (0x40..0xe0).contains(&block) && block % 8 != 0 || block > 0x320 && block < 0xe00 {
                continue;
            }
            let mut text = String::new();
            for c in (block << 8..(block << 8) + 256).filter_map(char::from_u32) {
                text.extend([' ', c, ' ', 'a', c, 'e']);
            }
            compare(&ours, &reference, &text);
        }
    }
}

#[test]
fn small_limits_and_odd_prefixes() {
    for (limit, prefix) in [(0, "##"), (1, "##"), (3, ""), (5, "t"), (100, "")] {
        let mut file = wordpiece((true, true, None, true), bert_processing());
        file["model"]["max_input_chars_per_word"] = limit.into();
        file["model"]["continuing_subword_prefix"] = prefix.into();
        let (ours, reference) = pair(&file);
        let mut seeded = Seeded(limit);
        for _ in 0..400 {
            compare(&ours, &reference, &seeded.text());
        }
    }
}

#[test]
fn decoding_and_names() {
    let (ours, reference) = pair(&wordpiece((true, true, None, true), template()));
    let mut seeded = Seeded(5);
    assert_eq!(ours.vocabulary_size(), reference.get_vocab_size(true));
    for _ in 0..500 {
        let ids = ours.encode(&seeded.text()).unwrap().ids;
        assert_eq!(ours.decode(&ids, false).unwrap(), reference.decode(&ids, false).unwrap());
        for id in ids {
            assert_eq!(
                ours.token(id).unwrap(),
                reference
                    .get_added_tokens_decoder()
                    .get(&id)
                    .map_or_else(|| reference.id_to_token(id).unwrap(), |t| t.content.clone())
            );
        }
    }
    assert_eq!(ours.special().cls, Some(2));
    assert_eq!(ours.special().mask, Some(4));
    assert_eq!(ours.token(u32::MAX), None);
}

#[test]
fn files_that_are_not_quite_bert_take_the_other_path() {
    let base = || wordpiece((true, true, None, true), bert_processing());
    let changes: [fn(&mut Value); 6] = [
        |f| f["added_tokens"][0]["single_word"] = true.into(),
        |f| f["normalizer"] = serde_json::json!({"type": "Lowercase"}),
        |f| f["pre_tokenizer"] = serde_json::json!({"type": "Whitespace"}),
        |f| f["model"]["vocab"]["far"] = 40_000_000.into(),
        |f| f["model"]["unk_token"] = "absent".into(),
        |f| f["decoder"] = serde_json::json!({"type": "Fuse"}),
    ];
    for change in changes {
        let mut file = base();
        change(&mut file);
        let ours = open(&file.to_string()).unwrap();
        assert!(!ours.is_fast());
        let mut reference: tokenizers::Tokenizer = file.to_string().parse().unwrap();
        reference.with_truncation(None).unwrap();
        reference.with_padding(None);
        assert_eq!(
            ours.encode("tokens a").unwrap().ids,
            reference.encode("tokens a", true).unwrap().get_ids()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_string_at_all(text in any::<String>()) {
        let (ours, reference) = pair(&wordpiece((true, true, None, true), bert_processing()));
        compare(&ours, &reference, &text);
    }
}
