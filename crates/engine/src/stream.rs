//! Ordered work on several threads: a source is drained, worked on in parallel, and the results
//! are handed on in the source's order, with bounded look-ahead.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many results may wait for a slower one, per worker. Small, so that memory stays flat.
const AHEAD_PER_WORKER: usize = 4;

struct Supply<S> {
    next: S,
    number: usize,
    exhausted: bool,
}

struct Delivery<R, E> {
    emit: E,
    waiting: BTreeMap<usize, R>,
    number: usize,
    stopped: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws jobs from `next`, runs `work` on them with one worker a thread (the caller's thread is
/// the first), and calls `emit` with the results in the order of the jobs, never from two threads
/// at once. `emit` ends everything by breaking.
pub(crate) fn run_ordered<W, J, R>(
    mut workers: Vec<W>,
    next: impl FnMut() -> Option<J> + Send,
    work: impl Fn(&mut W, J) -> R + Sync,
    emit: impl FnMut(R) -> ControlFlow<()> + Send,
) -> Vec<W>
where
    W: Send,
    R: Send,
{
    let supply = Mutex::new(Supply { next, number: 0, exhausted: false });
    let delivery =
        Mutex::new(Delivery { emit, waiting: BTreeMap::new(), number: 0, stopped: false });
    let moved = Condvar::new();
    let ahead = AHEAD_PER_WORKER * workers.len();
    let draw = || {
        let mut supply = locked(&supply);
        if supply.exhausted || locked(&delivery).stopped {
            return None;
        }
        let job = (supply.next)();
        supply.exhausted = job.is_none();
        let number = supply.number;
        supply.number += 1;
        job.map(|job| (number, job))
    };
    let deliver = |number: usize, result: R| {
        let mut state = locked(&delivery);
        while !state.stopped && number > state.number + ahead {
            state = moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.insert(number, result);
        while !state.stopped {
            let due = state.number;
            let Some(result) = state.waiting.remove(&due) else { break };
            state.number += 1;
            if (state.emit)(result).is_break() {
                state.stopped = true;
            }
        }
        moved.notify_all();
    };
    let drain = |worker: &mut W| {
        // Should this thread unwind, the others must not wait for its result for ever.
        let guard = StopOnUnwind { delivery: &delivery, moved: &moved };
        while let Some((number, job)) = draw() {
            let result = work(worker, job);
            deliver(number, result);
        }
        std::mem::forget(guard);
    };
    if let Some((first, others)) = workers.split_first_mut() {
        std::thread::scope(|scope| {
            for worker in others {
                scope.spawn(|| drain(worker));
            }
            drain(first);
        });
    }
    workers
}

struct StopOnUnwind<'a, R, E> {
    delivery: &'a Mutex<Delivery<R, E>>,
    moved: &'a Condvar,
}

impl<R, E> Drop for StopOnUnwind<'_, R, E> {
    fn drop(&mut self) {
        locked(self.delivery).stopped = true;
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for workers in [1, 2, 5] {
            let mut left = 0..200usize;
            let mut seen = Vec::new();
            run_ordered(
                vec![(); workers],
                || left.next(),
                |(), job| {
                    // Uneven work, so that results really arrive out of order.
                    std::thread::sleep(std::time::Duration::from_micros((job * 37 % 11) as u64));
                    job
                },
                |result| {
                    seen.push(result);
                    ControlFlow::Continue(())
                },
            );
            assert_eq!(seen, (0..200).collect::<Vec<_>>(), "{workers} workers");
        }
    }

    #[test]
    fn look_ahead_is_bounded() {
        let drawn = std::sync::atomic::AtomicUsize::new(0);
        let mut left = 0..500usize;
        let mut most = 0;
        run_ordered(
            vec![(); 3],
            || {
                drawn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                left.next()
            },
            |(), job| {
                if job == 7 {
                    std::thread::sleep(std::time::Duration::from_millis(30));
                }
                job
            },
            |result| {
                most = most.max(drawn.load(std::sync::atomic::Ordering::SeqCst) - result);
                ControlFlow::Continue(())
            },
        );
        assert!(most <= 3 * AHEAD_PER_WORKER + 3 + 2, "{most} jobs were drawn ahead");
    }

    #[test]
    fn breaking_ends_the_work() {
        let mut left = 0..1_000_000usize;
        let mut seen = 0;
        run_ordered(
            vec![(); 2],
            || left.next(),
            |(), job| job,
            |_| {
                seen += 1;
                if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(seen, 10);
        assert!(left.start < 1000, "{} jobs were drawn", left.start);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let outcome = std::panic::catch_unwind(|| {
            let mut left = 0..100usize;
            run_ordered(
                vec![(); 3],
                || left.next(),
                |(), job| assert!(job != 20, "job 20"),
                |()| ControlFlow::Continue(()),
            );
        });
        assert!(outcome.is_err());
    }
}
