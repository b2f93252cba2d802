//! What cannot work is refused before anything is measured.

use contexture_train::config::Decay;

use crate::CompareError;
use crate::config::{Budget, Config};

impl Config {
    /// Looks at everything that can be known before data are opened.
    ///
    /// # Errors
    /// The first value that cannot work, with what would.
    pub fn check(&self) -> Result<(), CompareError> {
        self.check_budget()?;
        self.check_names()?;
        self.check_training()?;
        self.check_speed()?;
        for (model, named) in self.models.iter().enumerate() {
            if let Some(from) = &named.settings.from {
                let expected = "absent: models are compared from their first step on";
                return Err(CompareError::value(format!("model.{model}.from"), expected, from));
            }
            let run = self.run_name(model, self.seeds[0]);
            let checked = self.run(model, self.seeds[0]).check();
            checked.map_err(|source| CompareError::Run { run, source: Box::new(source) })?;
        }
        Ok(())
    }

    fn check_budget(&self) -> Result<(), CompareError> {
        let b = &self.budget;
        match (b.by, b.tokens, b.seconds) {
            (Budget::Seconds, _, Some(s)) if s.is_finite() && s > 0.0 => Ok(()),
            (Budget::Seconds, _, found) => {
                let found = found.map_or("nothing".into(), |s| s.to_string());
                Err(CompareError::value("budget.seconds", "seconds of training, above 0", found))
            }
            (_, Some(1..), _) => Ok(()),
            (by, found, _) => {
                let expected = format!("tokens of training, since budget.by is {:?}", by.name());
                let found = found.map_or("nothing".into(), |n| n.to_string());
                Err(CompareError::value("budget.tokens", expected, found))
            }
        }
    }

    fn check_names(&self) -> Result<(), CompareError> {
        if self.models.is_empty() {
            return Err(CompareError::value("model", "at least one [[model]]", "none"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        for (number, model) in self.models.iter().enumerate() {
            let key = format!("model.{number}.name");
            let name = &model.name;
            if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
                let expected = "letters, digits, - and _, since a folder is named so";
                return Err(CompareError::value(key, expected, format!("{name:?}")));
            }
            if self.models[..number].iter().any(|other| other.name == *name) {
                return Err(CompareError::value(key, "a name that no other model has", name));
            }
        }
        for (number, seed) in self.seeds.iter().enumerate() {
            if self.seeds[..number].contains(seed) {
                return Err(CompareError::value("seeds", "each seed once", seed));
            }
        }
        for (number, task) in self.tasks.iter().enumerate() {
            if self.tasks[..number].iter().any(|other| other.name() == task.name()) {
                let key = format!("task.{number}.name");
                return Err(CompareError::value(key, "a name that no other task has", task.name()));
            }
        }
        match self.seeds.is_empty() {
            true => Err(CompareError::value("seeds", "at least one", "none")),
            false => Ok(()),
        }
    }

    fn check_training(&self) -> Result<(), CompareError> {
        let t = &self.training;
        if matches!(t.schedule.decay, Decay::Linear | Decay::Cosine) {
            let expected = "constant or inverse_square_root, which do not look ahead to an end \
                            that the budget may set elsewhere for each model";
            let found = format!("{:?}", t.schedule.decay).to_lowercase();
            return Err(CompareError::value("training.schedule.decay", expected, found));
        }
        if t.evaluation.patience > 0 {
            let expected = "0: the budget alone ends a run";
            let found = t.evaluation.patience;
            return Err(CompareError::value("training.evaluation.patience", expected, found));
        }
        Ok(())
    }

    fn check_speed(&self) -> Result<(), CompareError> {
        let s = &self.speed;
        let sizes = [
            ("speed.lengths", &s.lengths, 1 << 20),
            ("speed.depths", &s.depths, 256),
            ("speed.threads", &s.threads, 1024),
        ];
        for (key, values, most) in sizes {
            for (number, value) in values.iter().enumerate() {
                if *value == 0 || *value > most {
                    return Err(CompareError::value(key, format!("1 to {most}"), value));
                }
                if values[..number].iter().any(|before| before >= value) {
                    return Err(CompareError::value(key, "sizes in rising order", value));
                }
            }
        }
        let counts = [
            ("speed.depth_length", s.depth_length),
            ("speed.tokens", s.tokens),
            ("speed.repeats", s.repeats),
        ];
        for (key, value) in counts {
            if value == 0 || value > 1 << 24 {
                return Err(CompareError::value(key, "at least 1", value));
            }
        }
        if !(s.limit_seconds.is_finite() && s.limit_seconds > 0.0) {
            return Err(CompareError::value("speed.limit_seconds", "above 0", s.limit_seconds));
        }
        Ok(())
    }
}
