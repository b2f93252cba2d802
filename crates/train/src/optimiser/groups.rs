//! What differs from parameter to parameter: its rate, its decay, whether it is trained.

use contexture_nn::{Declaration, Declared, Role};

use crate::TrainError;
use crate::config::OptimiserSettings;

/// A parameter's share in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// What the schedule's rate is multiplied with; 0: not trained.
    pub rate: f64,
    /// The weight decay.
    pub decay: f64,
}

/// One group for each declared parameter, in order.
///
/// # Errors
/// A name in `freeze` or `rates` that no parameter begins with.
pub fn groups(
    settings: &OptimiserSettings,
    declaration: &Declaration,
) -> Result<Vec<Group>, TrainError> {
    let params = &declaration.params;
    let named = settings.freeze.iter().map(|name| ("optimiser.freeze", name));
    let named = named.chain(settings.rates.keys().map(|name| ("optimiser.rates", name)));
    for (key, name) in named {
        if !params.iter().any(|declared| begins(&declared.name, name)) {
            let distance = |other: &&str| strsim::damerau_levenshtein(name, other);
            let nearest = params.iter().flat_map(|d| beginnings(&d.name)).min_by_key(distance);
            let expected = format!("the beginning of a name, as {}", nearest.unwrap_or("none"));
            return Err(TrainError::value(key, expected, name));
        }
    }
    let layers = params.iter().filter_map(|d| layer(&d.name)).max().map_or(0, |last| last + 1);
    Ok(params.iter().map(|declared| group(settings, declared, layers)).collect())
}

fn group(settings: &OptimiserSettings, declared: &Declared, layers: i32) -> Group {
    let name = &declared.name;
    if settings.freeze.iter().any(|frozen| begins(name, frozen)) {
        return Group { rate: 0.0, decay: 0.0 };
    }
    let depth = match layer(name) {
        Some(layer) => layer + 1,
        None if name.starts_with("embeddings.") => 0,
        None => layers + 1,
    };
    let fitting = settings.rates.iter().filter(|(start, _)| begins(name, start));
    let factor = fitting.max_by_key(|(start, _)| start.len()).map_or(1.0, |(_, factor)| *factor);
    let rate = factor * settings.layer_decay.powi(layers + 1 - depth);
    let decay = if declared.role == Role::Vector { 0.0 } else { settings.weight_decay };
    Group { rate, decay }
}

/// `layers.1` begins `layers.1.attention`, but not `layers.10`.
fn begins(name: &str, start: &str) -> bool {
    let rest = name.strip_prefix(start.trim_end_matches('.'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `a.b.c`: `a`, `a.b`, `a.b.c`.
fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(at, _)| &name[..at]).chain([name])
}

fn layer(name: &str) -> Option<i32> {
    name.strip_prefix("layers.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use contexture_nn::{Builder, Initial};

    use super::*;

    #[test]
    fn rates_go_by_layer_and_name() {
        let mut b = Builder::new();
        b.within("embeddings", |b| b.table("words.weight", 3, 2, Initial::Zeros));
        for layer in [0, 1, 10] {
            b.within("layers", |b| b.within(layer, |b| b.matrix("weight", 2, 2, Initial::Zeros)));
        }
        b.vector("norm.bias", 2, Initial::Zeros);
        let declaration = b.finish();
        let settings = OptimiserSettings {
            layer_decay: 0.5,
            freeze: vec!["layers.1".into()],
            rates: [("layers".into(), 3.0), ("layers.10".into(), 2.0)].into(),
            weight_decay: 0.1,
            ..OptimiserSettings::default()
        };
        let found = groups(&settings, &declaration).unwrap();
        let rates: Vec<f64> = found.iter().map(|group| group.rate).collect();
        assert_eq!(rates, [0.5f64.powi(12), 3.0 * 0.5f64.powi(11), 0.0, 1.0, 1.0]);
        let decays: Vec<f64> = found.iter().map(|group| group.decay).collect();
        assert_eq!(decays, [0.1, 0.1, 0.0, 0.1, 0.0]);
        let wrong = OptimiserSettings { freeze: vec!["layer.1".into()], ..settings };
        let message = groups(&wrong, &declaration).unwrap_err().to_string();
        assert!(message.contains("as layers.1,") && message.contains("layer.1"), "{message}");
    }
}
