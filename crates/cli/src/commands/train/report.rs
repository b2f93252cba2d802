//! `contexture train --report`: curves of runs as one HTML file.

use std::path::Path;

use anyhow::{Context, Result};
use contexture_train::{METRICS, TIMINGS};
use contexture_view::{Against, CurveKind, RunCurves, curves_svg, run_report};

use super::TrainArguments;
use crate::say;

pub(super) fn run(arguments: &TrainArguments) -> Result<()> {
    let runs = arguments.report.iter().map(|folder| read(folder)).collect::<Result<Vec<_>>>()?;
    let out = &arguments.out;
    let held_out = CurveKind::HeldOut("loss".into());
    let page = match out.extension().is_some_and(|ending| ending == "svg") {
        true => curves_svg(&runs, &held_out, Against::Steps),
        false => run_report(&runs),
    };
    std::fs::write(out, page).with_context(|| format!("{}: cannot be written", out.display()))?;
    say::out(&format!("{}\n", out.display()))
}

fn read(folder: &Path) -> Result<RunCurves> {
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let path = folder.join(METRICS);
    let file = std::fs::File::open(&path)
        .with_context(|| format!("{}: is {} a run's folder?", path.display(), folder.display()))?;
    let mut curves = RunCurves::from_jsonl(&name, std::io::BufReader::new(file))
        .with_context(|| path.display().to_string())?;
    let timings = folder.join(TIMINGS);
    if let Ok(file) = std::fs::File::open(&timings) {
        curves
            .add_timings(std::io::BufReader::new(file))
            .with_context(|| timings.display().to_string())?;
    }
    curves.config = std::fs::read_to_string(folder.join("config.toml")).ok();
    Ok(curves)
}
