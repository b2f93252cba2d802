//! Gradients against finite differences: one harness for every op.

use std::sync::Arc;

use contexture_kernels::Pool;

use crate::{Builder, Declaration, Op, Param, Rows, Segments, Session, Stored, Value, Weights};

/// How far an op's adjoint is from finite differences.
#[derive(Debug, Clone, Copy)]
pub struct GradientCheck {
    /// The largest `|analytic - numeric| / (1 + |numeric|)` over all checked elements.
    pub worst: f64,
    /// How many elements were checked.
    pub checked: usize,
}

/// Compares an op's backward with central differences of `loss = sum(output * r)` for a fixed
/// random `r`, by every element of every input and of every parameter.
///
/// `make` builds the op from the parameters that `declare` declared; `inputs` are the shapes
/// `[rows, width]` of its inputs; `segments` the sequences' lengths.
pub fn check_gradients<P, O: Op>(
    declare: impl FnOnce(&mut Builder) -> P,
    make: impl Fn(&P) -> O,
    inputs: &[(usize, usize)],
    lengths: &[usize],
    seed: u64,
) -> GradientCheck {
    let mut builder = Builder::new();
    let params = declare(&mut builder);
    let declaration = builder.finish();
    let mut noise = Noise(seed | 1);
    let values: Vec<Vec<f32>> =
        declaration.params.iter().map(|declared| noise.values(declared.param.len(), 0.5)).collect();
    let inputs: Vec<Rows> = inputs
        .iter()
        .map(|&(rows, width)| Rows::new(noise.values(rows * width, 1.0), width))
        .collect();
    let mut problem =
        Problem { declaration, values, inputs, segments: Segments::from_lengths(lengths.to_vec()) };
    problem.compare(&|| make(&params), &mut noise)
}

struct Problem {
    declaration: Declaration,
    values: Vec<Vec<f32>>,
    inputs: Vec<Rows>,
    segments: Segments,
}

impl Problem {
    fn run<O: Op>(&self, op: O) -> (Session, Vec<Value>, Value) {
        let stored = self.values.iter().cloned().map(Stored::Plain).collect();
        let weights = Arc::new(Weights::new(self.declaration.clone(), stored));
        let mut session = Session::train(weights, Arc::new(Pool::new(1)));
        let inputs: Vec<Value> = self.inputs.iter().map(|r| session.input(r.clone())).collect();
        let output = session.apply(op, &inputs.iter().collect::<Vec<_>>(), &self.segments);
        (session, inputs, output)
    }

    fn loss<O: Op>(&self, op: O, weights: &[f32]) -> f64 {
        let (_, _, output) = self.run(op);
        let output = output.rows().as_slice();
        output.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    fn compare<O: Op>(&mut self, make: &dyn Fn() -> O, noise: &mut Noise) -> GradientCheck {
        let (mut session, values, output) = self.run(make());
        let shape = (output.rows().rows(), output.rows().width());
        let r = noise.values(shape.0 * shape.1, 1.0);
        let gradients = session.backward(&output, Rows::new(r.clone(), shape.1));
        let mut result = GradientCheck { worst: 0.0, checked: 0 };
        for (index, value) in values.iter().enumerate() {
            let zeros = vec![0.0; self.inputs[index].as_slice().len()];
            let analytic = gradients.value(value).map_or(zeros, |rows| rows.as_slice().to_vec());
            for (at, analytic) in analytic.iter().enumerate() {
                let numeric = self.numeric(make, &r, |p| &mut p.inputs[index].as_mut_slice()[at]);
                result.add(*analytic, numeric);
            }
        }
        for index in 0..self.values.len() {
            let param: Param = self.declaration.params[index].param;
            let zeros = vec![0.0; param.len()];
            let analytic = gradients.parameter(param).map_or(zeros, <[f32]>::to_vec);
            for (at, analytic) in analytic.iter().enumerate() {
                let numeric = self.numeric(make, &r, |p| &mut p.values[index][at]);
                result.add(*analytic, numeric);
            }
        }
        result
    }

    fn numeric<O: Op>(
        &mut self,
        make: &dyn Fn() -> O,
        r: &[f32],
        place: impl Fn(&mut Self) -> &mut f32,
    ) -> f64 {
        // f32 forward: a step that balances truncation (h^2) against rounding (1e-7 / h).
        let step = 4e-3f32;
        let original = *place(self);
        let (above, below) = (original + step, original - step);
        *place(self) = above;
        let plus = self.loss(make(), r);
        *place(self) = below;
        let minus = self.loss(make(), r);
        *place(self) = original;
        (plus - minus) / (f64::from(above) - f64::from(below))
    }
}

impl GradientCheck {
    fn add(&mut self, analytic: f32, numeric: f64) {
        let error = (f64::from(analytic) - numeric).abs() / (1.0 + numeric.abs());
        self.worst = self.worst.max(if error.is_nan() { f64::INFINITY } else { error });
        self.checked += 1;
    }
}

/// A multiplicative congruential generator: only spread matters here.
struct Noise(u64);

impl Noise {
    fn values(&mut self, len: usize, scale: f32) -> Vec<f32> {
        (0..len)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((self.0 >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0) * scale
            })
            .collect()
    }
}
