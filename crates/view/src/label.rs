//! A text as a label: one line, of a given width on the screen.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Fits a text into `columns` of a terminal: cut with an ellipsis or filled with spaces, so that
/// the result is exactly that wide. Control characters, line ends and marks that turn the writing
/// direction are shown as spaces, so that no text can steer the terminal.
pub fn fit(text: &str, columns: usize) -> String {
    // Marks of no width may follow without end; a label needs no more than a few a column.
    let most = columns.saturating_mul(8).saturating_add(8);
    let mut shown: String = text.chars().take(most).map(harmless).collect();
    if shown.width() > columns || text.chars().nth(most).is_some() {
        shown = cut(&shown, columns.saturating_sub(1));
        if columns > 0 {
            shown.push('…');
        }
    }
    let gap = columns.saturating_sub(shown.width());
    shown.extend(std::iter::repeat_n(' ', gap));
    shown
}

/// The width that a text takes as a label without being cut.
pub(crate) fn width(text: &str, most: usize) -> usize {
    let shown: String =
        text.chars().take(most.saturating_mul(8).saturating_add(8)).map(harmless).collect();
    shown.width().min(most)
}

/// The longest start that fits.
fn cut(text: &str, columns: usize) -> String {
    let mut end = 0;
    for (start, character) in text.char_indices() {
        let next = start + character.len_utf8();
        if text[..next].width() > columns {
            break;
        }
        end = next;
    }
    text[..end].to_owned()
}

fn harmless(character: char) -> char {
    let turns = matches!(
        character,
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    if turns || character.is_control() || character.width().is_none() { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_exactly_as_wide_as_asked() {
        let marks = format!("a{}", "\u{301}".repeat(100_000));
        let texts = [
            "",
            "plain",
            "a longer label than fits",
            "日本語のラベル",
            "👩‍👩‍👧 family",
            "e\u{301}e\u{301}e\u{301}e\u{301}",
            "\x1b[31mred\x07",
            "two\nlines\ttab",
            "שלום עולם",
            "\u{202E}turned",
            &marks,
        ];
        for text in texts {
            for columns in 0..24 {
                let label = fit(text, columns);
                assert_eq!(label.width(), columns, "{text:?} in {columns}: {label:?}");
                assert!(!label.chars().any(char::is_control), "{label:?}");
            }
        }
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日… ");
    }
}
