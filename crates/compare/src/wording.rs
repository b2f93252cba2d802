//! What a comparison's page says in words: what was measured, how to read it, what it does not
//! show.

use std::collections::BTreeMap;

use crate::Comparison;
use crate::report::Mode;

/// What a task asks; in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Agreement,
    WordInContext,
    Probing,
    Order,
    Other,
}

impl Kind {
    /// By the name that a configuration gives it.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "agreement" => Self::Agreement,
            "word_in_context" => Self::WordInContext,
            "probing" => Self::Probing,
            "order" => Self::Order,
            _ => Self::Other,
        }
    }
}

/// The kind of each task by its name, from the comparison's configuration.
pub(crate) fn kinds(config: &str) -> BTreeMap<String, Kind> {
    let Ok(config) = config.parse::<toml::Table>() else { return BTreeMap::new() };
    let tasks = config.get("task").and_then(toml::Value::as_array);
    let named = |task: &toml::Value| {
        let text = |key: &str| task.get(key).and_then(toml::Value::as_str);
        let kind = text("kind")?;
        Some((text("name").unwrap_or(kind).to_owned(), Kind::of(kind)))
    };
    tasks.into_iter().flatten().filter_map(named).collect()
}

/// Title and text of a task's section.
pub(crate) fn section(kind: Kind, name: &str) -> [String; 2] {
    let (title, plain, text) = match kind {
        Kind::Agreement => (
            "Does the verb follow its subject?",
            "agreement",
            "A sentence's verb is shown in the form that its subject calls for and in the other one \
             (is, are); the model is right where it finds the right form likelier, given what it \
             is trained to see: the words before the verb, or those on both sides. Guessing is \
             right half of the time. Words between subject and verb that have the other number \
             (attractors), and distance, make it harder: a line that stays high to the right \
             belongs to a model that reaches far. Bars are 95 % intervals over sentences and runs.",
        ),
        Kind::WordInContext => (
            "Does a word's vector follow its meaning?",
            "word_in_context",
            "The same word stands in two sentences; from the cosine of its two vectors it is told \
             whether it means the same. Layer 0 is what enters the first layer, before anything \
             was gathered from context; what a later layer adds to it, context gave.",
        ),
        Kind::Probing => (
            "What do the vectors know of a word's role?",
            "probing",
            "A linear probe learns to tell each word's part of speech from its vector, which stays \
             as it is. The dashed line needs no model: it says each word's most frequent tag. What \
             a layer reaches above it, it knows from context.",
        ),
        Kind::Order => (
            "Does order count?",
            "order",
            "The words of a sentence change places, and its vector is compared with the one before: \
             a cosine of 1 says that nothing was noticed, which is all that a bag of words can say. \
             Since cosines of some models are high whatever they compare, look at the cosine to \
             another sentence too; the shares of change divide by it.",
        ),
        Kind::Other => ("Task", "", "The mean over items, with 95 % intervals."),
    };
    let title = if name == plain { title.to_owned() } else { format!("{title} ({name})") };
    [title, text.to_owned()]
}

/// How one picture of a task is named.
pub(crate) struct PanelWording {
    pub(crate) title: String,
    pub(crate) measure: &'static str,
    pub(crate) along: &'static str,
    pub(crate) ordered: bool,
    pub(crate) percent: bool,
    pub(crate) level: &'static str,
}

pub(crate) fn panel(kind: Kind, split: &str) -> PanelWording {
    let (title, along, ordered) = match (kind, split) {
        (_, "") => ("All items together", "items", false),
        (_, "attractors") => {
            ("By attractors", "nouns of the other number between subject and verb", true)
        }
        (_, "words before the verb") => ("By the words before the verb", split_name(split), true),
        (_, "distance") => ("By the distance to the subject", "words from subject to verb", true),
        (_, "construction") => ("By construction", "construction", false),
        (_, "tokens") => ("By the forms' tokens", "numbers of tokens of the two forms", false),
        (_, "layer") => ("By layer", "layer", true),
        (Kind::Order, "change") => {
            ("How far a change moves the vector, beside another sentence", "change", false)
        }
        (Kind::Order, "cosine") => ("Cosine to the sentence as it was", "change", false),
        _ => (split, "part", false),
    };
    let (measure, level) = match (kind, split) {
        (Kind::Agreement, _) => ("right", "chance"),
        (Kind::WordInContext, _) => ("right", "always the same answer"),
        (Kind::Probing, _) => ("words tagged right", "most frequent tag"),
        (Kind::Order, "change") => ("share of the distance to another sentence", ""),
        (Kind::Order, _) => ("cosine", ""),
        (Kind::Other, _) => ("mean", "chance"),
    };
    let percent = !matches!(kind, Kind::Order | Kind::Other);
    PanelWording { title: title.to_owned(), measure, along, ordered, percent, level }
}

