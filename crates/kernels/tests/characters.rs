//! Convolutions over characters against f64 twins, packed on every instruction set and plain.

use contexture_kernels::Pool;
use contexture_kernels::characters::{Filter, Spelling, convolve, scatter_winners};
use contexture_kernels::gemm::{PackedMatrix, Right};
use contexture_kernels::isa::Isa;

const MOST: usize = 7;
const PADDING: u16 = 9;
const ENTRIES: usize = 300;

fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Words of all lengths, one full, one with padding inside, `repeats` times.
fn words(repeats: usize) -> Vec<u16> {
    let spelled: [&[u16]; 6] =
        [&[], &[299], &[0, 1, 2], &[7, PADDING, 7], &[3; 6], &[5, 4, 3, 2, 1, 0, 299]];
    let mut all = Vec::new();
    for word in spelled {
        all.extend(word);
        all.resize(all.len() + MOST - word.len(), PADDING);
    }
    all.repeat(repeats)
}

/// Widths and numbers of filters.
const SHAPES: [(usize, usize); 4] = [(1, 1), (2, 33), (5, 70), (7, 130)];

struct Problem {
    dim: usize,
    table: Vec<f32>,
    weights: Vec<Vec<f32>>,
    biases: Vec<Vec<f32>>,
}

impl Problem {
    fn new(dim: usize) -> Self {
        Self {
            dim,
            table: noise(ENTRIES * dim, 1),
            weights: SHAPES.map(|(width, count)| noise(count * width * dim, 2)).to_vec(),
            biases: SHAPES.map(|(_, count)| noise(count, 3)).to_vec(),
        }
    }

    fn packed(&self, isa: Isa) -> Vec<PackedMatrix> {
        let matrices = SHAPES.iter().zip(&self.weights);
        let pack = |((width, count), weights): (&(usize, usize), &Vec<f32>)| {
            PackedMatrix::pack_for(isa, weights, *count, width * self.dim)
        };
        matrices.map(pack).collect()
    }

    /// z and winners; plain where nothing is packed.
    fn run(&self, threads: usize, words: &[u16], packed: &[PackedMatrix]) -> [Vec<f32>; 2] {
        let spelling = Spelling::new(words, MOST, PADDING, 7, ENTRIES);
        let rows = spelling.distinct().iter().map(|id| *id as usize * self.dim);
        let embedded: Vec<f32> =
            rows.flat_map(|at| self.table[at..at + self.dim].to_vec()).collect();
        let filter = |index: usize| {
            let (width, count) = SHAPES[index];
            let plain = Right::Plain(&self.weights[index], count, width * self.dim);
            let weight = packed.get(index).map_or(plain, Right::Packed);
            Filter { width, weight, bias: &self.biases[index] }
        };
        let filters: Vec<Filter<'_>> = (0..SHAPES.len()).map(filter).collect();
        let len = spelling.words() * SHAPES.iter().map(|(_, count)| count).sum::<usize>();
        let (mut z, mut alone) = (vec![f32::NAN; len], vec![f32::NAN; len]);
        let mut winners = vec![f32::NAN; len];
        let pool = Pool::new(threads);
        convolve(&pool, &spelling, &embedded, &filters, &mut z, Some(&mut winners));
        convolve(&pool, &spelling, &embedded, &filters, &mut alone, None);
        assert_eq!(z, alone);
        [z, winners]
    }

    fn window(&self, word: &[u16], index: usize, filter: usize, place: usize) -> f64 {
        let width = SHAPES[index].0 * self.dim;
        let product = (0..width).map(|k| {
            let id = usize::from(word[place + k / self.dim]);
            let e = f64::from(self.table[id * self.dim + k % self.dim]);
            e * f64::from(self.weights[index][filter * width + k])
        });
        product.sum::<f64>() + f64::from(self.biases[index][filter])
    }

