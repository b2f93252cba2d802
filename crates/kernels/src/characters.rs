//! Words from their characters: a convolution of each width and its maximum over places (Kim et
//! al. 2016, section 2.2; Peters et al. 2018, section 3.4).
//!
//! `z[word, f] = bias_f + max_i sum_j W_f,j . e[c_{i+j}]`, i over the places where a window of the
//! filter's width lies inside the word's `most` characters. Table `[entries, dim]`, W `[count, width
//! * dim]`, z `[words, sum of counts]`.
//!
//! A window's sum has one addend for each of its characters, and there are few characters: the
//! products `P_j = E W_j^T` of all characters that occur are computed once, `[characters, count]`
//! for each place j of the filter, and a window is then a sum of `width` rows of them. That is `dim`
//! times less arithmetic than multiplying every window (16 times at ELMo's sizes). Windows wholly in
//! a word's padding all have one value: one of them is computed.
//!
//! Cost: `2 * characters * dim * sum(width * count)` operations, and `places * sum(width * count)`
//! additions. Each sum is one chain in the order of j, whatever else is computed with it.

use crate::Pool;
use crate::blocks::Places;
use crate::gemm::{Right, Scratch, tile_panel_width, with_scratch};
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Words as rows of the characters that occur in them.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// `[words, most]`: places in `distinct`; what lies behind the last window is 0.
    slots: Vec<u16>,
    /// Characters of each word up to its padding.
    lengths: Vec<u16>,
    /// The numbers of the characters that occur, ascending.
    distinct: Vec<u32>,
    most: usize,
}

impl Spelling {
    /// Reads `characters`, `[words, most]`, in which `padding` fills words up; windows are at most
    /// `widest` wide.
    ///
    /// # Panics
    /// Where a character is none of `entries`, or rows are not whole.
    pub fn new(
        characters: &[u16],
        most: usize,
        padding: u16,
        widest: usize,
        entries: usize,
    ) -> Self {
        let whole = most > 0 && characters.len().is_multiple_of(most);
        assert!(whole, "{} characters in words of {most}", characters.len());
        assert!(most <= usize::from(u16::MAX), "words of {most} characters");
        let mut slot = vec![0u16; entries];
        let mut lengths = Vec::with_capacity(characters.len() / most);
        for word in characters.chunks_exact(most) {
            let length = word.iter().rposition(|c| *c != padding).map_or(0, |last| last + 1);
            lengths.push(length as u16);
            for &character in &word[..(length + widest).min(most)] {
                let found = slot.get_mut(usize::from(character));
                *found.unwrap_or_else(|| panic!("character {character} of {entries}")) = 1;
            }
        }
        let mut distinct = Vec::new();
        for (id, slot) in slot.iter_mut().enumerate().filter(|(_, slot)| **slot == 1) {
            *slot = distinct.len() as u16;
            distinct.push(id as u32);
        }
        let mut slots = vec![0; characters.len()];
        let words = characters.chunks_exact(most).zip(slots.chunks_exact_mut(most));
        for ((word, slots), length) in words.zip(&lengths) {
            let read = (usize::from(*length) + widest).min(most);
            for (to, character) in slots[..read].iter_mut().zip(word) {
                *to = slot[usize::from(*character)];
            }
        }
        Self { slots, lengths, distinct, most }
    }

    /// The number of words.
    pub fn words(&self) -> usize {
        self.lengths.len()
    }

    /// The numbers of the characters that occur, ascending.
    pub fn distinct(&self) -> &[u32] {
        &self.distinct
    }

    /// A word's places in [`Spelling::distinct`], and how many windows of `width` count.
    #[inline(always)]
    fn word(&self, word: usize, width: usize) -> (&[u16], usize) {
        let slots = &self.slots[word * self.most..(word + 1) * self.most];
        (slots, usize::from(self.lengths[word]).min(self.most - width) + 1)
    }
}

