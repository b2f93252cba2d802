//! The whole recipe on a small folder: the same bytes again, and nothing that is held out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Three sentences of a treebank, over and over: enough to see nouns, verbs and their subjects.
const TREEBANK: &str = "the\tDET\tthe\t2\tdet\ndog\tNOUN\tdog\t3\tnsubj\nchased\tVERB\tchase\t0\troot\n\
    the\tDET\tthe\t5\tdet\ncat\tNOUN\tcat\t3\tobj\n.\tPUNCT\t.\t3\tpunct\n\n\
    Tom\tPROPN\tTom\t2\tnsubj\nsaw\tVERB\tsee\t0\troot\nMary\tPROPN\tMary\t2\tobj\nin\tADP\tin\t5\tcase\n\
    Paris\tPROPN\tParis\t2\tobl\n.\tPUNCT\t.\t2\tpunct\n\n";

fn gzip(path: &Path, text: &str) {
    use std::io::Write;
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let file = fs::File::create(path).expect("created");
    if path.extension().is_some_and(|ending| ending == "gz") {
        let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        out.write_all(text.as_bytes()).expect("written");
        out.finish().expect("finished");
    } else {
        fs::write(path, text).expect("written");
    }
}

fn data(folder: &Path) {
    let empty = ["sts/stsb-dev.tsv", "sts/stsb-train.tsv", "sts/sts12-test.tsv"];
    let more = ["paws/paws-wiki-dev.tsv.gz", "wic/wic-dev.tsv", "wic/wic-train.tsv"];
    let rest = ["retrieval/cranfield/corpus.jsonl.gz", "retrieval/cranfield/queries.jsonl"];
    let dev =
        ["mt/tatoeba-dev.en-de.tsv", "mt/tatoeba-dev.en-fr.tsv", "pairs/wikisplit-tune.tsv.gz"];
    for name in empty.iter().chain(&more).chain(&rest).chain(&dev) {
        gzip(&folder.join(name), "");
    }
    let held = "score\tsentence1\tsentence2\n5\tThe wolf chased the fox.\tA held text.\n";
    gzip(&folder.join("sts/sick-train-trial.tsv"), held);
    let german = "The dog chased the cat.\tDer Hund jagte die Katze.\nThe cat was chased by the \
                  dog.\tDer Hund jagte die Katze.\nThe wolf chased the fox!\tEin Wolf.\n\
                  Tom saw the dog.\tTom sah den Hund.\n";
    gzip(&folder.join("mt/tatoeba-train.en-de.tsv.gz"), german);
    gzip(
        &folder.join("mt/tatoeba-train.en-fr.tsv.gz"),
        "Tom saw Mary in Paris.\tTom a vu Marie.\n",
    );
    let glosses = "pos\tlemmas\tgloss\nverb\tchase; pursue\tgo after; \"he chased the bus\"\n\
                   verb\tsee\tperceive by sight\n";
    gzip(&folder.join("text/wordnet31-glosses.tsv.gz"), glosses);
    let article = "{\"title\": \"Dog\", \"topic\": \"x\", \"text\": \"The dog is an animal. It barks at night.\"}\n";
    gzip(&folder.join("text/wikipedia-vital-summaries.jsonl.gz"), article);
    let split = "The dog barked and the cat ran .\tThe dog barked .\tThe cat ran .\n";
    gzip(&folder.join("pairs/wikisplit-validation.tsv.gz"), split);
    gzip(&folder.join("text/gutenberg/book.txt.gz"), "It was a dark night, and the dog slept.\n");
    gzip(&folder.join("tagging/ud-ewt-train.tsv.gz"), &TREEBANK.repeat(20));
    gzip(&folder.join("tagging/ud-ewt-dev.tsv.gz"), TREEBANK);
}

fn run(data: &Path, out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contexture-recipe"));
    command.args([data, out]).output().expect("the recipe starts")
}

#[test]
fn the_same_data_give_the_same_bytes_and_nothing_that_is_held_out() {
    let place = tempfile::tempdir().expect("a folder");
    let (sources, one, two) =
        (place.path().join("data"), place.path().join("one"), place.path().join("two"));
    data(&sources);
    for out in [&one, &two] {
        let done = run(&sources, out);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).expect("a file");
    for name in ["texts.jsonl", "pairs.jsonl", "swaps.jsonl"] {
        assert_eq!(read(&one, name), read(&two, name), "{name}");
        assert!(!read(&one, name).contains("wolf"), "{name} holds a text of an evaluation set");
        assert!(read(&one, name).lines().count() >= 3, "{name} is too short");
    }
    assert!(read(&one, "pairs.jsonl").contains("\"The cat was chased by the dog.\""));
    let swaps = read(&one, "swaps.jsonl");
    assert!(swaps.contains("\"negative\":\"The cat chased the dog.\""), "{swaps}");
    assert_eq!(fs::read_dir(&one).expect("listed").count(), 3, "no partial file is left");
}

#[test]
fn what_is_wrong_is_named_by_file_and_line() {
    let place = tempfile::tempdir().expect("a folder");
    let (sources, out) = (place.path().join("data"), place.path().join("out"));
    data(&sources);
    gzip(&sources.join("mt/tatoeba-train.en-fr.tsv.gz"), "a\tb\nno tab\n");
    let said = String::from_utf8_lossy(&run(&sources, &out).stderr).into_owned();
    assert!(said.contains("tatoeba-train.en-fr.tsv.gz:2"), "{said}");
    assert!(said.contains("found 1 tab-separated fields, expected 2"), "{said}");
    fs::remove_file(sources.join("wic/wic-dev.tsv")).expect("removed");
    let said = String::from_utf8_lossy(&run(&sources, &out).stderr).into_owned();
    assert!(said.contains("wic-dev.tsv: cannot be opened; see --help"), "{said}");
}
