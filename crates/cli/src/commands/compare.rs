//! `contexture compare`: models on the same data with the same budget, measured.

mod arguments;
mod show;

use std::sync::atomic::Ordering;

use anyhow::Result;
use contexture_compare::{Comparer, Config, Event};
use contexture_train::Control;

pub(crate) use arguments::CompareArguments;

use self::show::Display;
use super::train::stop_on_interrupt;
use crate::say;

pub(crate) fn run(arguments: CompareArguments) -> Result<()> {
    let config = Config::read(&arguments.config, &arguments.overrides())?;
    let mut display = Display::new(arguments.quiet);
    let mut comparer = Comparer::open(config)?;
    if !arguments.quiet || arguments.dry_run {
        let estimate = comparer.estimate()?;
        if arguments.dry_run {
            return match arguments.json {
                true => say::out(&format!("{}\n", serde_json::to_string(&estimate)?)),
                false => say::out(&show::estimate(&estimate)),
            };
        }
        display.estimate(&estimate);
    }
    let stop = stop_on_interrupt();
    let outcome = comparer.run(&arguments.phases(), arguments.force, &mut |event: Event<'_>| {
        display.event(&event);
        if stop.load(Ordering::Relaxed) { Control::Stop } else { Control::GoOn }
    })?;
    display.finish();
    match arguments.json {
        true => say::out(&format!("{}\n", serde_json::to_string(&outcome.report)?))?,
        false => say::out(&show::outcome(&outcome))?,
    }
    if outcome.interrupted {
        std::process::exit(130);
    }
    Ok(())
}