/// Filters of one width.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Characters in a window.
    pub width: usize,
    /// `[count, width * dim]`
    pub weight: Right<'a>,
    /// `[count]`
    pub bias: &'a [f32],
}

/// Words that one task handles: enough that their windows outweigh the products.
const WORDS: usize = 1024;

/// Vectors of the widest strip of filters that a task handles.
const MOST_VECTORS: usize = 6;

/// Filters in a strip: two panels of the product, so that a strip's products stay in L2.
fn strip_width(isa: Isa) -> usize {
    2 * tile_panel_width(isa)
}

/// A strip of filters, and the words that it reads.
#[derive(Clone, Copy)]
struct Task {
    filter: usize,
    /// The first of the strip's filters, and its place in a row of the output.
    first: usize,
    column: usize,
    words: usize,
}

/// `z` of all words, `[words, sum of counts]`; `embedded` is the table's rows of the characters that
/// occur, `[characters, dim]`. Where wanted, `winners`, of z's shape, are the places of the windows
/// with the largest sum, the first of equal ones.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn convolve(
    pool: &Pool,
    spelling: &Spelling,
    embedded: &[f32],
    filters: &[Filter<'_>],
    z: &mut [f32],
    winners: Option<&mut [f32]>,
) {
    let (words, characters) = (spelling.words(), spelling.distinct.len());
    if words == 0 {
        return;
    }
    let dim = embedded.len() / characters;
    let total = check(spelling, dim, filters);
    assert_eq!(embedded.len(), characters * dim, "embeddings of {characters} characters");
    assert_eq!(z.len(), words * total, "[{words}, {total}] of a convolution");
    if let Some(winners) = &winners {
        assert_eq!(winners.len(), z.len(), "winners of [{words}, {total}]");
    }
    let tasks = tasks(filters, words);
    let z = Places::new(z);
    let winners = winners.map(Places::new);
    pool.run(tasks.len(), &|task| {
        let Task { filter, first, column, words: from } = tasks[task];
        let own = from..(from + WORDS).min(words);
        let filter = &filters[filter];
        let isa = filter.weight.isa();
        let strip = strip_width(isa);
        let columns = (filter.bias.len() - first).min(strip);
        let len = filter.width * characters * strip;
        // Where a strip has one panel only, what is old in the second never reaches the output.
        with_scratch(Scratch::Panels, len, |products| {
            let shape = (characters, dim);
            let part = Products { embedded, shape, filter, first, to: &mut *products };
            dispatch_on(isa, part);
            let bias = &filter.bias[first..first + columns];
            let out = Strip { z: &z, winners: winners.as_ref(), total, column };
            let width = filter.width;
            let windows = Windows { spelling, words: own, products, width, bias, out };
            dispatch_on(isa, windows);
        });
    });
}

/// Strips of the widest filters first: they take longest.
fn tasks(filters: &[Filter<'_>], words: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut before = 0;
    for (index, filter) in filters.iter().enumerate() {
        let strip = strip_width(filter.weight.isa());
        for first in (0..filter.bias.len()).step_by(strip) {
            let column = before + first;
            let own = (0..words).step_by(WORDS);
            tasks.extend(own.map(|words| Task { filter: index, first, column, words }));
        }
        before += filter.bias.len();
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(filters[task.filter].width));
    tasks
}

/// Asserts that all shapes fit; the number of filters of all widths.
fn check(spelling: &Spelling, dim: usize, filters: &[Filter<'_>]) -> usize {
    for Filter { width, weight, bias } in filters {
        let (outputs, inputs) = weight.shape();
        weight.check();
        assert!(
            *width > 0 && *width <= spelling.most,
            "a filter of {width} in words of {}",
            spelling.most
        );
        assert!(
            (outputs, inputs) == (bias.len(), width * dim),
            "filters [{outputs}, {inputs}] for {} of {width} characters of {dim}",
            bias.len()
        );
    }
    filters.iter().map(|filter| filter.bias.len()).sum()
}

/// `P_j`, `[width, characters, strip]`.
struct Products<'a> {
    embedded: &'a [f32],
    shape: (usize, usize),
    filter: &'a Filter<'a>,
    first: usize,
    to: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { embedded, shape: (characters, dim), filter, first, to } = self;
        let width = tile_panel_width(S::ISA);
        let mut weights = vec![0.0; dim * width];
        for (half, at) in (first..filter.bias.len()).step_by(width).take(2).enumerate() {
            for place in 0..filter.width {
                filter.weight.panel(s, at / width, (place * dim, dim), &mut weights);
                let to = &mut to[place * characters * 2 * width..][half * width..];
                match S::ISA {
                    Isa::Neon => products::<S, 3>(s, (embedded, dim), &weights, to),
                    _ => products::<S, 2>(s, (embedded, dim), &weights, to),
                }
            }
        }
    }
}

