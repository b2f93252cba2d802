//! A normaliser's character map: rules that put strings in the place of strings, longest first.
//!
//! The file holds a double array (Aoe 1989, as darts-clone lays it out) from the bytes of what is
//! replaced to a place among replacements, each of which ends with U+0000. A unit of 32 bits has the
//! byte that leads to it, the offset to its children, and whether a rule ends there; where one does,
//! the child of byte 0 is the place. The `tokenizers` crate reads the same map but takes the shortest
//! rule for a whole grapheme: it turns a decomposed `ộ` into `ô` without its dot.

/// The longest replacement of the usual maps has 33 bytes. A bound keeps a text from growing at will.
const LONGEST_REPLACEMENT: usize = 256;
/// The longest replaced string of the usual maps has 12 bytes.
const LONGEST_RULE: usize = 1024;

/// The bit of a unit that holds a place.
const PLACE: u32 = 1 << 31;

#[derive(Debug)]
pub(crate) struct CharacterMap {
    units: Vec<u32>,
    replacements: String,
}

impl CharacterMap {
    /// Reads `[bytes of the array, little-endian u32][array][replacements]`.
    pub(crate) fn read(blob: &[u8]) -> Result<CharacterMap, String> {
        let (size, rest) =
            blob.split_at_checked(4).ok_or("a character map of less than 4 bytes")?;
        let size = u32::from_le_bytes(size.try_into().unwrap_or_default()) as usize;
        let array = rest.split_at_checked(size).filter(|(_, strings)| !strings.is_empty());
        let Some((array, strings)) = array.filter(|_| size > 0 && size.is_multiple_of(4)) else {
            let left = rest.len();
            return Err(format!(
                "a character map of {left} bytes claims {size} of them for its array"
            ));
        };
        let (units, _) = array.as_chunks::<4>();
        let units: Vec<u32> = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        let replacements = std::str::from_utf8(strings)
            .map_err(|e| format!("replacements are not UTF-8 from {} bytes on", e.valid_up_to()))?;
        let longest = strings.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0);
        if longest > LONGEST_REPLACEMENT {
            return Err(format!(
                "a replacement has {longest} bytes, expected at most {LONGEST_REPLACEMENT}"
            ));
        }
        let begins = |at: usize| at < strings.len() && (at == 0 || strings[at - 1] == 0);
        if let Some(unit) =
            units.iter().find(|unit| **unit >= PLACE && !begins((**unit ^ PLACE) as usize))
        {
            return Err(format!(
                "no replacement begins at {}, where a rule leads to",
                unit ^ PLACE
            ));
        }
        Ok(CharacterMap { units, replacements: replacements.to_owned() })
    }

    /// The longest rule for the beginning of `text`: how many bytes it takes and what it puts there.
    pub(crate) fn rule(&self, text: &str) -> Option<(usize, &str)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize;
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (k, byte) in text.bytes().take(LONGEST_RULE).enumerate() {
            at ^= usize::from(byte);
            let Some(unit) = self.units.get(at) else { break };
            if unit & (PLACE | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(*unit);
            if unit >> 8 & 1 == 1 && text.is_char_boundary(k + 1) {
                found = self.units.get(at).map(|place| (k + 1, place & !PLACE)).or(found);
            }
        }
        let (taken, place) = found?;
        let rest = self.replacements.get(place as usize..)?;
        Some((taken, rest.split_once('\0').map_or(rest, |(string, _)| string)))
    }
}
