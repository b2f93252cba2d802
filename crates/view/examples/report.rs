//! Draws the metrics of runs: `metrics.jsonl` files, each named by its folder.
//!
//! `cargo run --release -p contexture-view --example report -- REPORT.html METRICS...`

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use contexture_view::{Against, CurveKind, RunCurves, curves_svg, run_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [report, files @ ..] = arguments.as_slice() else {
        return Err("expected REPORT.html METRICS...".into());
    };
    let mut runs = Vec::new();
    for file in files {
        let folder = Path::new(file).parent().and_then(Path::file_name);
        let name = folder.map_or(file.clone(), |name| name.to_string_lossy().into_owned());
        let mut run = RunCurves::from_jsonl(&name, BufReader::new(File::open(file)?))?;
        run.config = std::fs::read_to_string(Path::new(file).with_file_name("config.toml")).ok();
        runs.push(run);
    }
    std::fs::write(report, run_report(&runs))?;
    let picture = curves_svg(&runs, &CurveKind::Loss, Against::Steps);
    std::fs::write(Path::new(report).with_extension("svg"), picture)?;
    Ok(())
}