/// Characters whose products are computed together.
const TOGETHER: usize = 4;

/// Each row of `x`, `[characters, dim]`, times a panel, `[dim, width]`, to rows of `to` that begin two
/// widths apart. Each sum is one chain in the order of the inputs.
#[inline(always)]
fn products<S: Simd, const VECTORS: usize>(
    s: S,
    (x, dim): (&[f32], usize),
    panel: &[f32],
    to: &mut [f32],
) {
    let width = VECTORS * S::LANES;
    let last = (x.len() / dim).saturating_sub(1);
    for (block, rows) in to.chunks_mut(TOGETHER * 2 * width).enumerate() {
        let first = block * TOGETHER;
        if first > last {
            break;
        }
        // Where fewer are left the last one is computed more than once.
        let own: [&[f32]; TOGETHER] = std::array::from_fn(|row| {
            let row = (first + row).min(last);
            &x[row * dim..(row + 1) * dim]
        });
        let mut sums = [[s.splat(0.0); VECTORS]; TOGETHER];
        for (input, panel) in panel.chunks_exact(width).enumerate() {
            for row in 0..TOGETHER {
                let x = s.splat(own[row][input]);
                for v in 0..VECTORS {
                    sums[row][v] = s.fma(x, s.load(&panel[v * S::LANES..]), sums[row][v]);
                }
            }
        }
        for (sums, row) in sums.iter().zip(rows.chunks_mut(2 * width)).take(last + 1 - first) {
            for v in 0..VECTORS {
                s.store(sums[v], &mut row[v * S::LANES..]);
            }
        }
    }
}

/// Where a strip's results go.
struct Strip<'a> {
    z: &'a Places,
    winners: Option<&'a Places>,
    total: usize,
    column: usize,
}

/// The windows of some words against one strip of filters.
struct Windows<'a> {
    spelling: &'a Spelling,
    words: std::ops::Range<usize>,
    products: &'a [f32],
    width: usize,
    bias: &'a [f32],
    out: Strip<'a>,
}

impl Kernel for Windows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match S::ISA {
            Isa::Neon => self.of::<S, MOST_VECTORS>(s),
            _ => self.of::<S, 4>(s),
        }
    }
}

