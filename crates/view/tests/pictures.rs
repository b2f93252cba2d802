//! Pictures are well-formed, self-contained, the same each time, and hold whatever comes.

mod checks;

use std::collections::BTreeMap;

use checks::{NASTY, check, parse};
use contexture_view::{
    Against, CurveKind, HeldOut, Point, PositionPicture, RunCurves, curves_svg, position_page,
    position_picture, run_report,
};

fn run(name: &str, count: u64, loss: impl Fn(u64) -> f64) -> RunCurves {
    let point = |step: u64| Point {
        step,
        tokens: step * 2048,
        seconds: step as f64 * 0.4,
        loss: loss(step),
        lr: Some(1e-4 * step as f64 / count as f64),
        gradient_norm: Some(1.0 + (step % 7) as f64),
        tokens_per_s: Some(5000.0),
        peak_share: Some(0.6),
        objectives: [("mlm".to_owned(), loss(step)), (NASTY.to_owned(), 1.0)].into(),
    };
    let held = |step: u64| HeldOut {
        step,
        tokens: step * 2048,
        seconds: step as f64 * 0.4,
        values: [("loss".to_owned(), loss(step) + 0.1), ("agreement".to_owned(), 0.5)].into(),
    };
    RunCurves {
        name: name.to_owned(),
        config: Some(format!("positions = \"{NASTY}\"")),
        points: (1..=count).map(point).collect(),
        held_out: (1..=count).filter(|step| step % 100 == 0).map(held).collect(),
        notes: vec![NASTY.to_owned()],
    }
}

#[test]
fn reports_of_any_runs() {
    let fall = |step: u64| 2.0 + 8.0 / step as f64;
    let odd = |step: u64| [f64::NAN, f64::INFINITY, -3.0, 0.0][step as usize % 4];
    let sets: Vec<Vec<RunCurves>> = vec![
        vec![],
        vec![RunCurves::default()],
        vec![run("one point", 1, fall)],
        vec![run("flat", 300, |_| 2.5), run("zero", 300, |_| 0.0)],
        vec![run("odd", 500, odd), run("nothing but NaN", 200, |_| f64::NAN)],
        vec![run(NASTY, 5000, fall), RunCurves::default(), run(&"long ".repeat(60), 40, fall)],
        (0..19).map(|n| run(&format!("run {n}"), 150, fall)).collect(),
        vec![run("vast", 200, |step| 1e300 / step as f64), run("tiny", 200, |_| 1e-300)],
    ];
    for runs in &sets {
        let page = run_report(runs);
        check(&page);
        assert_eq!(page, run_report(runs), "the same runs, the same bytes");
        for against in [Against::Steps, Against::Tokens, Against::Time] {
            for kind in [CurveKind::Loss, CurveKind::HeldOut("loss".to_owned())] {
                let picture = curves_svg(runs, &kind, against);
                check(&picture);
                assert_eq!(picture, curves_svg(runs, &kind, against));
            }
        }
    }
}

#[test]
fn a_report_holds_the_final_figures_and_nothing_hidden_by_script() {
    let page = run_report(&[run("first <b>", 200, |step| 10.0 - step as f64 * 0.04)]);
    let document = parse(&page);
    let cells: Vec<String> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "td")
        .map(|n| n.text().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(cells[..4], ["200", "409,600", "1 min 20 s", "2.06"]);
    assert!(cells.contains(&"2.1".to_owned()) && cells.contains(&"60.0 %".to_owned()), "{cells:?}");
    let titles: Vec<&str> =
        document.descendants().filter_map(|n| n.attribute("aria-label")).collect();
    for title in ["Training loss", "Held-out loss", "Held-out agreement", "Gradient norm"] {
        assert!(titles.contains(&title), "{title}: {titles:?}");
    }
    let axes = document.descendants().filter(|n| n.attribute("type") == Some("radio")).count();
    assert_eq!(axes, 3);
}

