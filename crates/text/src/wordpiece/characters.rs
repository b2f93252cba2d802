//! What BERT's rules ask of a character, answered from the tables that `tokenizers` uses.
//!
//! Those tables are searched, which costs some 200 ns a character; the answers are kept in pages
//! of 256 characters that are filled when first touched.

use std::sync::OnceLock;

use unicode_categories::UnicodeCategories;

/// Removed by `clean_text`.
pub(crate) const DROPPED: u8 = 1;
/// White space for the splitting of words (Unicode `White_Space`).
pub(crate) const SPACE: u8 = 2;
/// A nonspacing mark, removed by `strip_accents`.
pub(crate) const MARK: u8 = 4;
/// Punctuation, a word of its own.
pub(crate) const PUNCTUATION: u8 = 8;
/// An ideograph, set between blanks by `handle_chinese_chars`.
pub(crate) const IDEOGRAPH: u8 = 16;

static PAGES: [OnceLock<Box<[u8; 256]>>; 0x1100] = [const { OnceLock::new() }; 0x1100];

/// The properties of a character as bits.
#[inline]
pub(crate) fn properties(c: char) -> u8 {
    let code = c as u32;
    let page = PAGES[(code >> 8) as usize].get_or_init(|| fill(code & !0xff));
    page[(code & 0xff) as usize]
}

fn fill(first: u32) -> Box<[u8; 256]> {
    let mut page = Box::new([0; 256]);
    for (k, bits) in page.iter_mut().enumerate() {
        if let Some(c) = char::from_u32(first + k as u32) {
            *bits = look_up(c);
        }
    }
    page
}

fn look_up(c: char) -> u8 {
    let spared = matches!(c, '\t' | '\n' | '\r');
    let dropped = c == '\0' || c == '\u{fffd}' || (!spared && c.is_other());
    let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
    bit(dropped, DROPPED)
        | bit(c.is_whitespace(), SPACE)
        | bit(c.is_mark_nonspacing(), MARK)
        | bit(c.is_ascii_punctuation() || c.is_punctuation(), PUNCTUATION)
        | bit(is_ideograph(c), IDEOGRAPH)
}

/// The blocks that BERT calls Chinese: ideographs, not kana or hangul.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x2a6df
        | 0x2a700..=0x2b73f | 0x2b740..=0x2b81f | 0x2b920..=0x2ceaf | 0x2f800..=0x2fa1f)
}
