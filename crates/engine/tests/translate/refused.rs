//! What cannot be done is said, by text or at once.

use contexture_engine::translate::longest_output;
use contexture_engine::{EngineError, OpenOptions, Overflow, TranslateOptions, Translator};
use contexture_model::architectures::DecoderSettings;

use crate::tiny::{PLACES, Tiny, texts};

const LONG: &str = "w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18 w19 w20";

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let translator = Tiny::new("post-norm").open(1);
    let plain = TranslateOptions { beam: 4, ..TranslateOptions::default() };
    let with = |options: TranslateOptions| {
        let outcome = translator.translate(&["w5"], &options);
        outcome.expect_err("refused").to_string()
    };
    for (options, parts) in [
        (TranslateOptions { beam: 0, ..plain.clone() }, ["beam: found 0", "1 to 256"]),
        (TranslateOptions { beam: 257, ..plain.clone() }, ["beam: found 257", "1 to 256"]),
        (TranslateOptions { best: 5, ..plain.clone() }, ["n-best: found 5", "beam's width (4)"]),
        (TranslateOptions { best: 0, ..plain.clone() }, ["n-best: found 0", "1 to"]),
        (
            TranslateOptions { length_penalty: f32::NAN, ..plain.clone() },
            ["length penalty: found NaN", "finite"],
        ),
        (
            TranslateOptions { best: 2, overflow: Overflow::Chunk, ..plain.clone() },
            ["n-best: found 2", "split into pieces"],
        ),
        (TranslateOptions { batch_tokens: 0, ..plain.clone() }, ["batch tokens: found 0", "1"]),
        (
            TranslateOptions { max_length: Some(PLACES + 1), ..plain.clone() },
            ["max length: found 17", "1 to 16"],
        ),
        (TranslateOptions { max_length: Some(0), ..plain.clone() }, ["max length: found 0", "1"]),
        (
            TranslateOptions { longest: Some(PLACES), ..plain.clone() },
            ["longest: found 16", "1 to 15"],
        ),
        (TranslateOptions { longest: Some(0), ..plain.clone() }, ["longest: found 0", "1"]),
    ] {
        let said = with(options);
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    }
}