#[test]
fn long_curves_are_thinned_and_the_page_says_so() {
    let long = run("long", 300_000, |step| 3.0 + (step as f64).sin());
    let page = run_report(&[long]);
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("Long curves are thinned"));
    for path in parse(&page).descendants().filter(|n| n.tag_name().name() == "path") {
        let points = path.attribute("d").unwrap().matches('L').count();
        assert!(points <= 2000, "{points}");
    }
    assert!(!run_report(&[run("short", 300, |_| 1.0)]).contains("thinned"));
}

fn table(length: usize, hidden: usize) -> Vec<f32> {
    let value = |n: usize| ((n / hidden) as f32 / (1.0 + (n % hidden) as f32)).sin();
    (0..length * hidden).map(value).collect()
}

#[test]
fn positions_of_any_kind() {
    let whole = PositionPicture {
        name: NASTY.to_owned(),
        formula: Some(format!("sin(pos) {NASTY} {}", "x".repeat(400))),
        length: 4096,
        hidden: 1030,
        table: table(4096, 1030),
        distances: (0..4096).map(|k| (k as f32).sqrt()).collect(),
        cosines: (0..4096).map(|k| (k as f32 / 9.0).cos()).collect(),
        spectrum: (1..500).map(|k| (1000.0 / k as f32, 1.0 / (k * k) as f32)).collect(),
        bias_by_head: Some((1..17).map(|h| vec![-1.0, 0.0, -(h as f32)]).collect()),
        bias_distances: Some(vec![-1, 0, 1]),
        verdict: "all positions differ ".repeat(20),
        coincide: None,
        range: (-1.0, 1.0),
    };
    let mut pictures = vec![
        PositionPicture::default(),
        PositionPicture { length: 1, hidden: 1, table: vec![0.0], ..PositionPicture::default() },
        PositionPicture { length: 9, hidden: 3, table: vec![0.0; 5], ..PositionPicture::default() },
        PositionPicture { coincide: Some((0, 628)), bias_distances: None, ..whole.clone() },
    ];
    let odd = vec![f32::NAN, f32::INFINITY, 0.0, -1.0];
    pictures.push(PositionPicture {
        length: 2,
        hidden: 2,
        distances: odd.clone(),
        cosines: vec![f32::NAN],
        spectrum: vec![(f32::NAN, 1.0), (0.0, 0.0), (2.0, f32::INFINITY), (3.0, -1.0)],
        bias_by_head: Some(vec![vec![], odd.clone()]),
        table: odd,
        ..PositionPicture::default()
    });
    pictures.push(whole);
    for picture in &pictures {
        for draw in [position_picture, position_page] {
            let drawn = draw(picture);
            check(&drawn);
            assert!(drawn.len() < 500_000, "{} bytes", drawn.len());
            assert_eq!(drawn, draw(picture));
            assert!(drawn.contains(if picture.coincide.is_some() { "✗" } else { "✓" }));
        }
    }
}

/// Noise cannot be packed: the largest file that a table gives.
#[test]
fn a_table_of_noise_stays_small() {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let picture = PositionPicture {
        length: 256,
        hidden: 256,
        table: (0..256 * 256).map(|_| noise()).collect(),
        ..PositionPicture::default()
    };
    let drawn = position_picture(&picture);
    check(&drawn);
    assert!(drawn.len() < 120_000, "{} bytes", drawn.len());
}

#[test]
fn maps_of_keys_do_not_change_the_order() {
    let values = |names: &[&str]| -> BTreeMap<String, f64> {
        names.iter().map(|name| ((*name).to_owned(), 1.0)).collect()
    };
    let held = |names: &[&str]| {
        let held = HeldOut { step: 1, values: values(names), ..HeldOut::default() };
        run_report(&[RunCurves { held_out: vec![held], ..RunCurves::default() }])
    };
    let page = held(&["zeta", "loss", "alpha"]);
    assert_eq!(page, held(&["alpha", "zeta", "loss"]));
    let at = |text: &str| page.find(text).unwrap();
    assert!(at("Held-out loss") < at("Held-out alpha"));
    assert!(at("Held-out alpha") < at("Held-out zeta"));
}
