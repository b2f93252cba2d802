//! A text's outputs as lines.

use contexture::translate::Output;
use contexture::{Tokenizer, Translation};
use contexture_bulk::Id;
use serde::Serialize;

/// How outputs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The likeliest one's text.
    Plain,
    /// Its score before it.
    Scored,
    /// Each of them: id, score, text.
    Numbered,
    /// A JSON record.
    Json {
        /// Whether each token is written with its log-probability.
        tokens: bool,
    },
}

#[derive(Serialize)]
struct Record<'a> {
    id: Name<'a>,
    outputs: Vec<Written<'a>>,
    tokens: usize,
    tokens_used: usize,
    truncated: bool,
    unknown: usize,
    pieces: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Name<'a> {
    Number(i64),
    Text(&'a str),
}

#[derive(Serialize)]
struct Written<'a> {
    text: &'a str,
    score: f32,
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<Told<'a>>>,
}

#[derive(Serialize)]
struct Told<'a> {
    token: &'a str,
    log_probability: f32,
}

impl Layout {
    /// The lines of a text, each with its end; `target` names tokens, of which `end` ends an output.
    pub(crate) fn lines(
        self,
        id: &Id,
        translation: &Translation,
        (target, end): (&Tokenizer, u32),
    ) -> String {
        let outputs = &translation.outputs;
        let best = || outputs.first().map_or("", |output| &output.text);
        match self {
            Self::Plain => one_line(best()) + "\n",
            Self::Scored => {
                let score = outputs.first().map_or(0.0, |output| output.score);
                format!("{score:.4}\t{}\n", one_line(best()))
            }
            Self::Numbered => {
                let id = one_line(&id.to_string()).replace('\t', " ");
                let line = |output: &Output| {
                    format!("{id}\t{:.4}\t{}\n", output.score, one_line(&output.text))
                };
                outputs.iter().map(line).collect()
            }
            Self::Json { tokens } => {
                let written = |output| Written::new(output, tokens.then_some((target, end)));
                let record = Record {
                    id: match id {
                        Id::Number(number) => Name::Number(*number),
                        Id::Text(text) => Name::Text(text),
                    },
                    outputs: outputs.iter().map(written).collect(),
                    tokens: translation.tokens,
                    tokens_used: translation.tokens_used,
                    truncated: translation.truncated,
                    unknown: translation.unknown,
                    pieces: translation.pieces,
                };
                let record = serde_json::to_string(&record).expect("a record is plain data");
                record + "\n"
            }
        }
    }
}

impl<'a> Written<'a> {
    fn new(output: &'a Output, told: Option<(&'a Tokenizer, u32)>) -> Self {
        let Output { text, ids, log_probabilities, score, ended } = output;
        let tokens = told.map(|(target, end)| {
            let told = ids.iter().copied().chain([end]).zip(log_probabilities);
            let told = told.map(|(id, log_probability)| Told {
                token: target.token(id).unwrap_or_default(),
                log_probability: *log_probability,
            });
            told.collect()
        });
        Self { text, score: *score, ended: *ended, tokens }
    }
}

/// A text without line breaks, so that lines out stay in step with lines in.
fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn no_line_break_is_left() {
        assert_eq!(one_line("a\r\nb\nc\rd\te"), "a b c d\te");
    }
}