    fn compare(&self, words: &[u16], [z, winners]: &[Vec<f32>; 2]) {
        let mut found = z.iter().zip(winners);
        for word in words.chunks(MOST) {
            for (index, (width, count)) in SHAPES.into_iter().enumerate() {
                for filter in 0..count {
                    let windows =
                        (0..=MOST - width).map(|place| self.window(word, index, filter, place));
                    let most = windows.fold(f64::MIN, f64::max);
                    let (z, winner) = found.next().unwrap();
                    let near = 1e-5 * (1.0 + self.dim as f64).sqrt();
                    assert!((f64::from(*z) - most).abs() < near, "{z} against {most}");
                    // Which of nearly equal windows wins is a matter of rounding.
                    let won = self.window(word, index, filter, *winner as usize);
                    assert!((won - most).abs() < near, "the window at {winner}");
                }
            }
        }
        assert!(found.next().is_none());
    }
}

#[test]
fn maxima_equal_their_twins_on_every_instruction_set() {
    for dim in [1, 4, 16, 19] {
        let (problem, words) = (Problem::new(dim), words(1));
        for isa in Isa::supported() {
            problem.compare(&words, &problem.run(1, &words, &problem.packed(isa)));
        }
        let plain = problem.run(1, &words, &[]);
        problem.compare(&words, &plain);
        // Both stores and any number of threads: the same bits.
        assert_eq!(plain, problem.run(3, &words, &problem.packed(Isa::current())));
    }
}

/// More words than one task takes.
#[test]
fn many_words_are_as_few() {
    let (problem, few) = (Problem::new(16), words(1));
    let [z, winners] = problem.run(1, &few, &[]);
    for threads in [1, 2, 4] {
        let many = problem.run(threads, &words(400), &[]);
        assert!(many[0].chunks(z.len()).all(|part| part == z));
        assert!(many[1].chunks(z.len()).all(|part| part == winners));
    }
}

#[test]
fn gradients_go_to_the_winning_windows() {
    let (problem, words) = (Problem::new(3), words(5));
    let [z, winners] = problem.run(1, &words, &[]);
    let spelling = Spelling::new(&words, MOST, PADDING, 7, ENTRIES);
    let (count, total) = (spelling.words(), z.len() / spelling.words());
    let characters = spelling.distinct().len();
    let (index, column) = (3, 104);
    let (width, filters) = SHAPES[index];
    let dz = noise(z.len(), 9);
    let stride = filters + 5;
    let mut expected = vec![0.0; width * characters * stride];
    let mut sums = vec![0.0; filters];
    for word in 0..count {
        for filter in 0..filters {
            let at = word * total + column + filter;
            sums[filter] += dz[at];
            for place in 0..width {
                let id = u32::from(words[word * MOST + winners[at] as usize + place]);
                let slot = spelling.distinct().iter().position(|other| *other == id).unwrap();
                expected[(place * characters + slot) * stride + filter] += dz[at];
            }
        }
    }
    for threads in 1..=4 {
        let (mut products, mut bias) = (vec![f32::NAN; expected.len()], vec![f32::NAN; filters]);
        let given = (&dz[..], &winners[..], total);
        let out = (&mut products[..], stride);
        let pool = Pool::new(threads);
        scatter_winners(&pool, &spelling, given, (width, column), out, &mut bias);
        assert_eq!((&products, &bias), (&expected, &sums), "{threads} threads");
    }
}

#[test]
#[should_panic(expected = "a filter of 8 in words of 7")]
fn a_filter_wider_than_words_is_refused() {
    let spelling = Spelling::new(&words(1), MOST, PADDING, 8, ENTRIES);
    let embedded = vec![0.0; spelling.distinct().len()];
    let filter = Filter { width: 8, weight: Right::Plain(&[0.0; 8], 1, 8), bias: &[0.0] };
    convolve(&Pool::new(1), &spelling, &embedded, &[filter], &mut [0.0; 6], None);
}
