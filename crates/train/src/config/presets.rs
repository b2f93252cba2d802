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
pub const PRESETS: &[Preset] = &[Preset {
    name: "masked",
    about: "a masked language model from scratch, on plain text",
    text: include_str!("../../presets/masked.toml"),
}];
