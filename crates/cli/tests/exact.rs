//! A text's vector is bitwise the same from the command and the library, on any number of threads.

use contexture::quantize::{Ranges, binary};
use contexture::{EmbedOptions, Embedder, Levels, OpenOptions};

mod stage;
use stage::{command, embed, floats, good, lines, model, vectors};

fn texts() -> Vec<String> {
    let words = ["ram", "hits", "sam", "漢字", "e\u{301}", "naïve", "🙂", "x"];
    (0..150)
        .map(|n| (0..n % 23).map(|k| words[(n * 7 + k * 3) % 8]).collect::<Vec<_>>().join(" "))
        .collect()
}

fn bits(vectors: &[Vec<f32>]) -> Vec<Vec<u32>> {
    vectors.iter().map(|vector| vector.iter().map(|value| value.to_bits()).collect()).collect()
}

#[test]
fn command_and_library_agree_to_the_bit_on_any_threads() {
    for family in ["bert", "roberta", "modernbert", "jina_bert_v2", "mpnet"] {
        let open = OpenOptions { threads: 2, ..OpenOptions::default() };
        let embedder = Embedder::open_folder(&model(family), &open).expect("a model");
        let records = embedder.embed(&texts()).expect("records");
        let library: Vec<Vec<f32>> = records.iter().map(|r| r.vector().to_vec()).collect();
        for threads in ["1", "2", "3", "4", "8"] {
            let mut run = command();
            run.args(["embed", "-q", "--threads", threads, "--model"]).arg(model(family));
            run.arg("--").args(texts());
            let found = vectors(&good(run.output().expect("the command starts")));
            assert!(bits(&found) == bits(&library), "{family} on {threads} threads");
        }
        let alone = embedder.embed(&["ram hits sam"]).expect("a record");
        let mut run = command();
        run.args(["embed", "ram hits sam", "--model"]).arg(model(family));
        let found = vectors(&good(run.output().expect("the command starts")));
        assert_eq!(bits(&found), bits(&[alone[0].vector().to_vec()]), "{family} alone");
    }
}

#[test]
fn finer_levels_agree_to_the_bit() {
    let embedder = Embedder::open_folder(&model("bert"), &OpenOptions::default()).expect("a model");
    let levels = Levels { sentence: true, words: true, tokens: true };
    let options = EmbedOptions { levels, ..EmbedOptions::default() };
    let text = "The bank of the river";
    let record = &embedder.embed_with(&[text], &options).expect("a record")[0];
    let found = &lines(&good(embed(&["--level", "sentence,word,token", text])))[0];
    assert_eq!(floats(&found["embedding"]), record.vector());
    for (key, units) in [("words", &record.words), ("tokens", &record.tokens_detail)] {
        let units = units.as_deref().expect("units");
        let found = found[key].as_array().expect("an array");
        assert_eq!(found.len(), units.len());
        for (found, unit) in found.iter().zip(units) {
            assert_eq!(found["text"], unit.text.as_str());
            assert_eq!(floats(&found["embedding"]), unit.embedding, "{key} {}", unit.text);
        }
    }
}

#[test]
fn precisions_are_those_of_the_library() {
    let embedder = Embedder::open_folder(&model("bert"), &OpenOptions::default()).expect("a model");
    let texts = ["ram hits sam", "sam hits ram", "漢字"];
    let records = embedder.embed(&texts).expect("records");
    let ranges = Ranges::of(records.iter().map(|r| r.vector())).expect("ranges");
    let bytes = |precision: &str| -> Vec<Vec<i8>> {
        let mut arguments = vec!["--precision", precision];
        arguments.extend(texts);
        let found = lines(&good(embed(&arguments)));
        found
            .iter()
            .map(|record| serde_json::from_value(record["embedding"].clone()).expect("bytes"))
            .collect()
    };
    for ((int8, bit), record) in bytes("int8").iter().zip(bytes("binary")).zip(&records) {
        assert_eq!(*int8, ranges.int8(record.vector()));
        assert_eq!(bit, binary(record.vector()));
    }
}

#[test]
fn given_ranges_are_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ranges.json");
    let ranges = serde_json::json!({ "min": vec![-1.0; 48], "max": vec![1.0; 48] });
    std::fs::write(&path, ranges.to_string()).expect("written");
    let name = path.display().to_string();
    let arguments = ["--precision", "int8", "--int8-ranges", &name, "ram"];
    let found = &lines(&good(embed(&arguments)))[0];
    let plain = vectors(&good(embed(&["ram"])));
    let wide = Ranges { min: vec![-1.0; 48], max: vec![1.0; 48] };
    let found: Vec<i8> = serde_json::from_value(found["embedding"].clone()).expect("bytes");
    assert_eq!(found, wide.int8(&plain[0]));
}
