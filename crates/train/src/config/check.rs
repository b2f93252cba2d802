//! What cannot work is refused before the first step.

use super::{Aggregator, Config, ObjectiveSettings};
use crate::TrainError;

impl Config {
    /// Looks at everything that can be known before data and models are opened.
    ///
    /// # Errors
    /// The first value that cannot work, with what would.
    pub fn check(&self) -> Result<(), TrainError> {
        self.check_training()?;
        self.check_model()?;
        if self.objectives.is_empty() {
            return Err(TrainError::value("objective", "at least one [[objective]]", "none"));
        }
        for (number, objective) in self.objectives.iter().enumerate() {
            self.check_objective(number, objective)?;
        }
        match self.objectives.iter().filter(|objective| objective.classes().is_some()).count() {
            0 | 1 => Ok(()),
            found => {
                let expected = "one objective of classes, since a model has one classifier";
                Err(TrainError::value("objective.kind", expected, found))
            }
        }
    }

    /// Whether an objective tells each token from one side at a time.
    pub(crate) fn tells_sides(&self) -> bool {
        self.objectives.iter().any(|o| matches!(o, ObjectiveSettings::Bidirectional(_)))
    }

    /// Whether an objective tells a text's counterpart.
    pub fn translates(&self) -> bool {
        self.objectives.iter().any(ObjectiveSettings::needs_decoder)
    }

    fn check_training(&self) -> Result<(), TrainError> {
        let (o, s) = (&self.optimiser, &self.schedule);
        let at_least_one = |key: &str, value: u64| match value {
            0 => Err(TrainError::value(key, "at least 1", 0)),
            _ => Ok(()),
        };
        at_least_one("schedule.steps", s.steps)?;
        at_least_one("optimiser.accumulate", o.accumulate as u64)?;
        if s.warmup >= s.steps {
            let expected = format!("less than schedule.steps ({})", s.steps);
            return Err(TrainError::value("schedule.warmup", expected, s.warmup));
        }
        within("schedule.floor", s.floor, 0.0, 1.0)?;
        within("optimiser.learning_rate", o.learning_rate, f64::MIN_POSITIVE, 1e3)?;
        within("optimiser.beta1", o.beta1, 0.0, 1.0 - f64::EPSILON)?;
        within("optimiser.beta2", o.beta2, 0.0, 1.0 - f64::EPSILON)?;
        within("optimiser.epsilon", o.epsilon, 0.0, 1.0)?;
        within("optimiser.weight_decay", o.weight_decay, 0.0, 10.0)?;
        within("optimiser.clip", o.clip, 0.0, 1e9)?;
        within("optimiser.layer_decay", o.layer_decay, f64::MIN_POSITIVE, 1.0)?;
        for (name, rate) in &o.rates {
            within(&format!("optimiser.rates.{name}"), *rate, 0.0, 1e6)?;
        }
        at_least_one("evaluation.rows", self.evaluation.rows as u64)?;
        at_least_one("snapshots.keep", self.snapshots.keep as u64)?;
        if self.averaging.last > 1 {
            at_least_one("averaging.every", self.averaging.every)?;
            if self.snapshots.write_best {
                let expected = "one of averaging.last and snapshots.write_best";
                return Err(TrainError::value("averaging.last", expected, "both"));
            }
        }
        let judged = self.objectives.iter().map(ObjectiveSettings::data);
        let judged = judged.into_iter().any(|d| !d.held_out.is_empty() || d.held_out_share > 0.0);
        let needs = self.evaluation.patience > 0 || self.snapshots.write_best;
        if needs && !(judged && self.evaluation.every > 0) {
            let key = "evaluation.patience, snapshots.write_best";
            let expected = "held-out data (objective.data.held_out) and evaluation.every above 0";
            return Err(TrainError::value(key, expected, "none"));
        }
        Ok(())
    }

