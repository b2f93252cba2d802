//! Measures model folders on tasks and prints the figures.
//!
//! `cargo run --release -p contexture-compare --example tasks -- TASKS.toml NAME=FOLDER...`, where
//! the file holds `[[task]]` tables as a comparison's configuration does, and a name that stands
//! several times has several runs.

use std::path::Path;

use contexture_compare::tasks::{RunItems, TaskContext, TaskSettings, figures, measure, notes};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tasks {
    task: Vec<TaskSettings>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let tasks: Tasks = toml::from_str(&std::fs::read_to_string(
        arguments.next().ok_or("expected a file of tasks")?,
    )?)?;
    let context = TaskContext { threads: 2, seed: 1 };
    let mut runs: Vec<RunItems> = Vec::new();
    for argument in arguments {
        let (name, folder) = argument.split_once('=').ok_or("expected NAME=FOLDER")?;
        let seed = runs.iter().filter(|run| run.model == name).count() as u64 + 1;
        let mut run = RunItems { model: name.to_owned(), seed, tasks: Vec::new() };
        for task in &tasks.task {
            let begin = std::time::Instant::now();
            run.tasks.push(measure(task, Path::new(folder), &context)?);
            eprintln!("{name}: {} in {:.1} s", task.name(), begin.elapsed().as_secs_f64());
        }
        runs.push(run);
    }
    for figure in figures(&runs) {
        let minus = figure.minus.map(|model| format!(" - {model}")).unwrap_or_default();
        let [low, high] = figure.estimate.interval.unwrap_or([f64::NAN; 2]);
        println!(
            "{}\t{}\t{}\t{}{minus}\t{:.3}\t[{low:.3}, {high:.3}]\t{}",
            figure.task,
            figure.split,
            figure.bin,
            figure.model,
            figure.estimate.value,
            figure.items
        );
    }
    for note in notes(&runs) {
        println!("{note}");
    }
    Ok(())
}