fn split_name(split: &str) -> &'static str {
    match split {
        "words before the verb" => "words before the verb",
        _ => "part",
    }
}

/// What was held equal, and where.
pub(crate) fn facts(comparison: &Comparison) -> Vec<String> {
    let equal = match comparison.budget.as_str() {
        "tokens" => "All models were trained on the same data, in the same order, with the same \
                     objective, and saw the same number of tokens."
            .to_owned(),
        "seconds" => "All models were trained on the same data, in the same order, with the same \
                      objective, and for the same time: a faster one saw more tokens."
            .to_owned(),
        "parameters" => "All models were trained on the same data, in the same order, with the \
                         same objective and the same number of tokens; their widths were fitted so \
                         that they have the same number of parameters besides the word table."
            .to_owned(),
        other => format!("What was held equal: {other}."),
    };
    let mut facts = vec![equal];
    let machine = &comparison.machine;
    if !machine.cpu.is_empty() {
        facts.push(format!(
            "Measured on {} ({}, {} threads, {:.0} GFLOP/s a thread at most) with Contexture {}.",
            machine.cpu, machine.isa, machine.threads, machine.gflops, comparison.version
        ));
    }
    facts
}

/// What no comparison of this kind shows.
pub(crate) fn limits(comparison: &Comparison) -> Vec<String> {
    let mut limits = vec![
        "The models are small and saw little text: what holds at this size need not hold at \
         another."
            .to_owned(),
        "Learning rate and schedule were the same for all and were searched for none: another \
         setting may suit one model better than the others."
            .to_owned(),
    ];
    let seeds = comparison.models.iter().map(|model| model.runs.len()).max().unwrap_or(0);
    if seeds > 0 && seeds < 5 {
        let runs = if seeds == 1 { "one run" } else { "few runs" };
        let missing = match seeds {
            1 => "intervals hold chance in the choice of items only, not in training",
            _ => "intervals understate how much another seed would change the figures",
        };
        limits.push(format!("With {runs} a model, {missing}."));
    }
    let differences: Vec<_> = comparison.tasks.iter().filter(|f| f.minus.is_some()).collect();
    if !differences.is_empty() {
        let sure = differences
            .iter()
            .filter(|figure| figure.estimate.interval.is_some_and(|[a, b]| a > 0.0 || b < 0.0))
            .count();
        limits.push(format!(
            "Of {} differences between models, {sure} have an interval without 0; one in twenty \
             would have by chance alone.",
            differences.len()
        ));
    }
    if comparison.tasks.iter().any(|figure| figure.split == "attractors") {
        limits.push(
            "Sentences with more attractors are longer too, and constructions with a greater \
             distance are other constructions: the pictures do not part the one from the other."
                .to_owned(),
        );
    }
    if comparison.speed.iter().any(|point| point.mode == Mode::Infer) {
        limits.push(
            "Seconds belong to this machine and this program. A step of an LSTM waits for the one \
             before: where thousands of threads are to be kept busy, as on a GPU, that costs more \
             than here."
                .to_owned(),
        );
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_configuration() {
        let found = kinds(
            "[[task]]\nkind = \"agreement\"\nname = \"linzen\"\n[[task]]\nkind = \"order\"\n",
        );
        assert_eq!(found.get("linzen"), Some(&Kind::Agreement));
        assert_eq!(found.get("order"), Some(&Kind::Order));
        assert!(kinds("no toml [").is_empty());
    }
}
