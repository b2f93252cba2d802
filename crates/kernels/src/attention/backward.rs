//! Attention backward.

use super::shape::AttentionShape;
use crate::Pool;

/// Adds the gradients by `qkv` and by the bias table.
pub fn attend_backward(
    _pool: &Pool,
    _shape: &AttentionShape<'_>,
    _qkv: &[f32],
    _out: &[f32],
    _gradient: &[f32],
    _qkv_gradient: &mut [f32],
    _bias_gradient: Option<&mut [f32]>,
) {
    todo!()
}