#[test]
fn an_encoder_alone_is_refused_by_its_name() {
    let tiny = Tiny::with("post-norm", |new| new.decoder = None);
    let options = OpenOptions { threads: 1, pull: false, ..OpenOptions::default() };
    match Translator::open(tiny.path(), &options) {
        Err(error @ EngineError::NoDecoder { .. }) => {
            let said = error.to_string();
            assert!(said.contains(&tiny.path()) && said.contains("`translation`"), "{said}");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn long_texts_are_cut_split_or_refused() {
    let translator = Tiny::new("post-norm").open(1);
    let with = |overflow| {
        let options = TranslateOptions { overflow, ..TranslateOptions::default() };
        translator.translate(&["w5 w6", LONG], &options)
    };
    let cut = with(Overflow::Truncate).expect("a cut text");
    assert!(!cut[0].truncated && cut[1].truncated);
    assert_eq!((cut[1].tokens, cut[1].tokens_used, cut[1].pieces), (18, PLACES, 1));
    let split = with(Overflow::Chunk).expect("two pieces");
    assert!(!split[1].truncated);
    assert_eq!((split[1].tokens, split[1].tokens_used, split[1].pieces), (18, 20, 2));
    let [first, second] =
        ["w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18", "w19 w20"].map(|t| {
            let found = translator.translate(&[t], &TranslateOptions::default());
            found.expect("a piece").remove(0).outputs.remove(0)
        });
    let whole = &split[1].outputs[0];
    assert_eq!(whole.text, format!("{} {}", first.text, second.text));
    assert_eq!(whole.ids, [first.ids, second.ids].concat());
    assert_eq!(whole.ended, first.ended && second.ended);
    let ends = whole.log_probabilities.len() - whole.ids.len();
    assert_eq!(ends, usize::from(second.ended), "of the ends only the last");
    let found = with(Overflow::Error);
    let Err(EngineError::TooLong { index: 1, tokens: 18, limit: PLACES }) = found else {
        panic!("{found:?}")
    };
}

#[test]
fn a_text_that_is_refused_keeps_no_other_one_back() {
    let translator = Tiny::new("post-norm").open(1);
    let options = TranslateOptions { overflow: Overflow::Error, ..TranslateOptions::default() };
    let rest = ["w5 w6", LONG, "", LONG, "w7"];
    let mut found = Vec::new();
    let mut rest_of = rest.iter();
    let next = |_| match rest_of.next() {
        Some(text) => contexture_engine::Next::Text(contexture_engine::Input {
            text: (*text).to_owned(),
            words: None,
            tag: (),
        }),
        None => contexture_engine::Next::End,
    };
    let emit = |(), result: Result<_, EngineError>| {
        found.push(result.map_err(|error| error.to_string()));
        std::ops::ControlFlow::Continue(())
    };
    translator.translate_stream(&options, next, emit).expect("a stream");
    let good = translator.translate(&["w5 w6", "", "w7"], &options).expect("those that fit");
    assert_eq!(
        [&found[0], &found[2], &found[4]],
        [&Ok(good[0].clone()), &Ok(good[1].clone()), &Ok(good[2].clone())]
    );
    for (index, result) in [(1, &found[1]), (3, &found[3])] {
        let said = result.as_ref().expect_err("too long");
        assert!(said.starts_with(&format!("text {index}: 18 tokens")), "{said}");
    }
}

#[test]
fn where_there_is_nothing_to_read_nothing_is_written() {
    let translator = Tiny::new("post-norm").open(1);
    let texts = ["", "  \t ", "\u{200b}", "w5"];
    let found = translator.translate(&texts, &TranslateOptions::default()).expect("four");
    for translation in &found[..3] {
        let output = &translation.outputs[0];
        assert_eq!((output.text.as_str(), output.ended, translation.pieces), ("", true, 0));
        assert_eq!((translation.tokens, translation.outputs.len()), (0, 1));
    }
    assert!(!found[3].outputs[0].ids.is_empty() && found[3].pieces == 1);
}

#[test]
fn outputs_come_to_their_longest_and_no_further() {
    // Nothing ends: the end is never told.
    let endless = |settings: &mut DecoderSettings| settings.never.push(settings.end);
    let tiny = Tiny::with("post-norm", |new| new.decoder.iter_mut().for_each(endless));
    let translator = tiny.open(1);
    let decoder = translator.model().decoder().expect("a decoder");
    assert_eq!(longest_output(decoder, 4), PLACES - 1);
    for (longest, expected) in [(None, PLACES - 1), (Some(3), 3), (Some(PLACES - 1), PLACES - 1)] {
        for beam in [1, 3] {
            let options = TranslateOptions { longest, beam, best: beam, ..Default::default() };
            let texts: Vec<String> = texts(6).into_iter().filter(|text| !text.is_empty()).collect();
            for translation in translator.translate(&texts, &options).expect("translations") {
                assert_eq!(translation.outputs.len(), beam);
                for output in translation.outputs {
                    assert_eq!((output.ids.len(), output.ended), (expected, false));
                    assert_eq!(output.log_probabilities.len(), expected);
                }
            }
        }
    }
}

#[test]
fn unknown_words_are_counted() {
    let translator = Tiny::new("lstm").open(1);
    let texts = ["w5 w6", "w5 nowhere w6 never"];
    let found = translator.translate(&texts, &TranslateOptions::default()).expect("two");
    assert_eq!([found[0].unknown, found[1].unknown], [0, 2]);
}

#[test]
fn weights_that_compute_no_number_are_an_error() {
    let tiny = Tiny::new("post-norm");
    let path = tiny.folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("weights");
    let values = bytes.len() - 4 * 64;
    for value in bytes[values..].chunks_exact_mut(4) {
        value.copy_from_slice(&3e38f32.to_le_bytes());
    }
    std::fs::write(&path, bytes).expect("damaged weights");
    let found = tiny.open(1).translate(&["w5"], &TranslateOptions::default());
    assert!(matches!(found, Err(EngineError::NotFinite { index: 0 })), "{found:?}");
}
