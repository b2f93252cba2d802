//! The learning rate of each step.
//!
//! With s the step from 1, w the warm-up, n the number of steps and f the floor, the rate is its top
//! times
//!
//! ```text
//! s <= w:               s / w
//! constant:             1
//! linear:               f + (1 - f) (1 - p)                 p = (s - w) / (n - w + 1)
//! cosine:               f + (1 - f) (1 + cos(pi p)) / 2     (Loshchilov and Hutter 2017, eq. 5)
//! inverse square root:  max(f, sqrt(w / s))                 (Vaswani et al. 2017, eq. 3; w = 1 where 0)
//! ```

use crate::config::{Decay, ScheduleSettings};

/// What the top rate is multiplied with at `step`, from 1.
pub fn rate(schedule: &ScheduleSettings, step: u64) -> f64 {
    let (s, w, n) = (step as f64, schedule.warmup as f64, schedule.steps as f64);
    if step <= schedule.warmup {
        return s / w;
    }
    let floor = schedule.floor;
    let progress = (s - w) / (n - w + 1.0);
    match schedule.decay {
        Decay::Constant => 1.0,
        Decay::Linear => floor + (1.0 - floor) * (1.0 - progress),
        Decay::Cosine => {
            floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
        }
        Decay::InverseSquareRoot => (w.max(1.0) / s).sqrt().max(floor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(decay: Decay, step: u64) -> f64 {
        rate(&ScheduleSettings { steps: 100, warmup: 10, decay, floor: 0.1 }, step)
    }

    #[test]
    fn rates_rise_then_fall_as_their_equations_say() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine, Decay::InverseSquareRoot] {
            assert_eq!((at(decay, 1), at(decay, 10)), (0.1, 1.0), "{decay:?}");
            assert!(at(decay, 11) > 0.95 && at(decay, 11) <= 1.0, "{decay:?}");
        }
        assert_eq!(at(Decay::Constant, 100), 1.0);
        assert!((at(Decay::Linear, 100) - (0.1 + 0.9 / 91.0)).abs() < 1e-12);
        let half = 0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * 45.0 / 91.0).cos());
        assert!((at(Decay::Cosine, 55) - half).abs() < 1e-12);
        assert!((at(Decay::InverseSquareRoot, 40) - 0.5).abs() < 1e-12);
        // The base Transformer's rate, at d = 512 and a warm-up of 4000.
        let noam = |s: f64| 512f64.powf(-0.5) * s.powf(-0.5).min(s * 4000f64.powf(-1.5));
        let schedule = ScheduleSettings {
            steps: 100_000,
            warmup: 4000,
            decay: Decay::InverseSquareRoot,
            floor: 0.0,
        };
        for step in [1, 4000, 4001, 50_000] {
            let ours = rate(&schedule, step) * noam(4000.0);
            assert!((ours / noam(step as f64) - 1.0).abs() < 1e-12, "{step}");
        }
    }
}
