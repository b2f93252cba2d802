//! The page of a comparison is well-formed, self-contained, the same each time, holds whatever
//! comes, and draws what it says.

mod checks;

use checks::{NASTY, check, parse};
use contexture_view::{
    ComparedModel, ComparedRun, ComparisonPage, Cost, CostPoint, LearningCurve, LearningPoint,
    PowerLaw, TaskCell, TaskPanel, TaskSection, TaskSeries, Varied, comparison_figures,
    comparison_page,
};

fn model(name: &str, seeds: u64) -> ComparedModel {
    let run = |seed| ComparedRun {
        seed,
        steps: 2000,
        tokens: 4_000_000,
        seconds: 300.0 + seed as f64,
        held_out: Some(3.5),
    };
    ComparedModel {
        name: name.to_owned(),
        aggregator: "attention".to_owned(),
        parameters: 3_214_567,
        word_parameters: 1_000_000,
        layers: 4,
        hidden: 128,
        runs: (1..=seeds).map(run).collect(),
    }
}

fn panel(ordered: bool, models: usize) -> TaskPanel {
    let bins: Vec<String> = (0..5).map(|bin| format!("{bin} {}", NASTY.repeat(bin % 2))).collect();
    let series = |number: usize| TaskSeries {
        name: format!("model {number}"),
        model: number,
        cells: (0..5)
            .map(|bin| {
                let value = 0.5 + 0.08 * (bin + number) as f64 / 2.0;
                let interval = (bin != 1).then_some([value - 0.05, value + 0.04]);
                (bin != 3).then_some(TaskCell { value, interval, items: 100 * bin })
            })
            .collect(),
    };
    TaskPanel {
        title: "By attractors".to_owned(),
        measure: "right".to_owned(),
        along: "attractors".to_owned(),
        ordered,
        percent: true,
        bins,
        level: Some((0.5, "chance".to_owned())),
        series: (0..models).map(series).collect(),
        differences: vec![series(0)],
    }
}

fn comparison(models: usize, time: impl Fn(usize, usize) -> f64) -> ComparisonPage {
    let mut page = ComparisonPage {
        title: "Attention, LSTM, bag".to_owned(),
        facts: vec!["All saw 4,000,000 tokens.".to_owned(), NASTY.to_owned()],
        models: (0..models).map(|n| model(&format!("model {n}"), 2)).collect(),
        notes: vec![NASTY.to_owned()],
        config: Some(NASTY.to_owned()),
        ..ComparisonPage::default()
    };
    for number in 0..models {
        for seed in 1..=2 {
            let point = |step: u64| LearningPoint {
                step,
                tokens: step * 2048,
                seconds: step as f64 * 0.1,
                loss: 4.0 + 3.0 / step as f64,
            };
            let points = (1..40).map(point).collect();
            page.curves.push(LearningCurve { model: number, seed, points });
        }
        for (cost, threads) in [(Cost::Inference, 1), (Cost::Inference, 2), (Cost::Training, 1)] {
            for power in 4..=12 {
                let length = 1 << power;
                page.costs.push(cost_point(number, cost, threads, Varied::Length, length, &time));
            }
            for depth in [1, 2, 4, 8] {
                page.costs.push(cost_point(number, cost, threads, Varied::Depth, depth, &time));
            }
            let (model, varied, interval) = (number, Varied::Length, Some([0.9, 1.1]));
            let (exponent, from, to) = (1.0, 256, 4096);
            page.laws.push(PowerLaw { model, cost, threads, varied, exponent, interval, from, to });
        }
    }
    let panels = vec![panel(true, models), panel(false, models)];
    let title = NASTY.to_owned();
    page.tasks = vec![TaskSection { title, text: NASTY.to_owned(), panels }];
    page
}

fn cost_point(
    model: usize,
    cost: Cost,
    threads: usize,
    varied: Varied,
    size: usize,
    time: impl Fn(usize, usize) -> f64,
) -> CostPoint {
    let (length, depth) = if varied == Varied::Length { (size, 4) } else { (128, size) };
    let seconds_per_token = time(model, size);
    let seconds_per_step = 4096.0 * seconds_per_token;
    CostPoint { model, cost, threads, varied, length, depth, seconds_per_step, seconds_per_token }
}

