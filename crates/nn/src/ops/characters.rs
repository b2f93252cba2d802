//! Words from their characters: `y[word, f] = act(max_i (b_f + sum_j W_f,j . e[c_{i+j}]))`, i over
//! the places of the word where the filter's window fits.
//!
//! Kim et al. 2016, section 2.2, as in Peters et al. 2018, section 3.4. Table `[entries, dim]`,
//! characters `[words, most]`, the filters of each width `[count, width * dim]` with a bias
//! `[count]`, y `[words, sum of counts]`. No inputs. Activations here never fall, so that the
//! maximum may come before them; adding a bias never changes an order, so that it may come after.
//!
//! Kept for backward: the places of the winning windows, and where there is an activation what it
//! was given. Cost: see the kernel, which multiplies each character once rather than each window;
//! backward adds one value for each filter's character of each word, and two such products.
//!
//! Adjoint, with `g` the gradient by the value before the activation, i the winning window:
//! - `P_j[c_{i+j}, f] += g` for each place j of the filter
//! - `dW_f,j = sum_c P_j[c, f] e_c`, `de_c = sum_j sum_f P_j[c, f] W_f,j`, `db = g`

use std::sync::Arc;

use contexture_kernels::activated::{activate_adjoint, activate_to};
use contexture_kernels::activation::Activation;
use contexture_kernels::characters::{self as kernel, Spelling};
use contexture_kernels::gemm::{self, Epilogue, Operand, Output, Right};
use contexture_kernels::lookup::{lookup, lookup_backward};
use contexture_kernels::{Pool, Store};

use crate::{Backward, Forward, Matrix, Op, Param, Rows, Weights};

/// Filters of one width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    /// Characters in a window.
    pub width: usize,
    /// `[count, width * dim]`, the window's first character first.
    pub weight: Param,
    /// `[count]`
    pub bias: Param,
}

/// Words from their characters.
#[derive(Debug, Clone)]
pub struct CharacterConvolution {
    /// `[entries, dim]`
    pub table: Param,
    /// Their outputs stand side by side, in this order.
    pub filters: Arc<[Filter]>,
    /// Applied to the largest value of each filter; one that never falls: the identity, ReLU, tanh
    /// or the sigmoid.
    pub activation: Activation,
    /// Characters of a word, its padding included.
    pub most: usize,
    /// What words are filled up with.
    pub padding: u16,
    /// `[words, most]`: rows of the table.
    pub characters: Arc<[u16]>,
}

impl CharacterConvolution {
    fn spelling(&self) -> Spelling {
        let never_falls =
            [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid];
        assert!(
            never_falls.contains(&self.activation),
            "a maximum over places cannot come before {:?}",
            self.activation
        );
        let widest = self.filters.iter().map(|filter| filter.width).max().unwrap_or(0);
        Spelling::new(&self.characters, self.most, self.padding, widest, self.table.rows)
    }

    /// The table's rows of the characters that occur, `[characters, dim]`.
    fn embedded(&self, pool: &Pool, weights: &Weights, ids: &[u32], out: &mut Rows) {
        lookup(pool, self.table.width, weights.plain(self.table), ids, out.as_mut_slice());
    }

    fn filters<'a>(&self, weights: &'a Weights) -> Vec<kernel::Filter<'a>> {
        let of = |filter: &Filter| kernel::Filter {
            width: filter.width,
            weight: match weights.matrix(filter.weight) {
                Matrix::Plain(values) => {
                    Right::Plain(values, filter.weight.rows, filter.weight.width)
                }
                Matrix::Packed(packed) => Right::Packed(packed),
                Matrix::Quantised(_) => panic!("{} must be f32", weights.name(filter.weight)),
            },
            bias: weights.plain(filter.bias),
        };
        self.filters.iter().map(of).collect()
    }

    /// `dW`, `db` and `de` of one width, from the gradient by what the activation was given.
    fn filter_backward(
        &self,
        cx: &mut Backward<'_>,
        (filter, column): (&Filter, usize),
        spelling: &Spelling,
        dz: &Rows,
        embedded: &Rows,
        by_embedded: &mut Rows,
    ) {
        let (pool, weights, winners) = (cx.pool, cx.weights, &cx.kept.rows[0]);
        let (count, dim) = (filter.weight.rows, self.table.width);
        let characters = spelling.distinct().len();
        // Rows a power of two apart would compete for the same few places of the caches.
        let stride = count.next_multiple_of(16) + 16;
        let mut products = cx.rows(filter.width * characters, stride);
        let mut bias = cx.rows(1, count);
        kernel::scatter_winners(
            pool,
            spelling,
            (dz.as_slice(), winners.as_slice(), dz.width()),
            (filter.width, column),
            (products.as_mut_slice(), stride),
            bias.as_mut_slice(),
        );
        let plain = weights.plain(filter.weight);
        let wide = filter.width * dim;
        for place in 0..filter.width {
            let own = place * characters * stride..(place + 1) * characters * stride;
            let p = Operand::new(&products.as_slice()[own], stride);
            let w = Operand::new(&plain[place * dim..], wide);
            let values = by_embedded.as_mut_slice();
            let out = Output { values, stride: dim, store: Store::Add };
            gemm::matmul(pool, (characters, count, dim), p, w, out);
        }
        let (dw, store) = cx.open_parameter_gradient(filter.weight);
        for place in 0..filter.width {
            let own = place * characters * stride..(place + 1) * characters * stride;
            let p = Operand::new(&products.as_slice()[own], stride).transposed();
            let e = Operand::new(embedded.as_slice(), dim);
            let out = Output { values: &mut dw[place * dim..], stride: wide, store };
            gemm::matmul(pool, (count, characters, dim), p, e, out);
        }
        cx.add_parameter_gradient(filter.bias, 1.0, bias.as_slice());
        cx.give_back(bias);
        cx.give_back(products);
    }
}

