//! Limited-memory BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5) for smooth convex functions,
//! with a preconditioner as the first guess of the inverse Hessian and a backtracking search for
//! Armijo's condition (eq. 3.4). Convexity makes every pair's curvature positive, so that Wolfe's
//! second condition need not be searched for; a pair that rounding has spoilt is left out.

use std::collections::VecDeque;

use crate::EvaluateError;

/// Pairs that are remembered.
const MEMORY: usize = 10;
const ARMIJO: f64 = 1e-4;
/// Halvings of a step before rounding is blamed.
const MOST_HALVINGS: usize = 40;

pub(super) struct Outcome {
    pub(super) point: Vec<f64>,
    pub(super) iterations: usize,
    /// Largest absolute entry of the last gradient.
    pub(super) gradient: f64,
}

/// Minimises `value`, which returns f(x) and its gradient, from `point` until the gradient's
/// largest entry is at most `tolerance`, for at most `most` steps; `precondition` turns a gradient
/// into P g, P near the inverse Hessian.
pub(super) fn minimise(
    mut value: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), EvaluateError>,
    precondition: impl Fn(&mut [f64]),
    point: Vec<f64>,
    tolerance: f64,
    most: usize,
    mut step_done: impl FnMut(usize),
) -> Result<Outcome, EvaluateError> {
    let mut x = point;
    let (mut f, mut g) = value(&x)?;
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    let mut iterations = 0;
    while iterations < most && largest(&g) > tolerance {
        let direction = direction(&g, &pairs, &precondition);
        let slope = dot(&g, &direction);
        let Some((next, value_there, gradient)) = search(&mut value, &x, f, &direction, slope)?
        else {
            // No step goes down: rounding is all that is left. Without memory it is the end.
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            iterations += 1;
            continue;
        };
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = gradient.iter().zip(&g).map(|(a, b)| a - b).collect();
        let curvature = dot(&s, &y);
        if curvature > 1e-14 * dot(&s, &s).sqrt() * dot(&y, &y).sqrt() {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back((s, y, 1.0 / curvature));
        }
        (x, f, g) = (next, value_there, gradient);
        iterations += 1;
        step_done(iterations);
    }
    let gradient = largest(&g);
    Ok(Outcome { point: x, iterations, gradient })
}

type Step = Option<(Vec<f64>, f64, Vec<f64>)>;

/// The first of the steps 1, 1/2, 1/4, ... that goes down enough.
fn search(
    value: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), EvaluateError>,
    x: &[f64],
    f: f64,
    direction: &[f64],
    slope: f64,
) -> Result<Step, EvaluateError> {
    let mut step = 1.0;
    for _ in 0..MOST_HALVINGS {
        let next: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        if next == x {
            break;
        }
        let (there, gradient) = value(&next)?;
        if there <= f + ARMIJO * step * slope {
            return Ok(Some((next, there, gradient)));
        }
        // Within rounding of f the gradient is the better witness.
        let flat = (there - f).abs() <= 1e-13 * f.abs();
        if flat && dot(&gradient, direction).abs() < 0.9 * slope.abs() {
            return Ok(Some((next, there, gradient)));
        }
        step /= 2.0;
    }
    Ok(None)
}

/// -H g by the two loops.
fn direction(
    g: &[f64],
    pairs: &VecDeque<(Vec<f64>, Vec<f64>, f64)>,
    precondition: &impl Fn(&mut [f64]),
) -> Vec<f64> {
    let mut q = g.to_vec();
    let mut alphas = Vec::with_capacity(pairs.len());
    for (s, y, rho) in pairs.iter().rev() {
        let alpha = rho * dot(s, &q);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    precondition(&mut q);
    if let Some((_, y, rho)) = pairs.back() {
        let mut scaled = y.clone();
        precondition(&mut scaled);
        let gamma = 1.0 / (rho * dot(y, &scaled));
        if gamma.is_finite() && gamma > 0.0 {
            q.iter_mut().for_each(|q| *q *= gamma);
        }
    }
    for ((s, y, rho), alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = rho * dot(y, &q);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(g: &[f64]) -> f64 {
    g.iter().fold(0.0, |most, g| g.abs().max(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_valley_is_followed_to_its_end() {
        // f = sum_i c_i (x_i - i)^2 + (x_0 x_0)^2 with curvatures over six orders of magnitude.
        let curve = |i: usize| 10f64.powi(i as i32 - 3);
        let value = |x: &[f64]| {
            let mut g: Vec<f64> = (0..7).map(|i| 2.0 * curve(i) * (x[i] - i as f64)).collect();
            g[0] += 4.0 * x[0].powi(3);
            let f: f64 = (0..7).map(|i| curve(i) * (x[i] - i as f64).powi(2)).sum();
            Ok((f + x[0].powi(4), g))
        };
        let found = minimise(value, |_| {}, vec![3.0; 7], 1e-9, 500, |_| {}).expect("no I/O");
        assert!(found.gradient <= 1e-9, "{} after {}", found.gradient, found.iterations);
        assert!((found.point[1] - 1.0).abs() < 1e-6 && (found.point[6] - 6.0).abs() < 1e-6);
        // The exact inverse Hessian of the quadratic part needs a few steps only.
        let exact = |g: &mut [f64]| (0..7).for_each(|i| g[i] /= 2.0 * curve(i));
        let fast = minimise(value, exact, vec![3.0; 7], 1e-9, 500, |_| {}).expect("no I/O");
        assert!(fast.gradient <= 1e-9 && fast.iterations < found.iterations.min(40));
    }
}
