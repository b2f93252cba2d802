//! Pages of attention: well-formed, self-contained, and what they say is what they were given.

mod checks;

use checks::{NASTY, check, parse};
use contexture_view::{AttentionPicture, attention_page};

/// Rows that sum to 1, the more of it near the diagonal.
fn picture(rows: usize, columns: usize, layers: usize, heads: usize) -> AttentionPicture {
    let map = |sharp: usize| -> Vec<f32> {
        let row = |row: usize| {
            let weight = move |column: usize| 1.0 / (1.0 + (sharp * row.abs_diff(column)) as f32);
            let sum: f32 = (0..columns).map(weight).sum();
            (0..columns).map(move |column| weight(column) / sum)
        };
        (0..rows).flat_map(row).collect()
    };
    AttentionPicture {
        text: format!("{NASTY} text"),
        output: format!("output {NASTY}"),
        source: (0..columns).map(|n| format!("s{n}")).collect(),
        target: (0..rows).map(|n| format!("▁target-{n}")).collect(),
        layers: (0..layers).map(|l| (0..heads).map(|h| map(1 + l + h)).collect()).collect(),
    }
}

#[test]
fn pages_of_any_attention() {
    let nasty = AttentionPicture {
        source: vec![NASTY.into(), "日本語".repeat(30), String::new()],
        target: vec![NASTY.into(), "x".repeat(5000)],
        ..picture(2, 3, 2, 2)
    };
    let odd = AttentionPicture {
        layers: vec![vec![vec![f32::NAN, f32::INFINITY, -1.0, 0.0, 2.0, 1e-30]]],
        ..picture(2, 3, 1, 1)
    };
    let uneven = AttentionPicture { layers: vec![vec![vec![1.0; 5]]], ..picture(2, 3, 1, 1) };
    let sets: Vec<Vec<AttentionPicture>> = vec![
        vec![],
        vec![AttentionPicture::default(), uneven],
        vec![nasty, odd, picture(1, 1, 1, 1)],
        vec![picture(7, 9, 6, 8)],
        vec![picture(300, 512, 2, 1)],
    ];
    for set in &sets {
        let page = attention_page(NASTY, &[NASTY.to_owned()], set);
        check(&page);
        assert_eq!(page, attention_page(NASTY, &[NASTY.to_owned()], set));
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
        assert_eq!(page.matches("<h2>Text ").count(), set.len());
    }
}

#[test]
fn every_layer_and_head_is_drawn_and_said() {
    let page = attention_page("tiny", &[], &[picture(4, 5, 2, 3), picture(3, 2, 1, 1)]);
    let document = parse(&page);
    let maps: Vec<_> = document.descendants().filter(|n| n.has_attribute("data-cells")).collect();
    assert_eq!(maps.len(), 2 + 2 * 3 + 1, "a mean for each layer, a map for each head");
    for map in &maps {
        let section = map.ancestors().find(|n| n.tag_name().name() == "section").expect("one");
        let names = |axis: &str| -> Vec<String> {
            serde_json::from_str(section.attribute(axis).expect(axis)).expect("names")
        };
        let (rows, columns) = (names("data-rows"), names("data-columns"));
        let shares: Vec<f64> = map
            .attribute("data-cells")
            .expect("shares")
            .split(' ')
            .map(|share| share.parse().expect("a number"))
            .collect();
        assert_eq!(shares.len(), rows.len() * columns.len());
        for row in shares.chunks(columns.len()) {
            let sum: f64 = row.iter().sum();
            assert!((sum - 1000.0).abs() <= columns.len() as f64 / 2.0, "{sum} thousandths");
        }
        let texts: Vec<&str> = map.descendants().filter_map(|n| n.text()).collect();
        assert!(rows.iter().chain(&columns).all(|name| texts.contains(&name.as_str())));
        assert!(map.descendants().any(|n| n.tag_name().name() == "image"));
    }
    let headings: Vec<&str> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "summary")
        .filter_map(|n| n.text())
        .collect();
    assert_eq!(
        headings,
        [
            "Layer 1, head by head",
            "Layer 2, head by head",
            "Layer 1 in numbers",
            "Layer 2 in numbers",
            "Layer 1 in numbers",
        ]
    );
    let described = maps[0].children().find(|n| n.tag_name().name() == "desc").expect("one");
    let said = described.text().expect("words");
    assert!(said.contains("▁target-0 ← s0 0."), "{said}");
}

#[test]
fn what_is_too_large_for_numbers_says_so() {
    let page = attention_page("tiny", &[], &[picture(80, 90, 1, 2)]);
    assert!(page.contains("80 × 90 tokens: too many for numbers"), "{page:.3000}");
    assert!(!page.contains("data-cells=") && !page.contains("in numbers"));
    assert!(page.contains("<image "));
}