impl Op for CharacterConvolution {
    fn name(&self) -> &'static str {
        "characters"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let (pool, keeps) = (cx.pool, cx.keeps());
        let spelling = self.spelling();
        let mut embedded = cx.rows(spelling.distinct().len(), self.table.width);
        self.embedded(pool, cx.weights, spelling.distinct(), &mut embedded);
        let filters = self.filters(cx.weights);
        let total = filters.iter().map(|filter| filter.bias.len()).sum();
        let mut z = cx.rows(spelling.words(), total);
        let mut winners = keeps.then(|| cx.rows(spelling.words(), total));
        kernel::convolve(
            pool,
            &spelling,
            embedded.as_slice(),
            &filters,
            z.as_mut_slice(),
            winners.as_mut().map(Rows::as_mut_slice),
        );
        cx.give_back(embedded);
        let Some(winners) = winners else {
            let epilogue = Epilogue { activation: self.activation, ..Epilogue::default() };
            epilogue.apply(pool, z.rows(), total, z.as_mut_slice());
            return z;
        };
        cx.keep(winners);
        let mut y = cx.rows(z.rows(), z.width());
        activate_to(pool, self.activation, z.as_slice(), y.as_mut_slice());
        cx.keep(z);
        y
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient);
        let spelling = self.spelling();
        if spelling.words() == 0 {
            return;
        }
        let mut dz = cx.rows(gradient.rows(), gradient.width());
        let (z, to) = (cx.kept.rows[1].as_slice(), dz.as_mut_slice());
        activate_adjoint(pool, self.activation, z, gradient.as_slice(), Store::Over, to);
        let (ids, dim) = (spelling.distinct(), self.table.width);
        let mut embedded = cx.rows(ids.len(), dim);
        self.embedded(pool, cx.weights, ids, &mut embedded);
        let mut by_embedded = cx.rows(ids.len(), dim);
        by_embedded.as_mut_slice().fill(0.0);
        let mut column = 0;
        for filter in self.filters.iter() {
            let own = (filter, column);
            self.filter_backward(cx, own, &spelling, &dz, &embedded, &mut by_embedded);
            column += filter.weight.rows;
        }
        let table = cx.parameter_gradient(self.table);
        lookup_backward(pool, dim, by_embedded.as_slice(), ids, table);
        [dz, embedded, by_embedded].into_iter().for_each(|rows| cx.give_back(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Initial, Segments, Session, Stored, check_gradients};

    const MOST: usize = 9;
    const PADDING: u16 = 11;

    /// Words of 5, 9, 0, 2 and 5 characters, one with padding inside.
    fn words() -> Vec<u16> {
        let spelled: [&[u16]; 5] =
            [&[1, 2, 3, 4, 5], &[6, 7, 6, 7, 8, 9, 10, 1, 2], &[], &[3, 0], &[1, 11, 3, 3, 5]];
        let mut all = Vec::new();
        for word in spelled {
            all.extend(word);
            all.resize(all.len() + MOST - word.len(), PADDING);
        }
        all
    }

    fn declare(b: &mut Builder, filters: &[(usize, usize)], dim: usize) -> CharacterConvolution {
        let table = b.table("table", 12, dim, Initial::Normal(0.5));
        let of = |(index, &(width, count)): (usize, &(usize, usize))| {
            b.within(index, |b| Filter {
                width,
                weight: b.matrix("weight", count, width * dim, Initial::Normal(0.5)),
                bias: b.vector("bias", count, Initial::Normal(0.5)),
            })
        };
        CharacterConvolution {
            table,
            filters: filters.iter().enumerate().map(of).collect(),
            activation: Activation::Identity,
            most: MOST,
            padding: PADDING,
            characters: words().into(),
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let filters = [(1, 3), (2, 2), (9, 4)];
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh] {
            let check = check_gradients(
                |b| declare(b, &filters, 4),
                |op| CharacterConvolution { activation, ..op.clone() },
                &[],
                &[5],
                61,
            );
            assert_eq!(check.checked, 12 * 4 + 3 * 5 + 2 * 9 + 4 * 37);
            assert!(check.worst < 1e-2, "{activation:?}: {check:?}");
        }
    }

    fn wave(n: usize, k: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * k).sin()).collect()
    }

    const FILTERS: [(usize, usize); 4] = [(1, 32), (2, 40), (3, 7), (7, 130)];
    const DIM: usize = 16;

    fn make(characters: &[u16]) -> (CharacterConvolution, Weights) {
        let mut builder = Builder::new();
        let op = declare(&mut builder, &FILTERS, DIM);
        let op = CharacterConvolution {
            activation: Activation::Relu,
            characters: characters.into(),
            ..op
        };
        let declaration = builder.finish();
        let of = |(index, len): (usize, usize)| Stored::Plain(wave(len, 0.37 + index as f32));
        let lengths = declaration.params.iter().map(|declared| declared.param.len());
        let stored = lengths.enumerate().map(of).collect();
        (op, Weights::new(declaration, stored))
    }

    fn infer(characters: &[u16], packed: bool, threads: usize) -> Rows {
        let (op, weights) = make(characters);
        let weights = if packed { weights.packed() } else { weights };
        let mut session = Session::infer(Arc::new(weights), Arc::new(Pool::new(threads)));
        let segments = Segments::single(characters.len() / MOST);
        session.apply(op, &[], &segments).rows().clone()
    }

    /// All windows of all places, in double precision.
    #[test]
    fn equals_the_definition() {
        let (op, weights) = make(&words());
        let found = infer(&words(), false, 1);
        assert_eq!((found.rows(), found.width()), (5, 209));
        let table = weights.plain(op.table);
        for (word, spelled) in words().chunks(MOST).enumerate() {
            let mut column = 0;
            for filter in op.filters.iter() {
                let w = weights.plain(filter.weight);
                for f in 0..filter.weight.rows {
                    let window = |place: usize| -> f64 {
                        let product = (0..filter.width * DIM).map(|k| {
                            let id = usize::from(spelled[place + k / DIM]);
                            let e = f64::from(table[id * DIM + k % DIM]);
                            e * f64::from(w[f * filter.width * DIM + k])
                        });
                        product.sum::<f64>() + f64::from(weights.plain(filter.bias)[f])
                    };
                    let most = (0..=MOST - filter.width).map(window).fold(0.0, f64::max);
                    let y = f64::from(found.row(word)[column]);
                    assert!((y - most).abs() < 3e-6, "{word}, {column}: {y} against {most}");
                    column += 1;
                }
            }
        }
    }

    /// A word's vector, whatever stands around it, on any store and any number of threads.
    #[test]
    fn a_word_is_the_same_in_any_company() {
        let all = infer(&words(), false, 1);
        for threads in 1..=4 {
            for packed in [false, true] {
                assert_eq!(all, infer(&words(), packed, threads), "{threads} threads, {packed}");
            }
        }
        let many: Vec<u16> = words().repeat(300);
        let many = infer(&many, true, 3);
        for (word, spelled) in words().chunks(MOST).enumerate() {
            assert_eq!(infer(spelled, true, 2).row(0), all.row(word));
            assert_eq!(many.row(1200 + word), all.row(word));
        }
        assert_eq!(infer(&[], true, 2).rows(), 0);
    }

    #[test]
    fn gradients_are_the_same_on_any_number_of_threads() {
        let spelled = words().repeat(40);
        let run = |threads| {
            let (op, weights) = make(&spelled);
            let mut session = Session::train(Arc::new(weights), Arc::new(Pool::new(threads)));
            let rows = spelled.len() / MOST;
            let y = session.apply(op.clone(), &[], &Segments::single(rows));
            let seed = Rows::new(wave(rows * 209, 0.3), 209);
            let values = y.rows().clone();
            let gradients = session.backward(&y, seed);
            let params = op.filters.iter().flat_map(|f| [f.weight, f.bias]).chain([op.table]);
            let of = |param| gradients.parameter(param).unwrap().to_vec();
            (values, params.map(of).collect::<Vec<_>>())
        };
        let one = run(1);
        for threads in 2..=4 {
            assert_eq!(one, run(threads));
        }
        assert_eq!(one.0, infer(&spelled, true, 2));
    }

    #[test]
    fn no_words_have_no_gradient() {
        let (op, weights) = make(&[]);
        let mut session = Session::train(Arc::new(weights), Arc::new(Pool::new(2)));
        let y = session.apply(op.clone(), &[], &Segments::single(0));
        assert_eq!((y.rows().rows(), y.rows().width()), (0, 209));
        assert!(session.backward(&y, Rows::zeros(0, 209)).parameter(op.table).is_none());
    }

    /// A maximum must not hide what is not a number.
    #[test]
    fn what_is_not_a_number_stays() {
        let (op, mut weights) = make(&words());
        weights.plain_mut(op.table)[4 * DIM] = f32::NAN;
        let mut session = Session::infer(Arc::new(weights), Arc::new(Pool::new(1)));
        let y = session.apply(op, &[], &Segments::single(5));
        assert!(y.rows().row(0).iter().all(|y| y.is_nan()));
        assert!(y.rows().row(1).iter().all(|y| y.is_finite()));
    }

    #[test]
    #[should_panic(expected = "character 12 of 12")]
    fn a_character_that_is_not_there_is_refused() {
        infer(&[12; MOST], false, 1);
    }
}
