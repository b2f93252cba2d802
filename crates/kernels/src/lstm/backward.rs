//! The adjoint of an LSTM's steps, from each sequence's last step to its first.

use super::forward::LstmShape;
use crate::Pool;
use crate::gemm::{Epilogue, PackedMatrix, linear};

/// One direction of a layer, backward.
#[derive(Debug)]
pub struct Adjoint<'a> {
    /// R's transpose, `[outputs, 4 cells]`.
    pub recurrent: &'a PackedMatrix,
    /// P's transpose, `[cells, outputs]`.
    pub projection: Option<&'a PackedMatrix>,
    /// As in the forward.
    pub reversed: bool,
    /// `[tokens, 4 cells]`: i, f, g and o.
    pub gates: &'a [f32],
    /// `[tokens, cells]`: c'.
    pub memory: &'a [f32],
    /// `[tokens, 4 cells]`, written: the gradient by z.
    pub dz: &'a mut [f32],
    /// `[tokens, outputs]`, written: h of the token before, zeros at a sequence's first.
    pub before: &'a mut [f32],
    /// `[tokens, outputs]` and `[tokens, cells]`, written where there is a projection: the gradient
    /// by its output, and what it projected.
    pub projected: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// From h of all tokens, `y`, and the gradient by it, `dy`, both `[tokens, directions * outputs]`.
pub fn backward(
    pool: &Pool,
    shape: &LstmShape<'_>,
    directions: &mut [Adjoint<'_>],
    y: &[f32],
    dy: &[f32],
) {
    let LstmShape { cells, outputs, .. } = *shape;
    let stride = directions.len() * outputs;
    for (place, d) in directions.iter_mut().enumerate() {
        for sequence in 0..shape.offsets.len() - 1 {
            let (mut dh, mut dc) = (vec![0.0; outputs], vec![0.0; cells]);
            let range = shape.offsets[sequence]..shape.offsets[sequence + 1];
            for step in (0..range.len()).rev() {
                let token = if d.reversed { range.end - 1 - step } else { range.start + step };
                let earlier = if d.reversed { token + 1 } else { token.wrapping_sub(1) };
                let at = token * stride + place * outputs;
                dh.iter_mut().zip(&dy[at..at + outputs]).for_each(|(dh, dy)| *dh += dy);
                let before = &mut d.before[token * outputs..][..outputs];
                match step {
                    0 => before.fill(0.0),
                    _ => {
                        before.copy_from_slice(&y[earlier * stride + place * outputs..][..outputs])
                    }
                }
                let gates = &d.gates[token * 4 * cells..][..4 * cells];
                let memory = &d.memory[token * cells..][..cells];
                let mut dm = vec![0.0; cells];
                match (d.projection, &mut d.projected) {
                    (Some(p), Some((dp, m))) => {
                        let y = &y[at..at + outputs];
                        for k in 0..outputs {
                            if shape.projection_clip.is_some_and(|clip| y[k].abs() >= clip) {
                                dh[k] = 0.0;
                            }
                        }
                        dp[token * outputs..][..outputs].copy_from_slice(&dh);
                        linear(pool, &dh, 1, p, &Epilogue::default(), &mut dm);
                        for k in 0..cells {
                            m[token * cells + k] = gates[3 * cells + k] * memory[k].tanh();
                        }
                    }
                    _ => dm.copy_from_slice(&dh),
                }
                let dz = &mut d.dz[token * 4 * cells..][..4 * cells];
                for k in 0..cells {
                    let (i, f) = (gates[k], gates[cells + k]);
                    let (g, o) = (gates[2 * cells + k], gates[3 * cells + k]);
                    let t = memory[k].tanh();
                    dc[k] += dm[k] * o * (1.0 - t * t);
                    if shape.cell_clip.is_some_and(|clip| memory[k].abs() >= clip) {
                        dc[k] = 0.0;
                    }
                    let earlier = if step == 0 { 0.0 } else { d.memory[earlier * cells + k] };
                    dz[k] = dc[k] * g * i * (1.0 - i);
                    dz[cells + k] = dc[k] * earlier * f * (1.0 - f);
                    dz[2 * cells + k] = dc[k] * i * (1.0 - g * g);
                    dz[3 * cells + k] = dm[k] * t * o * (1.0 - o);
                    dc[k] *= f;
                }
                linear(pool, dz, 1, d.recurrent, &Epilogue::default(), &mut dh);
            }
        }
    }
}
