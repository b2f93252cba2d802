//! The page of a comparison.

use crate::Comparison;

/// One self-contained HTML page; `None` where there is nothing to show.
pub fn page(_comparison: &Comparison) -> Option<String> {
    None
}
