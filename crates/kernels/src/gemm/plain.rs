//! Products of plain matrices, for training and for weights that are not packed.

use super::epilogue::Epilogue;
use super::packed::Target;
use super::product::{Matmul, View};
use crate::Pool;
use crate::isa::Isa;

/// A matrix that is read: rows that begin `stride` values apart.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    values: &'a [f32],
    stride: usize,
    transposed: bool,
}

impl<'a> Operand<'a> {
    /// Rows that begin `stride` values apart, of which the first ones count.
    pub fn new(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride, transposed: false }
    }

    /// The same memory as its transpose.
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Its first row and the stride of its rows, for `[rows, columns]`.
    pub(super) fn rows_of(&self, what: &str, rows: usize, columns: usize) -> (*const f32, usize) {
        assert!(!self.transposed, "{what} [{rows}, {columns}] is read by rows");
        check(what, self.values.len(), (rows, columns), self.stride);
        (self.values.as_ptr(), self.stride)
    }

    /// How to read it as `[rows, columns]`.
    fn view(&self, what: &str, rows: usize, columns: usize) -> View {
        let (at, stride) = (self.values.as_ptr(), self.stride);
        if self.transposed {
            check(what, self.values.len(), (columns, rows), stride);
            View { at, rows: 1, columns: stride }
        } else {
            check(what, self.values.len(), (rows, columns), stride);
            View { at, rows: stride, columns: 1 }
        }
    }
}

/// Asserts that `found` values hold `[rows, columns]` at a stride.
fn check(what: &str, found: usize, (rows, columns): (usize, usize), stride: usize) {
    assert!(columns <= stride || rows <= 1, "{what} [{rows}, {columns}] at a stride of {stride}");
    let expected = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
    assert!(
        found >= expected,
        "{what} [{rows}, {columns}] of a product: {expected} values, found {found}"
    );
}

/// A matrix that is written: rows that begin `stride` values apart.
#[derive(Debug)]
pub struct Output<'a> {
    /// The rows.
    pub values: &'a mut [f32],
    /// From one row to the next.
    pub stride: usize,
    /// Whether the product replaces what is there or is added to it.
    pub store: Store,
}

/// What a product does to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Replaces whatever it held.
    Over,
    /// Is added to it.
    Add,
}

/// `out = A B` or `out += A B`, A `[m, k]`, B `[k, n]`, out `[m, n]`.
///
/// # Panics
/// Where there are fewer values than the shapes ask for.
pub fn matmul(
    pool: &Pool,
    shape: (usize, usize, usize),
    a: Operand<'_>,
    b: Operand<'_>,
    out: Output<'_>,
) {
    matmul_on(Isa::current(), pool, shape, a, b, out);
}

/// [`matmul`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// As [`matmul`], or where this machine cannot run `isa`.
pub fn matmul_on(
    isa: Isa,
    pool: &Pool,
    shape: (usize, usize, usize),
    a: Operand<'_>,
    b: Operand<'_>,
    out: Output<'_>,
) {
    run(isa, pool, shape, a, b, Epilogue::default(), Target(std::ptr::null_mut()), out);
}

/// `dw = dz^T x` or `dw += dz^T x`, and `db += sum of the rows of dz`: the gradients of a linear map's weight
/// `[outputs, inputs]` and bias `[outputs]`, from dz `[rows, outputs]` and x `[rows, inputs]`.
///
/// # Panics
/// Where there are fewer values than the shapes ask for.
pub fn weight_gradient(
    pool: &Pool,
    shape: (usize, usize, usize),
    dz: Operand<'_>,
    x: Operand<'_>,
    dw: (&mut [f32], Store),
    db: Option<&mut [f32]>,
) {
    weight_gradient_on(Isa::current(), pool, shape, dz, x, dw, db);
}

/// [`weight_gradient`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// As [`weight_gradient`], or where this machine cannot run `isa`.
pub fn weight_gradient_on(
    isa: Isa,
    pool: &Pool,
    (rows, inputs, outputs): (usize, usize, usize),
    dz: Operand<'_>,
    x: Operand<'_>,
    dw: (&mut [f32], Store),
    db: Option<&mut [f32]>,
) {
    let sums = db.map_or(std::ptr::null_mut(), |db| {
        assert_eq!(db.len(), outputs, "gradient of a bias");
        db.as_mut_ptr()
    });
    let shape = (outputs, rows, inputs);
    let out = Output { values: dw.0, stride: inputs, store: dw.1 };
    run(isa, pool, shape, dz.transposed(), x, Epilogue::default(), Target(sums), out);
}

/// [`linear`](super::linear) with weights that are not packed: `out = act(x W^T + b) + residual`,
/// `weights` `[outputs, inputs]`, row-major.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn linear_plain(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    weights: (&[f32], usize, usize),
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    assert_eq!(out.len(), rows * weights.1, "output of [{rows}, {}]", weights.1);
    let x = Operand::new(x, weights.2);
    linear_plain_strided(pool, x, rows, weights, epilogue, (out, weights.1));
}

/// [`linear_plain`] of any rows, to rows that begin `stride` values apart, as the residual's do.
///
/// # Panics
/// Where there are fewer values than the shapes ask for.
pub fn linear_plain_strided(
    pool: &Pool,
    x: Operand<'_>,
    rows: usize,
    (weights, outputs, inputs): (&[f32], usize, usize),
    epilogue: &Epilogue<'_>,
    (out, stride): (&mut [f32], usize),
) {
    if let Some(bias) = epilogue.bias {
        assert_eq!(bias.len(), outputs, "bias of [{rows}, {outputs}]");
    }
    if let Some(residual) = epilogue.residual {
        assert_eq!(residual.len(), out.len(), "residual of [{rows}, {outputs}]");
    }
    let w = Operand::new(weights, inputs).transposed();
    let out = Output { values: out, stride, store: Store::Over };
    let sums = Target(std::ptr::null_mut());
    run(Isa::current(), pool, (rows, inputs, outputs), x, w, *epilogue, sums, out);
}

fn run(
    isa: Isa,
    pool: &Pool,
    (m, k, n): (usize, usize, usize),
    a: Operand<'_>,
    b: Operand<'_>,
    epilogue: Epilogue<'_>,
    sums: Target,
    out: Output<'_>,
) {
    let (a, b) = (a.view("A", m, k), b.view("B", k, n));
    let Output { values, stride, store } = out;
    check("output", values.len(), (m, n), stride);
    let (out, add) = (Target(values.as_mut_ptr()), store == Store::Add);
    let matmul = Matmul { shape: (m, k, n), a, b, add, epilogue, sums, out, stride };
    // SAFETY: lengths were checked here and by the callers.
    unsafe { matmul.run(isa, pool) }
}