#[test]
fn pages_of_any_comparison() {
    let grow = |model: usize, size: usize| 1e-6 * (model + 1) as f64 * size as f64;
    let odd = |_: usize, size: usize| [f64::NAN, 0.0, -1.0, f64::INFINITY, 1e-6][size % 5];
    let mut strange = comparison(2, odd);
    strange.curves[0].points = vec![LearningPoint { loss: f64::NAN, ..LearningPoint::default() }];
    strange.curves[1].model = 77;
    strange.costs[0].model = 99;
    strange.laws[0].exponent = f64::NAN;
    strange.laws[1].from = 0;
    strange.tasks[0].panels[0].series[0].cells = vec![
        Some(TaskCell { value: f64::NAN, interval: Some([f64::NAN, f64::INFINITY]), items: 0 }),
        Some(TaskCell { value: 1e300, interval: Some([-1e300, 1e300]), items: 1 }),
    ];
    strange.tasks[0].panels[1] = strange.tasks[0].panels[0].clone();
    strange.tasks[0].panels[1].ordered = false;
    strange.tasks.push(TaskSection { panels: vec![TaskPanel::default()], ..Default::default() });
    strange.models[0].name = NASTY.to_owned();
    strange.models[1].runs.clear();
    for page in [
        ComparisonPage::default(),
        comparison(1, grow),
        comparison(3, grow),
        comparison(19, grow),
        strange,
    ] {
        let drawn = comparison_page(&page);
        check(&drawn);
        assert_eq!(drawn, comparison_page(&page), "the same comparison, the same bytes");
        let figures = comparison_figures(&page);
        let mut names: Vec<&String> = figures.iter().map(|(name, _)| name).collect();
        for (name, drawn) in &figures {
            check(drawn);
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), figures.len());
    }
}

#[test]
fn a_page_holds_its_numbers_without_script() {
    let page = comparison(3, |model, size| 1e-6 * (model + 1) as f64 * size as f64);
    let drawn = comparison_page(&page);
    let document = parse(&drawn);
    let cells: Vec<&str> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "td")
        .filter_map(|n| n.text())
        .collect();
    for wanted in ["4,000,000", "5 min 1 s", "1 [0.9, 1.1]", "50.0 [45.0, 54.0]", "256 / 1,049"] {
        assert!(cells.contains(&wanted), "{wanted}: {cells:?}");
    }
    let titles: Vec<&str> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "h2")
        .filter_map(|n| n.text())
        .collect();
    let order = ["What was compared", "What they learned", "What a token costs as sequences grow"];
    assert_eq!(titles[..3], order);
    assert_eq!(titles[5], "What this does not show");
}

/// Points on a power law lie on the line that is drawn for it.
#[test]
fn a_fitted_line_goes_through_points_that_obey_its_law() {
    let mut page = comparison(1, |_, size| 3e-7 * (size as f64).powf(0.5));
    page.laws.iter_mut().for_each(|law| law.exponent = 0.5);
    let drawn = comparison_page(&page);
    let document = parse(&drawn);
    let numbers = |path: &str| -> Vec<f64> {
        let parts = path.split(['M', 'L', 'h', ' ']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap()).collect()
    };
    let plot = document
        .descendants()
        .find(|n| n.attribute("aria-labelledby").is_some_and(|id| id.starts_with("length-0")))
        .unwrap();
    let path = |class: &str| {
        let mut all = plot.descendants().filter(|n| n.tag_name().name() == "path");
        let found = all.find(|n| n.attribute("class") == Some(class)).unwrap();
        numbers(found.attribute("d").unwrap())
    };
    let (line, points) = (path("fit c0"), path("unseen c0"));
    let steep = (line[3] - line[1]) / (line[2] - line[0]);
    assert!(steep < 0.0, "it rises on the page");
    for point in points.chunks(2) {
        let expected = line[1] + steep * (point[0] - line[0]);
        assert!((point[1] - expected).abs() < 0.3, "{point:?} beside {line:?}");
    }
}

#[test]
fn an_interval_reaches_from_its_low_end_to_its_high_one() {
    let mut one = panel(true, 1);
    one.bins = vec!["a".to_owned()];
    one.level = Some((0.0, NASTY.to_owned()));
    let cell = TaskCell { value: 0.5, interval: Some([0.25, 1.0]), items: 4 };
    one.series[0].cells = vec![Some(cell)];
    let tasks = vec![TaskSection { panels: vec![one], ..TaskSection::default() }];
    let figures = comparison_figures(&ComparisonPage { tasks, ..ComparisonPage::default() });
    let document = parse(&figures[0].1);
    let path = |class: &str| {
        let mut all = document.descendants().filter(|n| n.tag_name().name() == "path");
        let found = all.find(|n| n.attribute("class") == Some(class)).unwrap();
        found.attribute("d").unwrap().to_owned()
    };
    let heights = |text: &str| -> Vec<f64> {
        let bar = text.trim_start_matches('M').split(['M', ' ', 'V', 'h']);
        bar.map(|part| part.parse().unwrap()).collect()
    };
    let bar = heights(&path("bar c0"));
    let level = heights(path("level").split('H').next().unwrap());
    let dot = heights(path("dots c0").split('h').next().unwrap());
    let share = |y: f64| (level[1] - y) / (level[1] - bar[2]);
    assert!((share(bar[1]) - 0.25).abs() < 0.01, "{bar:?} {level:?}");
    assert!((share(dot[1]) - 0.5).abs() < 0.01, "{dot:?} {level:?}");
}
