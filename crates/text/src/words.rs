//! The user's own words, and which tokens stand for them.

use crate::encoding::Span;

/// The words of a text: its longest runs without white space (Unicode `White_Space`).
pub fn words(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_whitespace(), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                found.push([from, at]);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        found.push([from, text.len()]);
    }
    found
}

/// One text from words that the caller has already cut, a blank between each two, and the
/// words' spans in it.
pub fn join_words<S: AsRef<str>>(list: &[S]) -> (String, Vec<Span>) {
    let mut text = String::with_capacity(list.iter().map(|w| w.as_ref().len() + 1).sum());
    let mut spans = Vec::with_capacity(list.len());
    for (k, word) in list.iter().enumerate() {
        if k > 0 {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(word.as_ref());
        spans.push([start, text.len()]);
    }
    (text, spans)
}

/// For each word the range `[first, last)` of tokens that overlap its bytes.
///
/// A token belongs to a word by its bytes that are not white space: a byte-level token that
/// begins with the blank before a word belongs to that word alone, a token that stands for parts
/// of two words belongs to both. A word without tokens gets an empty range. `token_spans` must
/// rise, as those of an [`Encoding`](crate::Encoding) do; `words` may be in any order.
pub fn align(text: &str, words: &[Span], token_spans: &[Option<Span>]) -> Vec<[usize; 2]> {
    let visible: Vec<(usize, Span)> = token_spans
        .iter()
        .enumerate()
        .filter_map(|(k, span)| Some((k, visible_part(text, (*span)?)?)))
        .collect();
    words
        .iter()
        .map(|word| {
            let first = visible.partition_point(|(_, span)| span[1] <= word[0]);
            let last = visible.partition_point(|(_, span)| span[0] < word[1]);
            match visible.get(first) {
                Some((from, _)) if first < last => [*from, visible[last - 1].0 + 1],
                Some((at, _)) => [*at, *at],
                None => [token_spans.len(); 2],
            }
        })
        .collect()
}

/// The span without white space at its ends; `None` where nothing is left.
pub(crate) fn visible_part(text: &str, span: Span) -> Option<Span> {
    let part = text.get(span[0]..span[1])?;
    let kept = part.trim_start();
    let start = span[1] - kept.len();
    let kept = kept.trim_end();
    (!kept.is_empty()).then(|| [start, start + kept.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_without_white_space() {
        assert_eq!(words(" Zwölf\u{2003}Boxkämpfer\n!"), vec![[1, 7], [10, 21], [22, 23]]);
        assert!(words("").is_empty());
        assert!(words(" \t\u{85}").is_empty());
    }

    #[test]
    fn joined_words_keep_their_spans() {
        let (text, spans) = join_words(&["New York", "", "é"]);
        assert_eq!(text, "New York  é");
        assert_eq!(spans, vec![[0, 8], [9, 9], [10, 12]]);
    }

    #[test]
    fn a_leading_blank_belongs_to_no_word() {
        let text = "ab cd  e";
        let spans =
            [None, Some([0, 2]), Some([2, 4]), Some([4, 5]), Some([5, 6]), Some([6, 8]), None];
        assert_eq!(align(text, &words(text), &spans), vec![[1, 2], [2, 4], [5, 6]]);
    }

    #[test]
    fn a_token_over_two_words_belongs_to_both() {
        let text = "a b";
        assert_eq!(align(text, &words(text), &[Some([0, 3])]), vec![[0, 1], [0, 1]]);
    }

    #[test]
    fn a_word_without_tokens_has_an_empty_range() {
        let text = "a \u{200b} b";
        let spans = [Some([0, 1]), Some([6, 7])];
        assert_eq!(align(text, &words(text), &spans), vec![[0, 1], [1, 1], [1, 2]]);
        assert_eq!(align(text, &[[6, 7], [0, 1]], &[Some([0, 1])]), vec![[1, 1], [0, 1]]);
    }
}
