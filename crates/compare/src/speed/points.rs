//! Every place measured, all models in turns within each repeat, so that whatever else the machine
//! does hits all of them alike. What is there already is not measured again.

use std::path::Path;
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_train::{Control, available_memory};
use serde::{Deserialize, Serialize};

use super::plan::{Place, places};
use super::step::{Prepared, Work};
use crate::CompareError;
use crate::config::Config;
use crate::event::{Event, Phase};
use crate::report::{By, Machine, Mode, SpeedPoint};
use crate::runs::Ended;
use crate::store::{digest, read_json, write_json};

/// Everything measured, as `speed.json` holds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speed {
    /// Of models, settings and machine: with others, everything is measured anew.
    digest: String,
    pub(crate) points: Vec<SpeedPoint>,
    /// What was not measured, and why.
    left_out: Vec<LeftOut>,
    /// What was measured otherwise than the settings say.
    pub(crate) notes: Vec<String>,
}

/// A model that was not measured at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    model: String,
    mode: Mode,
    threads: usize,
    by: By,
    size: usize,
    reason: String,
}

/// What a timed repeat should last at least: shorter steps are repeated within it.
const LEAST_SECONDS: f64 = 0.02;
const MOST_STEPS: usize = 200;

/// What was measured with these settings on this machine; `None` where nothing was.
pub(crate) fn read(
    path: &Path,
    config: &Config,
    machine: &Machine,
) -> Result<Option<Speed>, CompareError> {
    let found: Option<Speed> = read_json(path)?;
    Ok(found.filter(|speed| speed.digest == settings_digest(config, machine)))
}

fn settings_digest(config: &Config, machine: &Machine) -> String {
    let s = &config.speed;
    let models: Vec<String> =
        config.models.iter().map(|named| format!("{} {:?}", named.name, named.settings)).collect();
    let step = format!("{} {} {} {}", s.depth_length, s.tokens, s.repeats, s.limit_seconds);
    let vocabulary = config.training.tokenizer.vocabulary.to_string();
    digest(&[&models.join("\n"), &step, &vocabulary, &machine.cpu, &machine.isa])
}

/// Measures whatever is not measured yet.
pub(crate) fn measure(
    path: &Path,
    config: &Config,
    machine: &Machine,
    watch: &mut dyn FnMut(Event<'_>) -> Control,
) -> Result<Ended, CompareError> {
    let mut speed = match read(path, config, machine)? {
        Some(speed) => speed,
        None => Speed { digest: settings_digest(config, machine), ..Speed::default() },
    };
    let all = places(&config.speed);
    let mut models = Models::default();
    for (number, place) in all.iter().enumerate() {
        if speed.covers(place) {
            continue;
        }
        let share = number as f64 / all.len() as f64;
        models.prepare(config, place)?;
        let mut turn = Turn { config, place, speed: &mut speed, share };
        if turn.measure(&mut models.prepared, watch)? == Ended::Interrupted {
            return Ok(Ended::Interrupted);
        }
        write_json(path, &speed)?;
    }
    Ok(Ended::Done)
}

impl Speed {
    fn covers(&self, place: &Place) -> bool {
        let left_out = |l: &LeftOut| {
            (l.by, l.size, l.threads, l.mode) == (place.by, place.size, place.threads, place.mode)
        };
        self.points.iter().any(|point| place.holds(point)) || self.left_out.iter().any(left_out)
    }

    /// What was left out, in words: each model's places with one reason in one sentence.
    pub(crate) fn left_out_sentences(&self) -> Vec<String> {
        let mut grouped: Vec<(&LeftOut, Vec<String>)> = Vec::new();
        for l in &self.left_out {
            let by = if l.by == By::Length { "length" } else { "depth" };
            let mode = if l.mode == Mode::Infer { "inference" } else { "training" };
            let place = format!("{mode} at {by} {} on {}", l.size, l.threads);
            match grouped.iter_mut().find(|(g, _)| (&g.model, &g.reason) == (&l.model, &l.reason)) {
                Some((_, places)) => places.push(place),
                None => grouped.push((l, vec![place])),
            }
        }
        let sentence = |(l, places): &(&LeftOut, Vec<String>)| {
            format!("{}: not measured, since {} ({} threads)", l.model, l.reason, places.join(", "))
        };
        grouped.iter().map(sentence).collect()
    }

    /// What a token would take here, by the greatest size below: in the worst case in proportion
    /// to length or depth.
    fn expected(&self, place: &Place, model: &str) -> Option<f64> {
        let size = |p: &SpeedPoint| if p.by == By::Length { p.length } else { p.depth };
        let below = self.points.iter().filter(|p| p.model == model && place.same_line(p));
        let last = below.filter(|p| size(p) < place.size).max_by_key(|p| size(p))?;
        Some(last.seconds_per_token * place.size as f64 / size(last) as f64)
    }
}

/// The models of one size; modes and threads share them.
#[derive(Default)]
struct Models {
    at: Option<(By, usize)>,
    prepared: Vec<Prepared>,
}

impl Models {
    fn prepare(&mut self, config: &Config, place: &Place) -> Result<(), CompareError> {
        let at = Some((place.by, place.size));
        if self.at == at {
            return Ok(());
        }
        self.prepared.clear();
        for model in 0..config.models.len() {
            let mut run = config.run(model, config.seeds[0]);
            if place.by == By::Depth {
                run.model.layers = place.size;
            }
            self.prepared.push(Prepared::new(&run, place.length(&config.speed))?);
        }
        self.at = at;
        Ok(())
    }
}

/// One place.
struct Turn<'a> {
    config: &'a Config,
    place: &'a Place,
    speed: &'a mut Speed,
    share: f64,
}

