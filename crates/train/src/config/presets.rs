//! Configurations to start from.

/// A commented configuration.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The file.
    pub text: &'static str,
}

/// All of them; the first is what `--new` gives without a name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "masked",
        about: "a masked language model from scratch, on plain text",
        text: include_str!("../../presets/masked.toml"),
    },
    Preset {
        name: "causal",
        about: "a causal language model from scratch, on plain text",
        text: include_str!("../../presets/causal.toml"),
    },
    Preset {
        name: "elmo",
        about: "a bidirectional language model of words spelled out, by LSTMs that read both ways",
        text: include_str!("../../presets/elmo.toml"),
    },
    Preset {
        name: "translation",
        about: "a small Transformer that translates, for tens of thousands of pairs",
        text: include_str!("../../presets/translation.toml"),
    },
    Preset {
        name: "transformer_small",
        about: "a Transformer that translates, half of the base model, for hundreds of thousands",
        text: include_str!("../../presets/transformer_small.toml"),
    },
    Preset {
        name: "transformer_base",
        about: "the base Transformer of \"Attention Is All You Need\"",
        text: include_str!("../../presets/transformer_base.toml"),
    },
    Preset {
        name: "contrastive",
        about: "sentence vectors from pairs of texts, with hard negatives where there are any",
        text: include_str!("../../presets/contrastive.toml"),
    },
    Preset {
        name: "triples",
        about: "paraphrases told from texts that only look like them",
        text: include_str!("../../presets/triples.toml"),
    },
    Preset {
        name: "pairs",
        about: "cosines brought to scores",
        text: include_str!("../../presets/pairs.toml"),
    },
    Preset {
        name: "distillation",
        about: "a small model that gives a teacher's vectors",
        text: include_str!("../../presets/distillation.toml"),
    },
    Preset {
        name: "classification",
        about: "classes of texts, or of their words",
        text: include_str!("../../presets/classification.toml"),
    },
];
