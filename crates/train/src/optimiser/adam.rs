//! One step of Adam or AdamW on one parameter; see the equations in `rules.rs`.

use contexture_kernels::Pool;

pub(super) struct AdamStep {
    pub(super) decoupled: bool,
    pub(super) rate: f64,
    pub(super) decay: f64,
    pub(super) scale: f64,
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) epsilon: f64,
    pub(super) step_size: f64,
    pub(super) root_correction: f64,
}

impl AdamStep {
    pub(super) fn apply(
        &self,
        _: &Pool,
        weights: &mut [f32],
        gradient: &[f32],
        m: &mut [f32],
        v: &mut [f32],
    ) {
        let (b1, b2) = (self.beta1 as f32, self.beta2 as f32);
        let (c1, c2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let kept = if self.decoupled { (1.0 - self.rate * self.decay) as f32 } else { 1.0 };
        let pull = if self.decoupled { 0.0 } else { self.decay as f32 };
        let (scale, size) = (self.scale as f32, self.step_size as f32);
        let (root, epsilon) = (1.0 / self.root_correction as f32, self.epsilon as f32);
        let values = weights.iter_mut().zip(gradient).zip(m.iter_mut().zip(v.iter_mut()));
        for ((w, g), (m, v)) in values {
            let g = g * scale + pull * *w;
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            *w = kept * *w - size * *m / (v.sqrt() * root + epsilon);
        }
    }
}

pub(super) fn sum_of_squares(_: &Pool, values: &[f32]) -> f64 {
    values.chunks(4096).map(|part| part.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>()).sum()
}
