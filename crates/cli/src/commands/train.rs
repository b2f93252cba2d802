//! `contexture train`: a model of one's own.

mod arguments;
mod report;
mod show;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use contexture_train::config::PRESETS;
use contexture_train::{Config, Control, Event, Options, Trainer};

pub(crate) use arguments::TrainArguments;

use self::show::Display;
use crate::say;

pub(crate) fn run(arguments: TrainArguments) -> Result<()> {
    if let Some(name) = &arguments.new {
        return new(name);
    }
    if !arguments.report.is_empty() {
        return report::run(&arguments);
    }
    let Some(path) = &arguments.config else {
        bail!("which run? Give its CONFIG.toml, or start one with --new > run.toml");
    };
    let config = Config::read(path, &arguments.overrides())?;
    let options = Options { fresh: arguments.fresh, force: arguments.force };
    let mut display = Display::new(&arguments);
    display.opening(&config);
    let translates = config.translates();
    let mut trainer = Trainer::open(config, &options)?;
    if arguments.dry_run {
        trainer.positions().iter().for_each(|report| display.positions(report));
        display.forecast(trainer.forecast());
        return Ok(());
    }
    let stop = stop_on_interrupt();
    let outcome = trainer.run(&mut |event: Event<'_>| {
        display.event(&event);
        if stop.load(Ordering::Relaxed) { Control::Stop } else { Control::GoOn }
    })?;
    display.finish(&outcome, translates)?;
    if !outcome.finished && stop.load(Ordering::Relaxed) {
        std::process::exit(130);
    }
    Ok(())
}

/// Prints a configuration to start from.
fn new(name: &str) -> Result<()> {
    match PRESETS.iter().find(|preset| preset.name == name) {
        Some(preset) => say::out(preset.text),
        None => {
            let known: Vec<String> =
                PRESETS.iter().map(|preset| format!("{}: {}", preset.name, preset.about)).collect();
            bail!("there is no preset `{name}`; there are\n  {}", known.join("\n  "))
        }
    }
}

/// The first interrupt asks for a snapshot, the second one does not wait for it.
pub(super) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\ncontexture: stopping after this step, with a snapshot (again: at once)");
    };
    // Where a handler is set already, the run goes on without ours.
    let _ = ctrlc::set_handler(handler);
    stop
}
