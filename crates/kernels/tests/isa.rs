//! Every vector operation on every instruction set against scalar arithmetic.

use contexture_kernels::isa::{Isa, Kernel, Simd, dispatch_on};

const A: [f32; 16] = [
    0.0, -0.0, 1.5, 2.5, -2.5, -0.5, 3.499_999, 1e-3, -7.25, 100.5, 12_345.67, -1.0, 4e6, 9.0,
    0.49, 5e7,
];
const B: [f32; 16] =
    [1.0, -3.0, 1.5, -2.5, 8.0, 0.25, 2.0, 7.0, -7.25, 3.0, -2.0, 16.0, 5.0, -9.0, 0.5, 11.0];

struct Binary<F>(F, f32, f32);
trait Operation {
    fn apply<S: Simd>(&self, s: S, a: S::V, b: S::V) -> S::V;
}
impl<F: Operation> Kernel for Binary<F> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut out = vec![f32::NAN; S::LANES];
        let answer = self.0.apply(s, s.splat(self.1), s.splat(self.2));
        s.store(answer, &mut out);
        assert!(out.iter().all(|x| x.to_bits() == out[0].to_bits()));
        out[0]
    }
}

macro_rules! check {
    ($name:ident, |$s:ident, $a:ident, $b:ident| $vector:expr, |$x:ident, $y:ident| $scalar:expr) => {
        #[test]
        fn $name() {
            struct It;
            impl Operation for It {
                #[inline(always)]
                fn apply<S: Simd>(&self, $s: S, $a: S::V, $b: S::V) -> S::V {
                    $vector
                }
            }
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
            for isa in Isa::supported() {
                for &$x in A.iter().chain(&special) {
                    for &$y in B.iter().chain(&special) {
                        let found = dispatch_on(isa, Binary(It, $x, $y));
                        let expected: f32 = $scalar;
                        let same = found.to_bits() == expected.to_bits()
                            || (found.is_nan() && expected.is_nan());
                        assert!(same, "{isa} {:?} {:?}: {found} is not {expected}", $x, $y);
                    }
                }
            }
        }
    };
}

fn truth(m: bool) -> f32 {
    if m { 1.0 } else { 0.0 }
}

check!(add, |s, a, b| s.add(a, b), |x, y| x + y);
check!(sub, |s, a, b| s.sub(a, b), |x, y| x - y);
check!(mul, |s, a, b| s.mul(a, b), |x, y| x * y);
check!(div, |s, a, b| s.div(a, b), |x, y| x / y);
check!(min, |s, a, b| s.min(a, b), |x, y| if x < y { x } else { y });
check!(max, |s, a, b| s.max(a, b), |x, y| if x > y { x } else { y });
check!(abs, |s, a, _b| s.abs(a), |x, _y| x.abs());
check!(neg, |s, a, _b| s.neg(a), |x, _y| -x);
check!(sqrt, |s, a, _b| s.sqrt(a), |x, _y| x.sqrt());
check!(copysign, |s, a, b| s.copysign(a, b), |x, y| x.copysign(y));
check!(less, |s, a, b| s.select(s.lt(a, b), s.splat(1.0), s.splat(0.0)), |x, y| truth(x < y));
check!(at_most, |s, a, b| s.select(s.le(a, b), s.splat(1.0), s.splat(0.0)), |x, y| truth(x <= y));
check!(more, |s, a, b| s.select(s.gt(a, b), s.splat(1.0), s.splat(0.0)), |x, y| truth(x > y));
check!(equal, |s, a, b| s.select(s.eq(a, b), s.splat(1.0), s.splat(0.0)), |x, y| truth(x == y));
check!(any, |s, a, b| s.splat(truth(s.any(s.eq(a, b)))), |x, y| truth(x == y));
// Zero keeps no sign on the portable path.
check!(round, |s, a, _b| s.add(s.round(a), s.splat(0.0)), |x, _y| x.round_ties_even() + 0.0);

struct Fma;
impl Kernel for Fma {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (a, b) in A.into_iter().zip(B) {
            let mut out = vec![0.0; S::LANES];
            s.store(s.fma(s.splat(a), s.splat(b), s.splat(0.1)), &mut out);
            let twice = a * b + 0.1;
            assert_eq!(out[0], if S::ISA == Isa::Plain { twice } else { a.mul_add(b, 0.1) });
            s.store(s.neg_fma(s.splat(a), s.splat(b), s.splat(0.1)), &mut out);
            assert_eq!(
                out[0],
                if S::ISA == Isa::Plain { 0.1 - a * b } else { (-a).mul_add(b, 0.1) }
            );
        }
    }
}

struct Powers;
impl Kernel for Powers {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for n in -126..=127 {
            let mut out = vec![0.0; S::LANES];
            s.store(s.ldexp(s.splat(1.0), s.splat(n as f32)), &mut out);
            assert_eq!(out[0], (n as f64).exp2() as f32, "2^{n}");
        }
    }
}

struct Lanes;
impl Kernel for Lanes {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = S::LANES;
        let values: Vec<f32> = (0..lanes).map(|i| (i as f32 + 0.3) * 1.7).collect();
        let v = s.load(&values);
        let fold = |f: fn(f32, f32) -> f32| {
            let mut part = values.clone();
            while part.len() > 1 {
                let half = part.len() / 2;
                part = (0..half).map(|i| f(part[i], part[i + half])).collect();
            }
            part[0]
        };
        assert_eq!(s.sum(v), fold(|a, b| a + b));
        assert_eq!(s.maximum(v), fold(f32::max));
        let mut out = vec![0.0; lanes];
        s.store(s.swap_pairs(v), &mut out);
        assert!((0..lanes).all(|i| out[i] == values[i ^ 1]));
        for n in 0..=lanes {
            // Exact-size allocations, so that a tool that guards memory sees any overreach.
            let exact: Vec<f32> = values[..n].to_vec();
            s.store(s.load_tail(&exact), &mut out);
            assert!((0..lanes).all(|i| out[i] == if i < n { values[i] } else { 0.0 }));
            let mut guarded = vec![-1.0; lanes + 1];
            s.store_tail(v, &mut guarded[..n]);
            assert!((0..=lanes).all(|i| guarded[i] == if i < n { values[i] } else { -1.0 }));
            s.store(s.select(s.first(n), v, s.splat(9.0)), &mut out);
            assert!((0..lanes).all(|i| out[i] == if i < n { values[i] } else { 9.0 }));
        }
        let (stride, to_stride) = (7, lanes + 3);
        let from: Vec<f32> = (0..lanes * stride).map(|i| i as f32).collect();
        let mut to = vec![-1.0; 4 * to_stride];
        // SAFETY: both buffers hold what is read and written.
        unsafe { s.transpose4(from.as_ptr(), stride, to.as_mut_ptr(), to_stride) };
        for column in 0..4 {
            for row in 0..lanes {
                assert_eq!(to[column * to_stride + row], from[row * stride + column]);
            }
        }
    }
}

#[test]
fn fused_products_powers_and_lane_moves() {
    for isa in Isa::supported() {
        dispatch_on(isa, Fma);
        dispatch_on(isa, Powers);
        dispatch_on(isa, Lanes);
    }
}
