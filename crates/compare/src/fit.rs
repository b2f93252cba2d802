//! Widths that give models as many parameters as the first one has, those of words left out.
//!
//! `hidden` is sought first, with everything that is as wide in proportion (`inner`, `cells`); where
//! its steps are too coarse, since heads must divide it, `inner` alone then takes the rest.

use contexture_train::Config as RunConfig;
use contexture_train::config::ModelSettings;

use crate::CompareError;
use crate::config::{Budget, Config};
use crate::sizes::Parameters;

/// How far apart parameters may be, as a share of the first model's.
const TOLERANCE: f64 = 0.02;
/// Below this nothing finer is sought.
const CLOSE: f64 = 0.002;
const WIDEST: usize = 1 << 15;
/// Keys whose values keep their proportion to `hidden`.
const IN_PROPORTION: [&str; 2] = ["inner", "cells"];

/// Puts fitted widths into `config` where its budget asks for them; what was chosen, in words.
pub(crate) fn fit(config: &mut Config) -> Result<Vec<String>, CompareError> {
    if config.budget.by != Budget::Parameters {
        return Ok(Vec::new());
    }
    let seed = config.seeds[0];
    let target = Parameters::of(&config.run(0, seed))?.besides_words;
    let mut notes = Vec::new();
    for model in 1..config.models.len() {
        let found = Search { run: config.run(model, seed), target }.closest()?;
        let named = &mut config.models[model];
        let difference = found.difference(target);
        if difference > TOLERANCE {
            let expected = format!(
                "a width at which parameters besides words are within 2 % of {}'s {target}",
                config.models[0].name
            );
            let nearest = format!(
                "{} at best (hidden = {}, inner = {})",
                found.parameters, found.settings.hidden, found.settings.inner
            );
            return Err(CompareError::value(format!("model.{model}"), expected, nearest));
        }
        notes.push(format!(
            "{}: fitted to {}: {} parameters besides words, {:.2} % from {target}",
            named.name,
            changes(&named.settings, &found.settings)?,
            found.parameters,
            100.0 * difference,
        ));
        named.settings = found.settings;
    }
    Ok(notes)
}

/// The keys that differ, as `hidden = 448 instead of 256`.
fn changes(before: &ModelSettings, after: &ModelSettings) -> Result<String, CompareError> {
    let [before, after] = [before, after].map(toml::Table::try_from);
    let (before, after) = (before.map_err(unwritten)?, after.map_err(unwritten)?);
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let said = changed.map(|(key, value)| match before.get(key) {
        Some(old) => format!("{key} = {value} instead of {old}"),
        None => format!("{key} = {value}"),
    });
    let said: Vec<String> = said.collect();
    Ok(if said.is_empty() { "what the file says".into() } else { said.join(", ") })
}

struct Found {
    settings: ModelSettings,
    parameters: usize,
}

impl Found {
    fn difference(&self, target: usize) -> f64 {
        (self.parameters as f64 / target.max(1) as f64 - 1.0).abs()
    }
}

struct Search {
    run: RunConfig,
    target: usize,
}

impl Search {
    fn closest(&self) -> Result<Found, CompareError> {
        let step = self.step()?;
        let wide = |steps: usize| self.count(self.scaled(steps * step)?);
        let own = self.run.model.hidden.div_ceil(step);
        let (mut below, mut above) = (own, own);
        while wide(above)?.parameters < self.target && 2 * above * step <= WIDEST {
            (below, above) = (above, 2 * above);
        }
        // Widths that are too narrow to work at all end the way down.
        while below > 1 && wide(below)?.parameters > self.target && wide(below / 2).is_ok() {
            (below, above) = (below / 2, below);
        }
        while above - below > 1 {
            let middle = below.midpoint(above);
            match wide(middle)?.parameters < self.target {
                true => below = middle,
                false => above = middle,
            }
        }
        let (below, above) = (wide(below)?, wide(above)?);
        let nearest = |a: Found, b: Found| {
            if a.difference(self.target) <= b.difference(self.target) { a } else { b }
        };
        let best = nearest(below, above);
        match best.difference(self.target) > CLOSE {
            true => Ok(nearest(self.inner(&best.settings)?, best)),
            false => Ok(best),
        }
    }

    /// The least step in which `hidden` can grow.
    fn step(&self) -> Result<usize, CompareError> {
        let (hidden, heads) = (self.run.model.hidden, self.run.model.heads);
        for step in [1, 2, heads, 2 * heads] {
            let wider = hidden.div_ceil(step) * step;
            let fits =
                |width: usize| Ok::<_, CompareError>(self.checked(self.scaled(width)?).is_ok());
            if fits(wider)? && fits(wider + step)? && fits(wider + 2 * step)? {
                return Ok(step);
            }
        }
        Ok(hidden)
    }

    /// The settings with another `hidden` and what is in proportion to it.
    fn scaled(&self, hidden: usize) -> Result<ModelSettings, CompareError> {
        let before = self.run.model.hidden as f64;
        let mut table = toml::Table::try_from(&self.run.model).map_err(unwritten)?;
        for key in IN_PROPORTION {
            if let Some(toml::Value::Integer(value)) = table.get_mut(key) {
                *value = ((*value as f64 * hidden as f64 / before).round() as i64).max(1);
            }
        }
        table.insert("hidden".into(), (hidden as i64).into());
        table.try_into().map_err(unread)
    }

    /// The closest by `inner` alone.
    fn inner(&self, settings: &ModelSettings) -> Result<Found, CompareError> {
        let at = |inner: usize| self.count(ModelSettings { inner, ..settings.clone() });
        let (mut below, mut above) = (1, 8 * settings.inner);
        if at(below)?.parameters == at(above)?.parameters {
            return at(settings.inner);
        }
        while above - below > 1 {
            let middle = below.midpoint(above);
            match at(middle)?.parameters < self.target {
                true => below = middle,
                false => above = middle,
            }
        }
        let (below, above) = (at(below)?, at(above)?);
        Ok(if below.difference(self.target) <= above.difference(self.target) {
            below
        } else {
            above
        })
    }

    fn checked(&self, model: ModelSettings) -> Result<RunConfig, CompareError> {
        let run = RunConfig { model, ..self.run.clone() };
        run.check()?;
        Ok(run)
    }

    fn count(&self, settings: ModelSettings) -> Result<Found, CompareError> {
        let run = self.checked(settings)?;
        let parameters = Parameters::of(&run)?.besides_words;
        Ok(Found { settings: run.model, parameters })
    }
}

fn unwritten(error: toml::ser::Error) -> CompareError {
    CompareError::value("model", "plain settings", error)
}

fn unread(error: toml::de::Error) -> CompareError {
    CompareError::value("model", "plain settings", error)
}