    fn check_model(&self) -> Result<(), TrainError> {
        let m = &self.model;
        within("model.dropout", m.dropout, 0.0, 0.99)?;
        if m.from.is_some() {
            self.check_kept()?;
            return self.check_nothing_described();
        }
        if m.keep.is_some() {
            let expected = "model.from, the model of which a part is kept";
            return Err(TrainError::value("model.keep", expected, "a model from scratch"));
        }
        for (key, value, most) in [
            ("model.hidden", m.hidden, 1 << 15),
            ("model.heads", m.heads, 1 << 10),
            ("model.inner", m.inner, 1 << 18),
            ("model.maximum_tokens", m.maximum_tokens, 1 << 20),
            ("tokenizer.vocabulary", self.tokenizer.vocabulary, 1 << 24),
        ] {
            within(key, value as f64, 1.0, most as f64)?;
        }
        within("model.layers", m.layers as f64, 0.0, 256.0)?;
        let layers = m.aggregator == Aggregator::Attention;
        if layers && m.layers == 0 {
            let expected = "at least 1, or model.aggregator = \"none\"";
            return Err(TrainError::value("model.layers", expected, 0));
        }
        if layers && !m.hidden.is_multiple_of(m.heads) {
            let expected = format!("a divisor of model.hidden ({})", m.hidden);
            return Err(TrainError::value("model.heads", expected, m.heads));
        }
        if m.aggregator == Aggregator::Lstm && m.layers == 0 {
            let expected = "at least 1, or model.aggregator = \"none\"";
            return Err(TrainError::value("model.layers", expected, 0));
        }
        let spelled = m.characters.is_some();
        if spelled != (self.tokenizer.kind == "characters") && self.tokenizer.from.is_none() {
            let expected =
                "model.characters and tokenizer.kind = \"characters\" together, or neither";
            let found = if spelled { "model.characters alone" } else { "tokenizer.kind alone" };
            return Err(TrainError::value("model.characters, tokenizer.kind", expected, found));
        }
        if let Some(deviation) = m.initial_deviation {
            within("model.initial_deviation", deviation, 0.0, 10.0)?;
        }
        let settings = crate::learner::encoder(self, self.tokenizer.vocabulary)?;
        settings.check()?;
        self.check_decoder()?;
        let rotary = settings.positions.iter().any(|p| p.name() == "rotary");
        if rotary && !settings.head_width.is_multiple_of(2) {
            let expected = "an even width of heads, since rotation turns pairs";
            let found = format!("{} / {} = {}", m.hidden, m.heads, settings.head_width);
            return Err(TrainError::value("model.hidden / model.heads", expected, found));
        }
        Ok(())
    }

    /// A decoder is there for whoever translates, and for nobody else.
    fn check_decoder(&self) -> Result<(), TrainError> {
        let m = &self.model;
        if !self.translates() {
            let found = match (&m.decoder, &self.target_tokenizer) {
                (None, None) => return Ok(()),
                (Some(_), _) => "model.decoder",
                (None, Some(_)) => "target_tokenizer",
            };
            let expected = "an objective of kind translation, or none of this";
            return Err(TrainError::value(found, expected, "no such objective"));
        }
        if m.causal {
            let expected = "false: the encoder of a translation sees both sides";
            return Err(TrainError::value("model.causal", expected, true));
        }
        if m.characters.is_some() {
            let expected = "absent with translation, whose words come from a table";
            return Err(TrainError::value("model.characters", expected, "spelled-out words"));
        }
        if let Some(layers) = m.decoder.as_ref().and_then(|decoder| decoder.layers) {
            within("model.decoder.layers", layers as f64, 1.0, 256.0)?;
        }
        let share = m.decoder.as_ref().and_then(|decoder| decoder.shared_words);
        if share == Some(true) && self.target_tokenizer.is_some() {
            let expected = "false where the target has a tokenizer of its own";
            return Err(TrainError::value("model.decoder.shared_words", expected, true));
        }
        match m.aggregator {
            Aggregator::None => {
                let expected = "attention or lstm with translation";
                Err(TrainError::value("model.aggregator", expected, "none"))
            }
            _ => Ok(()),
        }
    }

    /// A model that is there describes its encoder itself.
    fn check_nothing_described(&self) -> Result<(), TrainError> {
        let plain = super::ModelSettings::default();
        let own = super::ModelSettings {
            from: None,
            keep: None,
            dropout: plain.dropout,
            ..self.model.clone()
        };
        let table =
            |m: &super::ModelSettings| toml::Table::try_from(m).expect("settings are plain data");
        let (own, plain) = (table(&own), table(&plain));
        match own.iter().find(|(key, value)| plain.get(*key) != Some(value)) {
            None => Ok(()),
            Some((key, value)) => {
                let expected = "absent, since model.from describes the encoder";
                Err(TrainError::value(format!("model.{key}"), expected, value))
            }
        }
    }

