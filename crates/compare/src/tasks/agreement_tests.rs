//! Agreement's reading and templates, on real rows where they are at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::agreement::read;
use super::templates::Template;

/// A file of the shared data; `None`, with the reason printed, where it is missing.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// On every row the word that the rule calls the subject has the number that the case calls for,
/// and an article before it.
#[test]
fn templates_find_the_subject_of_every_real_row() {
    let Some(path) = shared("agreement/marvin-linzen-sample.tsv.gz") else { return };
    let table =
        contexture_evaluate::reading::Table::open(&path, true, None).expect("a table of pairs");
    let case = table.column(None, &["case"], 1, "").expect("the cases");
    let items = read(&path, 0).expect("every row is a pair");
    assert_eq!((items.len(), table.rows().len()), (9420, 9420));
    let mut distances: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for (item, row) in items.iter().zip(table.rows()) {
        let test = item.test.as_deref().expect("a test");
        let template = Template::of(test).unwrap_or_else(|| panic!("{test} has no template"));
        let place = template.subject_at(item.verb).expect("a subject");
        let words: Vec<&str> = item.sentences[0].split_whitespace().collect();
        let plural = table.cell(row, case).expect("a case").starts_with("plur_");
        assert_eq!(words[place].ends_with('s'), plural, "{test}: {}", item.sentences[0]);
        let article = words[place - 1] == "the" || words[place - 1] == "taxi";
        assert!(article, "{test}: {}", item.sentences[0]);
        if let Some(distance) = item.distance() {
            *distances.entry((test.to_owned(), distance)).or_default() += 1;
        }
    }
    let of = |test: &str, distance| distances.get(&(test.to_owned(), distance)).copied();
    assert_eq!((of("simple_agrmt", 1), of("sent_comp", 1)), (Some(140), Some(600)));
    assert_eq!((of("subj_rel", 5), of("subj_rel", 6)), (Some(546), Some(54)));
    assert_eq!(of("vp_coord", 3), None, "a coordinated verb has another cue");
}

#[test]
fn real_sentences_have_their_verb_where_it_is_said_to_be() {
    let Some(path) = shared("agreement/linzen-even.tsv.gz") else { return };
    let items = read(&path, 0).expect("every row is an item");
    assert_eq!(items.len(), 3743);
    assert!(items.iter().all(|item| item.attractors.is_some_and(|count| count < 5)));
    // Of verbs with one form only there is nothing to ask; scoring leaves them out.
    let same = items.iter().filter(|item| item.sentences[0] == item.sentences[1]).count();
    assert!(same < 40, "{same}");
    let few = read(&path, 100).expect("some items");
    assert_eq!((few.len(), &few[0], &few[50]), (100, &items[0], &items[3743 / 2]));
}

fn written(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("items.tsv");
    std::fs::write(&path, content).expect("written");
    (folder, path)
}

#[test]
fn rows_that_are_no_items_are_named() {
    let head = "sentence\tverb_index\tcorrect\twrong\n";
    for (content, wanted) in [
        (
            format!("{head}the dog barks\t1\tbarks\tbark\n"),
            "line 2: expected the word in `correct`",
        ),
        (format!("{head}the dog barks\tx\tbarks\tbark\n"), "line 2: expected a whole number"),
        (
            format!("{head}the dog barks\t9\tbarks\tbark\n"),
            "line 2: expected the word in `correct`",
        ),
        ("grammatical\tungrammatical\na b\ta b c\n".to_owned(), "differ in one word"),
        ("a\tb\n1\t2\n".to_owned(), "grammatical"),
        (head.to_owned(), "found none"),
    ] {
        let (_folder, path) = written(&content);
        let said = read(&path, 0).expect_err("no item").to_string();
        assert!(said.contains(wanted), "{said}");
    }
}