impl Windows<'_> {
    #[inline(always)]
    fn of<S: Simd, const VECTORS: usize>(self, s: S) {
        match self.out.winners {
            Some(_) => self.each::<S, VECTORS, true>(s),
            None => self.each::<S, VECTORS, false>(s),
        }
    }

    #[inline(always)]
    fn each<S: Simd, const VECTORS: usize, const WINNERS: bool>(self, s: S) {
        let Self { spelling, words, products, width, bias, out } = self;
        let strip = VECTORS * S::LANES;
        let characters = spelling.distinct.len();
        let most = s.splat(f32::NEG_INFINITY);
        for word in words {
            let (slots, windows) = spelling.word(word, width);
            let mut best = [most; VECTORS];
            let mut winner = [s.splat(0.0); VECTORS];
            // What is not a number must not be lost in a comparison.
            let mut poison = [s.splat(0.0); VECTORS];
            for place in 0..windows {
                let mut sum = [s.splat(0.0); VECTORS];
                for (index, slot) in slots[place..place + width].iter().enumerate() {
                    let row = index * characters + usize::from(*slot);
                    let row = &products[row * strip..(row + 1) * strip];
                    for v in 0..VECTORS {
                        sum[v] = s.add(sum[v], s.load(&row[v * S::LANES..]));
                    }
                }
                for v in 0..VECTORS {
                    poison[v] = s.fma(sum[v], s.splat(0.0), poison[v]);
                    let better = s.gt(sum[v], best[v]);
                    if WINNERS {
                        winner[v] = s.select(better, s.splat(place as f32), winner[v]);
                    }
                    best[v] = s.select(better, sum[v], best[v]);
                }
            }
            let at = word * out.total + out.column;
            // SAFETY: a task's words and columns are its own, and within the output.
            let to = unsafe { out.z.slice(at..at + bias.len()) };
            for (v, (to, bias)) in to.chunks_mut(S::LANES).zip(bias.chunks(S::LANES)).enumerate() {
                let z = s.add(s.add(best[v], poison[v]), s.load_tail(bias));
                s.store_tail(z, to);
            }
            if let Some(winners) = out.winners.filter(|_| WINNERS) {
                // SAFETY: as above.
                let to = unsafe { winners.slice(at..at + bias.len()) };
                for (v, to) in to.chunks_mut(S::LANES).enumerate() {
                    s.store_tail(winner[v], to);
                }
            }
        }
    }
}

/// Filters that one task of the adjoint handles.
const FILTERS: usize = 64;

/// The gradients by `P_j` of the filters of one width, `[width, characters, stride]`, from those by
/// z and its winners, which begin at `column` of rows of `total`: each goes to the characters of the
/// winning window. `products` is overwritten; the gradient by the bias, `[count]`, too.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn scatter_winners(
    pool: &Pool,
    spelling: &Spelling,
    (dz, winners, total): (&[f32], &[f32], usize),
    (width, column): (usize, usize),
    (products, stride): (&mut [f32], usize),
    bias: &mut [f32],
) {
    let (words, characters) = (spelling.words(), spelling.distinct.len());
    assert_eq!((dz.len(), winners.len()), (words * total, words * total), "gradient of windows");
    assert!(column + bias.len() <= total && bias.len() <= stride, "{} filters", bias.len());
    assert_eq!(products.len(), width * characters * stride, "gradient of a window's parts");
    let len = products.len();
    let (count, to) = (bias.len(), Places::new(products));
    let bias = Places::new(bias);
    pool.run(count.div_ceil(FILTERS), &|task| {
        let first = task * FILTERS;
        let own = first..(first + FILTERS).min(count);
        // The last strip also clears what lies between the filters and the stride.
        let end = if own.end == count { stride } else { own.end };
        for row in (0..len).step_by(stride.max(1)) {
            // SAFETY: strips of columns are disjoint and within the rows.
            unsafe { to.slice(row + first..row + end) }.fill(0.0);
        }
        // SAFETY: as above.
        let bias = unsafe { bias.slice(own.clone()) };
        bias.fill(0.0);
        for word in 0..words {
            let (slots, windows) = spelling.word(word, width);
            let at = word * total + column + first;
            let (dz, winners) = (&dz[at..at + own.len()], &winners[at..at + own.len()]);
            for (filter, (gradient, winner)) in dz.iter().zip(winners).enumerate() {
                let place = (*winner as usize).min(windows - 1);
                bias[filter] += gradient;
                for (index, slot) in slots[place..place + width].iter().enumerate() {
                    let row = (index * characters + usize::from(*slot)) * stride;
                    let at = row + first + filter;
                    // SAFETY: as above; the slot is one of the characters.
                    let cell = unsafe { to.slice(at..at + 1) };
                    cell[0] += gradient;
                }
            }
        }
    });
}
