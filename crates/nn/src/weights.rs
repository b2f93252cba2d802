//! The values of a model's parameters: plain, packed for products, or as bytes.

use contexture_kernels::gemm::PackedMatrix;
use contexture_kernels::quantised::{QuantisedMatrix, QuantisedTable, quantise_rows};

use crate::{Declaration, Declared, Initial, Param, Role, Spreads};

/// How one parameter is held.
#[derive(Debug)]
pub enum Stored {
    /// `[rows, width]`, row-major: can be trained, looked up, multiplied.
    Plain(Vec<f32>),
    /// Laid out for the product kernel; for inference only.
    Packed(PackedMatrix),
    /// Bytes with a scale a row, laid out for the product kernel; for inference only.
    QuantisedMatrix(QuantisedMatrix),
    /// Bytes with a scale a row, to be looked up; for inference only.
    QuantisedTable(QuantisedTable),
}

/// A matrix as a product wants it.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    /// `[outputs, inputs]`, row-major.
    Plain(&'a [f32]),
    /// Packed `[outputs, inputs]`.
    Packed(&'a PackedMatrix),
    /// Packed bytes `[outputs, inputs]` with a scale for each output.
    Quantised(&'a QuantisedMatrix),
}

/// A table as a lookup wants it.
#[derive(Debug, Clone, Copy)]
pub enum Table<'a> {
    /// `[entries, width]`, row-major.
    Plain(&'a [f32]),
    /// Bytes `[entries, width]` with a scale for each entry.
    Quantised(&'a QuantisedTable),
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

    /// The same values with every matrix packed for inference.
    pub fn packed(self) -> Self {
        let Self { declaration, stored } = self;
        let stored = declaration
            .params
            .iter()
            .zip(stored)
            .map(|(declared, stored)| match (declared.role.is_matrix(), stored) {
                (true, Stored::Plain(values)) => {
                    let Param { rows, width, .. } = declared.param;
                    Stored::Packed(PackedMatrix::pack(&values, rows, width))
                }
                (_, stored) => stored,
            })
            .collect();
        Self { declaration, stored }
    }

    /// The same values for inference with bytes: every plain [`Role::Matrix`] and [`Role::Table`]
    /// quantised row by row, but for the columns that meet outliers by `spreads`; other matrices
    /// packed.
    pub fn quantised(self, spreads: &Spreads) -> Self {
        let Self { declaration, stored } = self;
        let stored = declaration.params.iter().zip(stored).map(|(declared, stored)| {
            match (declared.role.may_be_bytes(), stored) {
                (true, Stored::Plain(values)) => {
                    Stored::quantised(declared, &values, &spreads.outliers(declared.param))
                }
                (_, stored) => stored,
            }
        });
        let stored = stored.collect();
        Self { declaration, stored }.packed()
    }

    /// The plain values of a parameter, `[rows, width]`.
    pub fn plain(&self, param: Param) -> &[f32] {
        match &self.stored[param.index] {
            Stored::Plain(values) => values,
            other => panic!("{} is {}", self.name(param), other.but()),
        }
    }

    /// The plain values, to be changed by an optimiser or a test.
    pub fn plain_mut(&mut self, param: Param) -> &mut [f32] {
        let name = &self.declaration.params[param.index].name;
        match &mut self.stored[param.index] {
            Stored::Plain(values) => values,
            other => panic!("{name} is {}, and cannot be trained", other.but()),
        }
    }

    /// The parameter as the right side of a product.
    pub fn matrix(&self, param: Param) -> Matrix<'_> {
        match &self.stored[param.index] {
            Stored::Plain(values) => Matrix::Plain(values),
            Stored::Packed(packed) => Matrix::Packed(packed),
            Stored::QuantisedMatrix(packed) => Matrix::Quantised(packed),
            other @ Stored::QuantisedTable(_) => {
                panic!("{} is {}", self.name(param), other.but())
            }
        }
    }

    /// The parameter as rows to be looked up.
    pub fn table(&self, param: Param) -> Table<'_> {
        match &self.stored[param.index] {
            Stored::QuantisedTable(table) => Table::Quantised(table),
            _ => Table::Plain(self.plain(param)),
        }
    }

    /// The first parameter that is held as bytes; there is no gradient by those.
    pub fn first_quantised(&self) -> Option<&str> {
        let bytes = |stored: &Stored| {
            matches!(stored, Stored::QuantisedMatrix(_) | Stored::QuantisedTable(_))
        };
        let at = self.stored.iter().position(bytes)?;
        Some(&self.declaration.params[at].name)
    }

    /// What the values fill.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The parameter's declared name.
    pub fn name(&self, param: Param) -> &str {
        &self.declaration.params[param.index].name
    }

    /// How many values are held as bytes, and how many as f32; columns that meet outliers count as
    /// both.
    pub fn count_by_type(&self) -> (usize, usize) {
        let counted = |stored: &Stored| match stored {
            Stored::Plain(_) | Stored::Packed(_) => (0, stored.len()),
            Stored::QuantisedTable(_) => (stored.len(), 0),
            Stored::QuantisedMatrix(matrix) => {
                (stored.len(), matrix.outlier_columns().len() * matrix.outputs())
            }
        };
        self.stored.iter().map(counted).fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    }

    /// The number of values of all parameters together.
    pub fn count(&self) -> usize {
        self.declaration.params.iter().map(|declared| declared.param.len()).sum()
    }
}

impl Stored {
    /// Values quantised row by row, as the parameter's role holds bytes; of a matrix, columns that
    /// meet outliers stay f32.
    ///
    /// # Panics
    /// Where the role holds none.
    pub fn quantised(declared: &Declared, values: &[f32], outliers: &[u32]) -> Self {
        let Param { rows, width, .. } = declared.param;
        if outliers.is_empty() {
            let (bytes, scales) = quantise_rows(values, rows, width);
            return Self::of_bytes(declared, bytes, scales);
        }
        let (mut rest, mut columns) = (values.to_vec(), Vec::with_capacity(outliers.len() * rows));
        for column in outliers {
            let of_rows = (0..rows).map(|row| row * width + *column as usize);
            columns.extend(of_rows.map(|at| std::mem::take(&mut rest[at])));
        }
        let (bytes, scales) = quantise_rows(&rest, rows, width);
        match Self::of_bytes(declared, bytes, scales) {
            Self::QuantisedMatrix(matrix) => {
                Self::QuantisedMatrix(matrix.with_outliers(outliers, &columns))
            }
            other => other,
        }
    }

    /// Bytes and scales as they are, as the parameter's role holds them.
    ///
    /// # Panics
    /// Where the role does not, or lengths do not fit.
    pub fn of_bytes(declared: &Declared, bytes: Vec<i8>, scales: Vec<f32>) -> Self {
        let Param { rows, width, .. } = declared.param;
        match declared.role {
            Role::Matrix => {
                Self::QuantisedMatrix(QuantisedMatrix::pack(&bytes, &scales, rows, width))
            }
            Role::Table => Self::QuantisedTable(QuantisedTable::new(bytes, scales, width)),
            other => panic!("{}: {other:?} is never held as bytes", declared.name),
        }
    }

    /// The number of parameter values (packing's own padding is not counted).
    pub fn len(&self) -> usize {
        match self {
            Stored::Plain(values) => values.len(),
            Stored::Packed(packed) => packed.outputs() * packed.inputs(),
            Stored::QuantisedMatrix(packed) => packed.outputs() * packed.inputs(),
            Stored::QuantisedTable(table) => table.entries() * table.width(),
        }
    }

    /// What it is, and what may read it, where it is not plain.
    fn but(&self) -> &'static str {
        match self {
            Stored::Plain(_) => "plain",
            Stored::Packed(_) => "packed: only products may read it",
            Stored::QuantisedMatrix(_) => "packed bytes: only products may read it",
            Stored::QuantisedTable(_) => "a table of bytes: only lookups may read it",
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
