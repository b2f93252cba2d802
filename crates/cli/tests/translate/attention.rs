//! `--attention`: one page, nothing from elsewhere, whose rows are what the model attended to.

use std::path::Path;

use crate::stage::{good, pair, records, said, translate, translate_stdin};

fn page(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a page")
}

/// Each map's shares in thousandths.
fn shares(page: &str) -> Vec<Vec<f64>> {
    let maps = page.split("data-cells=\"").skip(1);
    let numbers = |map: &str| {
        let text = map.split_once('"').expect("an end").0;
        text.split(' ').map(|share| share.parse().expect("a number")).collect()
    };
    maps.map(numbers).collect()
}

#[test]
fn the_page_shows_every_layer_and_head() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("look.html");
    let [source, target] = pair(12);
    let place = path.display().to_string();
    let run = translate(&["--attention", &place, "--json", "--scores", &source]);
    let record = records(&good(&run)).remove(0);
    assert!(said(&run).contains("attention -> "), "{}", said(&run));
    let page = page(&path);
    assert!(page.contains(&format!("<p class=\"said\">{source}</p>")));
    assert!(page.contains(&format!("→ {target}</p>")));
    let columns = record["tokens"].as_u64().expect("a number") as usize;
    let rows = record["outputs"][0]["tokens"].as_array().expect("tokens").len();
    let maps = shares(&page);
    assert_eq!(maps.len(), 2 + 2 * 2, "two layers, two heads each");
    for map in &maps {
        assert_eq!(map.len(), rows * columns);
        for row in map.chunks(columns) {
            let sum: f64 = row.iter().sum();
            assert!((sum - 1000.0).abs() <= columns as f64 / 2.0, "a row sums to {sum}");
        }
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!outside.contains(word), "{word} leads elsewhere");
    }
}

#[test]
fn of_many_texts_the_first_are_drawn_and_that_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("look.html");
    let place = path.display().to_string();
    let text: String = (0..13).map(|n| pair(n)[0].clone() + "\n").collect();
    let run = translate_stdin(&["--attention", &place, "--beam", "1"], &format!("\n{text}"));
    assert_eq!(good(&run).lines().count(), 14);
    assert!(said(&run).contains("the first 10 of 14 texts are drawn"), "{}", said(&run));
    let page = page(&path);
    assert!(page.contains("The first 10 of 14 texts are drawn."));
    assert_eq!(page.matches("<h2>Text ").count(), 10);
    assert_eq!(page.matches("There is no attention to show.").count(), 1, "the empty text");
}
