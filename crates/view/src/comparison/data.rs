//! What a comparison measured, as the page is given it.

/// Several models that were trained alike, and what was measured on them. Parts that are empty are
/// not shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparisonPage {
    /// The page's title.
    pub title: String,
    /// What was held equal, on which machine: a sentence each.
    pub facts: Vec<String>,
    /// The models; colours follow their order throughout the page.
    pub models: Vec<ComparedModel>,
    /// What each run learned.
    pub curves: Vec<LearningCurve>,
    /// What the curves show; empty: the held-out loss.
    pub loss: String,
    /// What steps cost.
    pub costs: Vec<CostPoint>,
    /// Power laws that were fitted to them.
    pub laws: Vec<PowerLaw>,
    /// What the models can do, in the order of the page.
    pub tasks: Vec<TaskSection>,
    /// What the figures do not show: a sentence each.
    pub notes: Vec<String>,
    /// The comparison's configuration, shown as it is.
    pub config: Option<String>,
}

/// One of the models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparedModel {
    /// Its name.
    pub name: String,
    /// What gathers meaning from context in it.
    pub aggregator: String,
    /// All parameters.
    pub parameters: u64,
    /// Those of the word table among them.
    pub word_parameters: u64,
    /// Layers.
    pub layers: usize,
    /// Width of a hidden state.
    pub hidden: usize,
    /// Its runs, one a seed.
    pub runs: Vec<ComparedRun>,
}

/// A finished run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparedRun {
    /// The seed.
    pub seed: u64,
    /// Steps taken.
    pub steps: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The last held-out loss, where one was measured.
    pub held_out: Option<f64>,
}

/// The loss of a run over its training.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LearningCurve {
    /// The number of its model in [`ComparisonPage::models`].
    pub model: usize,
    /// The seed.
    pub seed: u64,
    /// In rising order.
    pub points: Vec<LearningPoint>,
}

/// One evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LearningPoint {
    /// Steps taken.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The loss.
    pub loss: f64,
}

/// Whose time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// A forward pass.
    Inference,
    /// A training step: forward, backward and the loss.
    Training,
}

impl Cost {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Cost::Inference => "Inference",
            Cost::Training => "Training step",
        }
    }
}

/// What was varied in a measurement of speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Varied {
    /// Tokens of a sequence.
    Length,
    /// Layers.
    Depth,
}

impl Varied {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Varied::Length => "length of a sequence in tokens",
            Varied::Depth => "layers",
        }
    }
}

/// The time of a step of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct CostPoint {
    /// The number of its model in [`ComparisonPage::models`].
    pub model: usize,
    /// What was timed.
    pub cost: Cost,
    /// Threads.
    pub threads: usize,
    /// Of which series of measurements it is one.
    pub varied: Varied,
    /// Tokens of a sequence.
    pub length: usize,
    /// Layers.
    pub depth: usize,
    /// Seconds of a step.
    pub seconds_per_step: f64,
    /// Seconds a token.
    pub seconds_per_token: f64,
}

/// Seconds a token ~ (length or depth) to the power of `exponent`, between `from` and `to`.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerLaw {
    /// The number of its model in [`ComparisonPage::models`].
    pub model: usize,
    /// What was timed.
    pub cost: Cost,
    /// Threads.
    pub threads: usize,
    /// What was varied.
    pub varied: Varied,
    /// The exponent.
    pub exponent: f64,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// The least length or depth that it was fitted to.
    pub from: usize,
    /// The greatest.
    pub to: usize,
}

/// A question that was put to all models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSection {
    /// Its title.
    pub title: String,
    /// What is measured, and how to read it.
    pub text: String,
    /// Its plots.
    pub panels: Vec<TaskPanel>,
}

/// One plot of a task: a figure of each model in each bin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPanel {
    /// Its title.
    pub title: String,
    /// What is measured, as the axis names it.
    pub measure: String,
    /// What the bins are, as the axis names them.
    pub along: String,
    /// Whether the bins are stations of one scale (drawn from left to right, joined), or things of
    /// several kinds (drawn below each other).
    pub ordered: bool,
    /// Whether figures are shares and shown as per cent.
    pub percent: bool,
    /// The bins' names.
    pub bins: Vec<String>,
    /// What needs no model, and its name: what guessing gives, what words alone tell.
    pub level: Option<(f64, String)>,
    /// A figure of each model in each bin.
    pub series: Vec<TaskSeries>,
    /// One model less another, in each bin.
    pub differences: Vec<TaskSeries>,
}

/// The figures of one model, or the differences of two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSeries {
    /// Its name.
    pub name: String,
    /// The number of its model in [`ComparisonPage::models`].
    pub model: usize,
    /// One a bin; `None` where nothing was measured.
    pub cells: Vec<Option<TaskCell>>,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TaskCell {
    /// The figure.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// The items that it was computed from.
    pub items: usize,
}
