//! What every picture owes, for all tests of this folder.

use std::collections::HashSet;

use roxmltree::{Document, ParsingOptions};

/// A text that would break a page that does not escape it.
pub(crate) const NASTY: &str =
    "<script>alert(1)</script> \"&' ]]> -- \u{0}\u{1b}\u{202e} </svg> ünï 日本";

/// The page as XML.
pub(crate) fn parse(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|e| panic!("{e}\n{text:.3000}"))
}

/// What every picture owes.
pub(crate) fn check(text: &str) {
    let document = parse(text);
    let mut ids = HashSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        if let Some(id) = node.attribute("id") {
            assert!(ids.insert(id), "the id {id} is there twice");
        }
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "src", "{name}={value}");
            assert!(name != "href" || value.starts_with("data:image/png;base64,"), "{value:.80}");
            let numbers = name == "d" || name == "x" || name == "y";
            assert!(!numbers || !value.contains("NaN") && !value.contains("inf"), "{value:.200}");
        }
        if node.tag_name().name() == "svg" && node.attribute("aria-hidden").is_none() {
            assert_eq!(node.attribute("role"), Some("img"));
            let names = node.attribute("aria-labelledby").unwrap();
            let titles = node.children().filter(|n| n.is_element()).take(2);
            let found: Vec<&str> = titles.map(|n| n.attribute("id").unwrap()).collect();
            assert_eq!(names.split(' ').collect::<Vec<_>>(), found);
        }
    }
    let scripts = document.descendants().filter(|n| n.tag_name().name() == "script").count();
    assert!(scripts <= 1, "{scripts} scripts");
    let outside = text.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "@import", "url(", "//cdn", "javascript:"] {
        assert!(!outside.contains(word), "{word} leads elsewhere");
    }
    inside_its_box(&document);
}

/// Every curve and every text begins within its picture.
fn inside_its_box(document: &Document) {
    for svg in document.descendants().filter(|n| n.has_attribute("viewBox")) {
        let view: Vec<f64> =
            svg.attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        for path in svg.descendants().filter(|n| n.tag_name().name() == "path") {
            let numbers = path.attribute("d").unwrap().split(['M', 'L', 'H', 'V', 'h', ' ']);
            for number in numbers.filter(|n| !n.is_empty()) {
                let number: f64 = number.parse().unwrap();
                assert!((0.0..=view[2].max(view[3])).contains(&number), "{number} in {view:?}");
            }
        }
        for text in svg.descendants().filter(|n| n.tag_name().name() == "text") {
            let place = |axis| text.attribute(axis).unwrap().parse::<f64>().unwrap();
            assert!((0.0..=view[2]).contains(&place("x")), "{:?}", text.text());
            assert!((0.0..=view[3]).contains(&place("y")), "{:?}", text.text());
        }
    }
}