/// One model at the place.
struct Lane {
    model: usize,
    work: Work,
    sequences: usize,
    /// Steps of a repeat.
    steps: usize,
    repeats: Vec<f64>,
}

impl Turn<'_> {
    fn measure(
        &mut self,
        prepared: &mut [Prepared],
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Result<Ended, CompareError> {
        let pool = Arc::new(Pool::new(self.place.threads));
        let mode = self.place.mode;
        let mut lanes = Vec::new();
        for (model, prepared) in prepared.iter_mut().enumerate() {
            let sequences = match self.sequences(model, prepared) {
                Ok(sequences) => sequences,
                Err(reason) => {
                    self.leave_out(model, reason);
                    continue;
                }
            };
            let work = prepared.work(sequences, self.place.length(&self.config.speed))?;
            // The first step makes memory that later ones use again: it is not counted.
            let warm = prepared.seconds(mode, &work, &pool);
            let steps = (LEAST_SECONDS / warm.max(1e-9)).ceil().clamp(1.0, MOST_STEPS as f64);
            lanes.push(Lane { model, work, sequences, steps: steps as usize, repeats: Vec::new() });
        }
        for _ in 0..self.config.speed.repeats {
            for lane in &mut lanes {
                let prepared = &mut prepared[lane.model];
                let step = |_| prepared.seconds(mode, &lane.work, &pool);
                let seconds: f64 = (0..lane.steps).map(step).sum();
                lane.repeats.push(seconds / lane.steps as f64);
                if self.show(lane, watch) == Control::Stop {
                    return Ok(Ended::Interrupted);
                }
            }
        }
        for lane in lanes {
            let point = self.point(&prepared[lane.model], lane);
            self.speed.points.push(point);
        }
        Ok(Ended::Done)
    }

    /// How many sequences a step may have here: so many that they make up its tokens, fewer where
    /// that would take too long or too much memory; or why not even one.
    fn sequences(&mut self, model: usize, prepared: &Prepared) -> Result<usize, String> {
        let (s, place) = (&self.config.speed, self.place);
        if place.by == By::Depth && prepared.settings().layers.len() != place.size {
            return Err("it has no layers to add".into());
        }
        let length = place.length(s);
        let wanted = (s.tokens / length).max(1);
        let name = &self.config.models[model].name;
        let mut most = wanted;
        if let Some(token) = self.speed.expected(place, name) {
            most = most.min((s.limit_seconds / (token * length as f64)) as usize);
            if most == 0 {
                let seconds = token * length as f64;
                return Err(format!(
                    "one sequence might take {seconds:.0} seconds, more than the limit of {}",
                    s.limit_seconds
                ));
            }
        }
        if let (Mode::Train, Some(free)) = (place.mode, available_memory()) {
            let each = prepared.bytes(length).max(1);
            most = most.min((free / 2 / each) as usize);
            if most == 0 {
                return Err(format!(
                    "one sequence would take about {} MB, and {} MB are free",
                    each >> 20,
                    free >> 20
                ));
            }
        }
        if most < wanted {
            let by = if place.by == By::Length { "length" } else { "depth" };
            self.speed.notes.push(format!(
                "{name}: a step at {by} {} on {} threads has {} tokens instead of {}, to stay \
                 within limits",
                place.size,
                place.threads,
                most * length,
                wanted * length
            ));
        }
        Ok(most)
    }

    fn leave_out(&mut self, model: usize, reason: String) {
        let Place { by, size, threads, mode } = *self.place;
        let model = self.config.models[model].name.clone();
        self.speed.left_out.push(LeftOut { model, mode, threads, by, size, reason });
    }

    fn show(&self, lane: &Lane, watch: &mut dyn FnMut(Event<'_>) -> Control) -> Control {
        let Place { by, size, threads, mode } = self.place;
        let part = &self.config.models[lane.model].name;
        let seconds = lane.repeats.last().copied().unwrap_or(f64::NAN);
        let message = format!(
            "{by:?} {size}, {mode:?}, {threads} threads: {:.2} ms a step, {:.2} us a token",
            1e3 * seconds,
            1e6 * seconds / lane.work.tokens() as f64
        );
        let (phase, message) = (Phase::Speed, message.to_lowercase());
        watch(Event::Progress { phase, part, share: self.share, message: &message })
    }

    fn point(&self, prepared: &Prepared, lane: Lane) -> SpeedPoint {
        let length = self.place.length(&self.config.speed);
        let median = median(&lane.repeats);
        SpeedPoint {
            model: self.config.models[lane.model].name.clone(),
            mode: self.place.mode,
            threads: self.place.threads,
            length,
            depth: prepared.settings().layers.len(),
            by: self.place.by,
            sequences: lane.sequences,
            sequential: prepared.sequential(length),
            seconds_per_step: median,
            best_seconds_per_step: lane.repeats.iter().copied().fold(f64::INFINITY, f64::min),
            seconds_per_token: median / lane.work.tokens() as f64,
            repeats: lane.repeats,
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}
