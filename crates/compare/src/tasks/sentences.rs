//! Sentences as words at white space, with their bytes.

use contexture_engine::Span;

/// The byte ranges of the runs without white space.
pub(super) fn word_spans(text: &str) -> Vec<Span> {
    let begin = text.as_ptr() as usize;
    let span = |word: &str| {
        let at = word.as_ptr() as usize - begin;
        [at, at + word.len()]
    };
    text.split_whitespace().map(span).collect()
}

/// The one word in which two sentences differ; `None` where they differ in more or in none.
pub(super) fn differing_word(a: &str, b: &str) -> Option<usize> {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (a.split_whitespace().collect(), b.split_whitespace().collect());
    if left.len() != right.len() {
        return None;
    }
    let mut differ = (0..left.len()).filter(|at| left[*at] != right[*at]);
    differ.next().filter(|_| differ.next().is_none())
}

/// The sentence with another word at a place; `None` where it has no such place.
pub(super) fn with_word(text: &str, at: usize, word: &str) -> Option<String> {
    let [begin, end] = *word_spans(text).get(at)?;
    Some(format!("{}{word}{}", &text[..begin], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_found_and_put_in() {
        assert_eq!(differing_word("the dog  barks now", "the dog bark now"), Some(2));
        assert_eq!(differing_word("a b", "a b"), None);
        assert_eq!(differing_word("a b c", "a c b"), None);
        assert_eq!(differing_word("a b", "a b c"), None);
        assert_eq!(with_word("the  dög barks .", 2, "bark"), Some("the  dög bark .".to_owned()));
        assert_eq!(with_word("a", 1, "b"), None);
    }
}
