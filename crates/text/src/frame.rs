//! The special tokens that a post-processor puts around a text.

use std::path::Path;

use serde_json::Value;

use crate::error::TextError;

/// `prefix text suffix`, read once from `post_processor` and then applied by this crate to every
/// tokenizer, so that truncation and chunks keep it exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Ids before the text, each with its token type.
    pub prefix: Vec<(u32, u32)>,
    /// Ids after the text, each with its token type.
    pub suffix: Vec<(u32, u32)>,
    /// Token type of the text.
    pub type_id: u32,
    /// Passes that trim white space off the spans, in order: `add_prefix_space` of each.
    pub trims: Vec<bool>,
}

const SUPPORTED: &str = "BertProcessing, RobertaProcessing, ByteLevel, TemplateProcessing whose \
                         `single` holds the sequence A once, and a Sequence of these";

impl Frame {
    /// Reads `post_processor` of the tokenizer file at `path`.
    pub(crate) fn read(value: &Value, path: &Path) -> Result<Frame, TextError> {
        let mut frame = Frame::default();
        frame.add(value).ok_or_else(|| TextError::Unsupported {
            path: path.to_path_buf(),
            place: "post_processor",
            found: brief(value),
            supported: SUPPORTED,
        })?;
        Ok(frame)
    }

    fn add(&mut self, value: &Value) -> Option<()> {
        if value.is_null() {
            return Some(());
        }
        match value.get("type")?.as_str()? {
            "BertProcessing" => self.add_pair(value),
            "RobertaProcessing" => {
                self.add_trim(value)?;
                self.add_pair(value)
            }
            "ByteLevel" => self.add_trim(value),
            "TemplateProcessing" => self.add_template(value),
            "Sequence" => value.get("processors")?.as_array()?.iter().try_for_each(|v| self.add(v)),
            _ => None,
        }
    }

    /// `cls` and `sep`, each a pair of token and id.
    fn add_pair(&mut self, value: &Value) -> Option<()> {
        let id = |key: &str| {
            let pair = value.get(key)?.as_array()?;
            pair.first()?.as_str()?;
            (pair.len() == 2).then(|| as_id(&pair[1]))?
        };
        self.wrap(vec![(id("cls")?, 0)], vec![(id("sep")?, 0)])
    }

    fn add_trim(&mut self, value: &Value) -> Option<()> {
        let space = value.get("add_prefix_space")?.as_bool()?;
        if value.get("trim_offsets")?.as_bool()? {
            self.trims.push(space);
        }
        Some(())
    }

    fn add_template(&mut self, value: &Value) -> Option<()> {
        let specials = value.get("special_tokens")?.as_object()?;
        let (mut before, mut after, mut sequence) = (Vec::new(), Vec::new(), None);
        for piece in value.get("single")?.as_array()? {
            let (kind, piece) = piece.as_object().filter(|o| o.len() == 1)?.iter().next()?;
            let type_id = as_id(piece.get("type_id")?)?;
            let name = piece.get("id")?.as_str()?;
            match kind.as_str() {
                "Sequence" if name == "A" && sequence.is_none() => sequence = Some(type_id),
                "SpecialToken" => {
                    let side = if sequence.is_none() { &mut before } else { &mut after };
                    for id in specials.get(name)?.get("ids")?.as_array()? {
                        side.push((as_id(id)?, type_id));
                    }
                }
                _ => return None,
            }
        }
        self.type_id = sequence?;
        self.wrap(before, after)
    }

    /// A second set of special tokens would go around the first; no model does that, and the
    /// reference treats it in ways of its own.
    fn wrap(&mut self, prefix: Vec<(u32, u32)>, suffix: Vec<(u32, u32)>) -> Option<()> {
        if !self.prefix.is_empty() || !self.suffix.is_empty() {
            return None;
        }
        self.prefix = prefix;
        self.suffix = suffix;
        Some(())
    }

    /// Number of ids around the text.
    pub(crate) fn len(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }

    /// Whether any token type differs from zero.
    pub(crate) fn has_types(&self) -> bool {
        self.type_id != 0 || self.prefix.iter().chain(&self.suffix).any(|(_, t)| *t != 0)
    }
}

fn as_id(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// A value for an error message, cut to one line's length.
pub(crate) fn brief(value: &Value) -> String {
    let text = match value.get("type").and_then(Value::as_str) {
        Some(kind) => format!("{kind}: {value}"),
        None => value.to_string(),
    };
    let cut: String = text.chars().take(160).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { text }
}

/// The reference's trimming of white space off a token's span, one pass: it counts characters
/// of the token's string but moves the span by as many bytes.
pub(crate) fn trim_span(
    token: &str,
    span: &mut [usize; 2],
    first_token: bool,
    add_prefix_space: bool,
) {
    let blank = |c: &char| *c == '\u{120}' || c.is_whitespace();
    let mut leading = token.chars().take_while(blank).count();
    let trailing = token.chars().rev().take_while(blank).count();
    if leading > 0 {
        if (first_token || span[0] == 0) && add_prefix_space && leading == 1 {
            leading = 0;
        }
        span[0] = (span[0] + leading).min(span[1]);
    }
    if trailing > 0 && span[1] >= trailing {
        span[1] = (span[1] - trailing).max(span[0]);
    }
}

/// Moves a span into `0..text.len()` and out to the nearest character boundaries.
pub(crate) fn to_boundaries(text: &str, span: [usize; 2]) -> [usize; 2] {
    let end = text.ceil_char_boundary(span[1].min(text.len()));
    [text.floor_char_boundary(span[0].min(end)), end]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_usual_kinds() {
        let path = Path::new("t");
        let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]});
        let frame = Frame::read(&bert, path).unwrap();
        assert_eq!((frame.prefix, frame.suffix), (vec![(101, 0)], vec![(102, 0)]));
        let roberta = json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
            "trim_offsets": true, "add_prefix_space": false});
        assert_eq!(Frame::read(&roberta, path).unwrap().trims, vec![false]);
        let template = json!({"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 1}},
            {"SpecialToken": {"id": "E", "type_id": 2}}], "pair": [], "special_tokens": {
            "B": {"id": "B", "ids": [5, 6], "tokens": ["x", "y"]},
            "E": {"id": "E", "ids": [7], "tokens": ["z"]}}});
        let frame = Frame::read(&template, path).unwrap();
        assert_eq!(frame.prefix, vec![(5, 0), (6, 0)]);
        assert_eq!((frame.suffix.as_slice(), frame.type_id), (&[(7, 2)][..], 1));
        assert_eq!(Frame::read(&Value::Null, path).unwrap(), Frame::default());
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let path = Path::new("t.json");
        for value in [
            json!({"type": "Surprise"}),
            json!({"type": "BertProcessing", "sep": ["x", -1], "cls": ["y", 1]}),
            json!({"type": "TemplateProcessing", "single": [], "special_tokens": {}}),
            json!({"type": "TemplateProcessing", "special_tokens": {}, "single": [
                {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}),
            json!(3),
        ] {
            let error = Frame::read(&value, path).unwrap_err().to_string();
            assert!(error.contains("t.json: post_processor"), "{error}");
        }
    }

    #[test]
    fn spans_come_to_rest_on_boundaries() {
        assert_eq!(to_boundaries("aéb", [2, 2]), [1, 3]);
        assert_eq!(to_boundaries("aéb", [9, 2]), [3, 3]);
        assert_eq!(to_boundaries("aéb", [0, 9]), [0, 4]);
    }
}
