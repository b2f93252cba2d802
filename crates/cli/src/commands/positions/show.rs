//! A position function as text for a terminal.

use contexture::positions::{Bias, PositionReport};

/// Rows and columns of a table that fit on a screen.
const SHOWN: usize = 8;

/// Everything that is known, part by part.
pub(super) fn text(found: &PositionReport) -> String {
    let mut text = format!("positions: {}", found.name);
    if let Some(formula) = &found.formula {
        text += &format!("\nformula:   {formula}");
    }
    text += &format!("\nplaces:    {}\n", found.length);
    if found.hidden > 0 {
        text += &table(found);
        text += &profile(found);
        text += &tones(found);
    }
    if let Some(bias) = &found.bias {
        text += &biases(bias);
    }
    text + &format!("\nverdict: {}\n", found.verdict)
}

/// The whole table, a line a place.
pub(super) fn values(found: &PositionReport) -> String {
    if found.hidden == 0 {
        return found.bias.as_ref().map_or(String::new(), |bias| {
            let line = |at: usize, distance: &i64| {
                let values = bias.by_head.iter().map(|head| head[at].to_string());
                format!("{distance}\t{}\n", values.collect::<Vec<_>>().join("\t"))
            };
            bias.distances.iter().enumerate().map(|(at, d)| line(at, d)).collect()
        });
    }
    let line = |row: &[f32]| {
        let values: Vec<String> = row.iter().map(f32::to_string).collect();
        values.join("\t") + "\n"
    };
    found.table.chunks(found.hidden).map(line).collect()
}

/// The first and last items of a list, where it is too long to show.
fn ends(count: usize) -> Vec<usize> {
    match count <= SHOWN {
        true => (0..count).collect(),
        false => (0..SHOWN / 2 + 1).chain(count - SHOWN / 2 + 1..count).collect(),
    }
}

fn table(found: &PositionReport) -> String {
    let columns = ends(found.hidden);
    let heading: String = columns.iter().map(|i| format!("{:>9}", format!("i={i}"))).collect();
    let mut text = format!("\n{:>8}{heading}\n", "pos");
    for place in ends(found.length) {
        let row = &found.table[place * found.hidden..][..found.hidden];
        let values: String = columns.iter().map(|i| format!("{:>9.4}", row[*i])).collect();
        text += &format!("{place:>8}{values}\n");
    }
    if let Some(range) = found.range {
        text += &format!(
            "range: {:.4} to {:.4}; longest row {:.4}; {} columns\n",
            range.least, range.greatest, range.largest_norm, found.hidden
        );
    }
    text
}

fn profile(found: &PositionReport) -> String {
    let mut steps = vec![0, 1];
    while let Some(last) = steps.last().filter(|last| *last * 2 < found.length) {
        steps.push(last * 2);
    }
    steps.retain(|k| *k < found.length);
    if found.length > 1 && steps.last() != Some(&(found.length - 1)) {
        steps.push(found.length - 1);
    }
    let top = found.distances.iter().copied().fold(0.0f32, f32::max);
    let mut text = format!("\n{:>8}{:>10}{:>9}   mean distance\n", "apart", "distance", "cosine");
    for k in steps {
        let distance = found.distances[k];
        let length = if top > 0.0 { (distance / top * 40.0).round() as usize } else { 0 };
        let bar = "#".repeat(length);
        text += &format!("{k:>8}{distance:>10.4}{:>9.4}   {bar}\n", found.cosines[k]);
    }
    text
}

fn tones(found: &PositionReport) -> String {
    let mut text = format!("\n{:>8}{:>12}{:>10}\n", "column", "period", "power");
    for column in ends(found.tones.len()) {
        let tone = found.tones[column];
        text += &match tone.period > 0.0 {
            true => format!("{column:>8}{:>12.2}{:>10.4}\n", tone.period, tone.power),
            false => format!("{column:>8}{:>12}{:>10.4}\n", "constant", 0.0),
        };
    }
    text + "a period beyond the number of places is only an estimate\n"
}

fn biases(bias: &Bias) -> String {
    let mut text = String::from(match bias.fresh {
        true => "\nadded to the score, by distance (a new model's; they are learned)\n",
        false => "\nadded to the score, by distance (key less query)\n",
    });
    let heads = ends(bias.by_head.len());
    let heading: String =
        heads.iter().map(|head| format!("{:>9}", format!("head {}", head + 1))).collect();
    let bucket = if bias.buckets.is_some() { format!("{:>8}", "bucket") } else { String::new() };
    text += &format!("{:>8}{bucket}{heading}\n", "distance");
    let far = bias.distances.last().copied().unwrap_or(0);
    let shown = [-far, -64, -16, -4, -2, -1, 0, 1, 2, 4, 16, 64, far];
    let mut last = None;
    for distance in shown.into_iter().filter(|distance| distance.abs() <= far) {
        if last.is_some_and(|last| distance <= last) {
            continue;
        }
        last = Some(distance);
        let at = (distance + far) as usize;
        let values: String =
            heads.iter().map(|h| format!("{:>9.4}", bias.by_head[*h][at])).collect();
        let bucket = bias.buckets.as_ref().map_or(String::new(), |b| format!("{:>8}", b[at]));
        text += &format!("{distance:>8}{bucket}{values}\n");
    }
    text
}
