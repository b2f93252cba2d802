//! The values of a model's parameters, plain or packed for products.

use contexture_kernels::gemm::PackedMatrix;

use crate::{Declaration, Initial, Param, Role};

/// How one parameter is held.
#[derive(Debug)]
pub enum Stored {
    /// `[rows, width]`, row-major: can be trained, looked up, multiplied.
    Plain(Vec<f32>),
    /// Laid out for the product kernel; for inference only.
    Packed(PackedMatrix),
}

/// A matrix as a product wants it.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    /// `[outputs, inputs]`, row-major.
    Plain(&'a [f32]),
    /// Packed `[outputs, inputs]`.
    Packed(&'a PackedMatrix),
}

/// All values of a model, by [`Param`].
#[derive(Debug)]
pub struct Weights {
    declaration: Declaration,
    stored: Vec<Stored>,
}

impl Weights {
    /// One stored parameter for each declared one, in order. Lengths must agree: loaders check
    /// shapes against files before they come here.
    pub fn new(declaration: Declaration, stored: Vec<Stored>) -> Self {
        assert_eq!(declaration.params.len(), stored.len(), "declared against stored parameters");
        for (declared, stored) in declaration.params.iter().zip(&stored) {
            let (expected, found) = (declared.param.len(), stored.len());
            assert!(expected == found, "{}: {expected} values, found {found}", declared.name);
        }
        Self { declaration, stored }
    }

    /// Freshly initialised, plain, from a seed: the same seed gives the same values everywhere.
    pub fn initial(declaration: Declaration, seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let stored = declaration
            .params
            .iter()
            .map(|declared| Stored::Plain(random.fill(declared.param.len(), declared.initial)))
            .collect();
        Self::new(declaration, stored)
    }

    /// The same values with every [`Role::Matrix`] packed for inference.
    pub fn packed(self) -> Self {
        let Self { declaration, stored } = self;
        let stored = declaration
            .params
            .iter()
            .zip(stored)
            .map(|(declared, stored)| match (declared.role, stored) {
                (Role::Matrix, Stored::Plain(values)) => {
                    let Param { rows, width, .. } = declared.param;
                    Stored::Packed(PackedMatrix::pack(&values, rows, width))
                }
                (_, stored) => stored,
            })
            .collect();
        Self { declaration, stored }
    }

    /// The plain values of a parameter, `[rows, width]`.
    pub fn plain(&self, param: Param) -> &[f32] {
        match &self.stored[param.index] {
            Stored::Plain(values) => values,
            Stored::Packed(_) => {
                panic!("{} is packed: only products may read it", self.name(param))
            }
        }
    }

    /// The plain values, to be changed by an optimiser or a test.
    pub fn plain_mut(&mut self, param: Param) -> &mut [f32] {
        let name = &self.declaration.params[param.index].name;
        match &mut self.stored[param.index] {
            Stored::Plain(values) => values,
            Stored::Packed(_) => panic!("{name} is packed: it cannot be trained"),
        }
    }

    /// The parameter as the right side of a product.
    pub fn matrix(&self, param: Param) -> Matrix<'_> {
        match &self.stored[param.index] {
            Stored::Plain(values) => Matrix::Plain(values),
            Stored::Packed(packed) => Matrix::Packed(packed),
        }
    }

    /// What the values fill.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The parameter's declared name.
    pub fn name(&self, param: Param) -> &str {
        &self.declaration.params[param.index].name
    }

    /// The number of values of all parameters together.
    pub fn count(&self) -> usize {
        self.declaration.params.iter().map(|declared| declared.param.len()).sum()
    }
}

impl Stored {
    /// The number of parameter values (packing's own padding is not counted).
    pub fn len(&self) -> usize {
        match self {
            Stored::Plain(values) => values.len(),
            Stored::Packed(packed) => packed.outputs() * packed.inputs(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Steele, Lea and Flood 2014: small, fast, and enough for initial values.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1): never 0, so that its logarithm is finite.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn fill(&mut self, len: usize, initial: Initial) -> Vec<f32> {
        match initial {
            Initial::Zeros => vec![0.0; len],
            Initial::Ones => vec![1.0; len],
            Initial::ForgetBias { cells } => {
                assert_eq!(len, 4 * cells, "values against cells of a forget gate's bias");
                (0..len).map(|at| if at / cells == 1 { 1.0 } else { 0.0 }).collect()
            }
            Initial::Normal(deviation) => (0..len)
                .map(|_| {
                    // Box and Muller 1958.
                    let radius = (-2.0 * self.uniform().ln()).sqrt();
                    let angle = 2.0 * std::f64::consts::PI * self.uniform();
                    (radius * angle.cos()) as f32 * deviation
                })
                .collect(),
        }
    }
}
