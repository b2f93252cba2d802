//! The pool's contract: each task once, panics passed on, nested and concurrent regions safe.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use contexture_kernels::Pool;

fn counts(pool: &Pool, tasks: usize) {
    let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
    pool.run(tasks, &|task| {
        counts[task].fetch_add(1, Ordering::Relaxed);
    });
    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

#[test]
fn every_task_runs_once() {
    for threads in [0, 1, 2, 3, 4, 8] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads.max(1));
        for tasks in [0, 1, 2, 3, 7, 8, 9, 100, 1000] {
            for _ in 0..20 {
                counts(&pool, tasks);
            }
        }
    }
}

#[test]
fn sleeping_workers_wake() {
    let pool = Pool::new(2);
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(2));
        counts(&pool, 64);
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    for threads in [1, 2, 4] {
        let pool = Pool::new(threads);
        for round in 0..50 {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.run(16, &|task| {
                    if task == round % 16 {
                        std::panic::resume_unwind(Box::new(task));
                    }
                });
            }));
            let payload = caught.expect_err("the panic was lost");
            assert_eq!(*payload.downcast::<usize>().expect("another panic"), round % 16);
            counts(&pool, 33);
        }
    }
}

#[test]
fn nested_regions_run_inline() {
    let pool = Pool::new(3);
    let total = AtomicUsize::new(0);
    pool.run(10, &|_| {
        pool.run(10, &|_| {
            total.fetch_add(1, Ordering::Relaxed);
        });
    });
    assert_eq!(total.load(Ordering::Relaxed), 100);
}

#[test]
fn many_callers_share_a_pool() {
    let pool = Pool::new(3);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                for _ in 0..300 {
                    counts(&pool, 17);
                }
            });
        }
    });
}

#[test]
fn more_threads_than_cores_do_not_collapse() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = Pool::new(4 * cores);
    let begin = Instant::now();
    for _ in 0..500 {
        counts(&pool, 16);
    }
    let spent = begin.elapsed();
    assert!(spent < Duration::from_secs(5), "500 small regions took {spent:?}");
}
