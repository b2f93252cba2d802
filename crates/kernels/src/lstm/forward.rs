//! `i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o)`, `g = tanh(z_g)`, `c' = f c + i g`,
//! `h = o tanh(c')`, or `h = P (o tanh(c'))`, where `z = x W^T + b + h_before R^T`.

use crate::Pool;
use crate::gemm::{Epilogue, PackedMatrix, linear};

/// What all directions of a layer share.
#[derive(Clone, Copy, Debug)]
pub struct LstmShape<'a> {
    /// Memory cells of a direction, c.
    pub cells: usize,
    /// Width of h: c, or the projection's outputs.
    pub outputs: usize,
    /// New cells are cut to plus and minus this.
    pub cell_clip: Option<f32>,
    /// Projected outputs are cut to plus and minus this.
    pub projection_clip: Option<f32>,
    /// Where each sequence begins, then the end.
    pub offsets: &'a [usize],
}

/// One direction of a layer, forward.
#[derive(Debug)]
pub struct Direction<'a> {
    /// R `[4 cells, outputs]`: input, forget, memory and output gate.
    pub recurrent: &'a PackedMatrix,
    /// P `[outputs, cells]`
    pub projection: Option<&'a PackedMatrix>,
    /// From each sequence's end to its begin.
    pub reversed: bool,
    /// `[tokens, 4 cells]`: the inputs' share of z; afterwards i, f, g and o where `memory` is
    /// wanted, else unspecified.
    pub gates: &'a mut [f32],
    /// `[tokens, cells]`: c' of each token.
    pub memory: Option<&'a mut [f32]>,
    /// h `[sequences, outputs]` and c `[sequences, cells]` to begin with, and those at the end.
    pub state: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// Writes h of all tokens to `y` `[tokens, directions * outputs]`, directions side by side.
pub fn forward(
    pool: &Pool,
    shape: &LstmShape<'_>,
    directions: &mut [Direction<'_>],
    y: &mut [f32],
) {
    let LstmShape { cells, outputs, .. } = *shape;
    let stride = directions.len() * outputs;
    for (place, d) in directions.iter_mut().enumerate() {
        for sequence in 0..shape.offsets.len() - 1 {
            let (mut h, mut c) = (vec![0.0; outputs], vec![0.0; cells]);
            if let Some((hidden, cell)) = &d.state {
                h.copy_from_slice(&hidden[sequence * outputs..][..outputs]);
                c.copy_from_slice(&cell[sequence * cells..][..cells]);
            }
            let range = shape.offsets[sequence]..shape.offsets[sequence + 1];
            for step in 0..range.len() {
                let token = if d.reversed { range.end - 1 - step } else { range.start + step };
                let z = &mut d.gates[token * 4 * cells..][..4 * cells];
                let mut rest = vec![0.0; 4 * cells];
                linear(pool, &h, 1, d.recurrent, &Epilogue::default(), &mut rest);
                z.iter_mut().zip(&rest).for_each(|(z, r)| *z += r);
                let mut m = vec![0.0; cells];
                for k in 0..cells {
                    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
                    let (i, f) = (sigmoid(z[k]), sigmoid(z[cells + k]));
                    let (g, o) = (z[2 * cells + k].tanh(), sigmoid(z[3 * cells + k]));
                    c[k] = clip(f * c[k] + i * g, shape.cell_clip);
                    m[k] = o * c[k].tanh();
                    (z[k], z[cells + k], z[2 * cells + k], z[3 * cells + k]) = (i, f, g, o);
                }
                match d.projection {
                    None => h.copy_from_slice(&m),
                    Some(p) => {
                        linear(pool, &m, 1, p, &Epilogue::default(), &mut h);
                        h.iter_mut().for_each(|h| *h = clip(*h, shape.projection_clip));
                    }
                }
                if let Some(memory) = &mut d.memory {
                    memory[token * cells..][..cells].copy_from_slice(&c);
                }
                y[token * stride + place * outputs..][..outputs].copy_from_slice(&h);
            }
            if let Some((hidden, cell)) = &mut d.state {
                hidden[sequence * outputs..][..outputs].copy_from_slice(&h);
                cell[sequence * cells..][..cells].copy_from_slice(&c);
            }
        }
    }
}

fn clip(x: f32, most: Option<f32>) -> f32 {
    most.map_or(x, |most| x.clamp(-most, most))
}