    /// A part has the encoder of the whole, and none of its heads.
    fn check_kept(&self) -> Result<(), TrainError> {
        let Some(keep) = &self.model.keep else { return Ok(()) };
        within("model.keep.vocabulary", keep.vocabulary as f64, 0.0, f64::from(1 << 24))?;
        if keep.layers.as_ref().is_some_and(Vec::is_empty) {
            let expected = "at least one layer, or none named to keep all";
            return Err(TrainError::value("model.keep.layers", expected, "[]"));
        }
        match self.objectives.iter().find(|o| o.needs_language_head() || o.classes().is_some()) {
            None => Ok(()),
            Some(other) => {
                let expected = "objectives on sentence vectors (contrastive, triples, pairs, \
                                distillation), since heads are not kept";
                Err(TrainError::value("model.keep", expected, other.kind()))
            }
        }
    }

    fn check_objective(
        &self,
        number: usize,
        objective: &ObjectiveSettings,
    ) -> Result<(), TrainError> {
        let name = objective.name();
        let key = |key: &str| format!("objective.{number}.{key} ({name})");
        if self.objectives[..number].iter().any(|other| other.name() == name) {
            let expected = "a name that no other objective has";
            return Err(TrainError::value(key("name"), expected, name));
        }
        within(&key("weight"), objective.weight(), f64::MIN_POSITIVE, 1e9)?;
        let data = objective.data();
        if data.train.is_empty() {
            return Err(TrainError::value(key("data.train"), "at least one source", "none"));
        }
        within(&key("data.held_out_share"), data.held_out_share, 0.0, 0.9)?;
        if !data.held_out.is_empty() && data.held_out_share > 0.0 {
            let expected = "one of data.held_out and data.held_out_share";
            return Err(TrainError::value(key("data"), expected, "both"));
        }
        objective.check(&key)?;
        self.check_direction(objective, &key)
    }

    /// Who tells the next token may not see it; who tells hidden ones sees both sides.
    fn check_direction(
        &self,
        objective: &ObjectiveSettings,
        key: &dyn Fn(&str) -> String,
    ) -> Result<(), TrainError> {
        let length = objective.length();
        if self.model.from.is_none() && length > self.model.maximum_tokens {
            let expected = format!("at most model.maximum_tokens ({})", self.model.maximum_tokens);
            return Err(TrainError::value(key("length"), expected, length));
        }
        if self.model.from.is_some() {
            return Ok(());
        }
        let m = &self.model;
        let sides = matches!(objective, ObjectiveSettings::Bidirectional(_));
        let settings = crate::learner::encoder(self, self.tokenizer.vocabulary)?;
        if sides && !(settings.keeps_sides_apart() || settings.is_causal()) {
            let expected = "model.aggregator = \"lstm\" with joint = false, whose directions each \
                            see one side, or model.causal = true";
            return Err(TrainError::value(key("kind"), expected, "a model that sees both sides"));
        }
        let words =
            matches!(objective, ObjectiveSettings::Masked(_) | ObjectiveSettings::Causal(_));
        if words && m.characters.is_some() {
            let expected = "bidirectional (one direction with model.causal), since spelled-out words \
                            have no mask and markers of their own";
            return Err(TrainError::value(key("kind"), expected, objective.kind()));
        }
        if words && self.tells_sides() && settings.directions() > 1 {
            let expected = "no other objective of words beside bidirectional: its head reads one \
                            direction at a time";
            return Err(TrainError::value(key("kind"), expected, objective.kind()));
        }
        let causal = matches!(objective, ObjectiveSettings::Causal(_));
        if causal && self.model.from.is_none() && !self.model.causal {
            let expected = "model.causal = true, since each token is to be told from those before";
            return Err(TrainError::value(key("kind"), expected, "a model that sees both sides"));
        }
        Ok(())
    }
}

/// A finite number within both bounds.
pub(super) fn within(key: &str, value: f64, least: f64, most: f64) -> Result<(), TrainError> {
    match value.is_finite() && (least..=most).contains(&value) {
        true => Ok(()),
        false => {
            let least =
                if least == f64::MIN_POSITIVE { "above 0".into() } else { least.to_string() };
            Err(TrainError::value(key, format!("{least} to {most}"), value))
        }
    }
}
