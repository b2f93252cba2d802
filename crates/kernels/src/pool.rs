//! The one thread pool: `run(tasks, f)` calls `f(0..tasks)`, each number once, on all threads.
//!
//! A region begins by opening an epoch in one atomic word and ends by closing it; workers that
//! have not woken by then take no part, so a short region never waits for a sleeper. Each thread
//! first takes the tasks of its own contiguous share (its caches may still hold their data), then
//! helps with the shares of others. Which thread runs a task is therefore open, and a task's
//! result must not depend on it.
//!
//! Cost of an empty region on warm threads: about a microsecond; on sleeping threads one wake-up
//! each, paid by the caller.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Rounds of spinning between two looks at the clock.
const SPINS_PER_LOOK: u32 = 32;
/// How long an idle worker spins before it sleeps: longer than the gaps inside a forward.
const SPIN: Duration = Duration::from_micros(60);

const OPEN: u64 = 1 << 16;
const ACTIVE: u64 = OPEN - 1;
const EPOCH: u64 = 1 << 32;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// Threads that run regions of numbered tasks; the calling thread is one of them.
///
/// Shared freely between threads. While one caller's region runs, another caller's runs on its own
/// thread alone; so does a region that is begun inside a task.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    region: Mutex<()>,
}

struct Shared {
    /// Epoch in the upper half, `OPEN`, and the number of workers inside the region.
    state: AtomicU64,
    job: Mutex<Option<Job>>,
    shares: Vec<Share>,
    sleepers: Vec<Sleeper>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    failed: AtomicBool,
    stop: AtomicBool,
    spins: bool,
}

/// Tasks `next..end` of one thread; on its own cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Share {
    next: AtomicUsize,
    end: AtomicUsize,
}

#[repr(align(128))]
#[derive(Default)]
struct Sleeper {
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

#[derive(Clone, Copy)]
struct Job(*const Task<'static>);

// SAFETY: what it points to is Sync, and `run` keeps it alive while the region is open or any
// worker is inside.
unsafe impl Send for Job {}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller's counted: one thread, or zero, means no workers.
    /// Where the system refuses a thread the pool is smaller.
    pub fn new(threads: usize) -> Self {
        let threads = threads.clamp(1, ACTIVE as usize);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: Mutex::new(None),
            shares: (0..threads).map(|_| Share::default()).collect(),
            sleepers: (1..threads).map(|_| Sleeper::default()).collect(),
            panic: Mutex::new(None),
            failed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            spins: threads <= cores,
        });
        let workers = (1..threads).map_while(|index| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name(format!("contexture-{index}"));
            let handle = thread.spawn(move || shared.work(index)).ok()?;
            Some(handle)
        });
        let workers: Vec<_> = workers.collect();
        for (sleeper, worker) in shared.sleepers.iter().zip(&workers) {
            let _ = sleeper.thread.set(worker.thread().clone());
        }
        Self { shared, workers, region: Mutex::new(()) }
    }

    /// The number of threads, the caller's counted.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `f` once with each number below `tasks`, in no given order, and returns when all
    /// calls have.
    ///
    /// # Panics
    /// With a task's own panic, after the others have ended; tasks not yet begun are left out. The
    /// pool remains usable.
    pub fn run(&self, tasks: usize, f: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() || tasks <= 1 || INSIDE.get() {
            return (0..tasks).for_each(f);
        }
        match self.region.try_lock() {
            Ok(guard) => self.run_region(tasks, f, guard),
            Err(std::sync::TryLockError::Poisoned(guard)) => {
                self.run_region(tasks, f, guard.into_inner())
            }
            Err(std::sync::TryLockError::WouldBlock) => (0..tasks).for_each(f),
        }
    }

    fn run_region(&self, tasks: usize, f: &Task<'_>, _guard: MutexGuard<'_, ()>) {
        let shared = &*self.shared;
        let threads = self.threads();
        for (index, share) in shared.shares[..threads].iter().enumerate() {
            share.next.store(index * tasks / threads, Ordering::Relaxed);
            share.end.store((index + 1) * tasks / threads, Ordering::Relaxed);
        }
        // SAFETY: only the lifetime changes; `close` below returns when no worker can use it.
        let job = unsafe { std::mem::transmute::<*const Task<'_>, *const Task<'static>>(f) };
        *lock(&shared.job) = Some(Job(job));
        shared.open();
        shared.wake(tasks - 1);
        shared.take_tasks(0, f);
        shared.close();
        if shared.failed.swap(false, Ordering::Relaxed)
            && let Some(payload) = lock(&shared.panic).take()
        {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker ends by returning: its tasks' panics are caught.
            let _ = worker.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Shared {
    fn open(&self) {
        let epoch = self.state.load(Ordering::Relaxed) / EPOCH;
        // Sequentially consistent with the sleepers' flags: either the caller sees that a worker
        // sleeps, or the worker sees the open region before it does.
        self.state.store(epoch.wrapping_add(1).wrapping_mul(EPOCH) | OPEN, Ordering::SeqCst);
    }

    /// Wakes at most `wanted` sleeping workers.
    fn wake(&self, wanted: usize) {
        for sleeper in self.sleepers.iter().take(wanted) {
            if sleeper.asleep.load(Ordering::SeqCst)
                && sleeper.asleep.swap(false, Ordering::SeqCst)
                && let Some(thread) = sleeper.thread.get()
            {
                thread.unpark();
            }
        }
    }

    /// Lets no further worker in and waits for those inside.
    fn close(&self) {
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.state.load(Ordering::Acquire) & ACTIVE != 0 {
            spins += 1;
            // Someone else may need this core for the worker to get on.
            if self.spins && spins < 2_000 || spins < 50 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Runs the tasks of the own share, then those of the others.
    fn take_tasks(&self, own: usize, f: &Task<'_>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Inside::enter();
            let threads = self.shares.len();
            for offset in 0..threads {
                let share = &self.shares[(own + offset) % threads];
                let end = share.end.load(Ordering::Relaxed);
                while share.next.load(Ordering::Relaxed) < end {
                    let task = share.next.fetch_add(1, Ordering::Relaxed);
                    if task >= end || self.failed.load(Ordering::Relaxed) {
                        break;
                    }
                    f(task);
                }
            }
        }));
        if let Err(payload) = outcome {
            lock(&self.panic).get_or_insert(payload);
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// A worker's life.
    fn work(&self, index: usize) {
        let mut seen = 0;
        while let Some(epoch) = self.enter(index, seen) {
            seen = epoch;
            let job = *lock(&self.job);
            if let Some(Job(f)) = job {
                // SAFETY: this worker is counted as active, so the region's caller waits for it
                // before the closure goes.
                self.take_tasks(index, unsafe { &*f });
            }
            self.state.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Waits for a region other than `seen` and joins it; `None` when the pool ends.
    fn enter(&self, index: usize, seen: u64) -> Option<u64> {
        loop {
            self.idle(index, seen);
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            let state = self.state.load(Ordering::Acquire);
            if self.is_new(state, seen)
                && self
                    .state
                    .compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                return Some(state / EPOCH);
            }
        }
    }

    fn is_new(&self, state: u64, seen: u64) -> bool {
        state & OPEN != 0 && state / EPOCH != seen
    }

    fn has_news(&self, seen: u64) -> bool {
        self.is_new(self.state.load(Ordering::SeqCst), seen) || self.stop.load(Ordering::SeqCst)
    }

    /// Returns when there may be something to do: spins for a while, then sleeps.
    fn idle(&self, index: usize, seen: u64) {
        if self.spins {
            let begin = Instant::now();
            while begin.elapsed() < SPIN {
                for _ in 0..SPINS_PER_LOOK {
                    if self.is_new(self.state.load(Ordering::Acquire), seen) {
                        return;
                    }
                    std::hint::spin_loop();
                }
            }
        }
        let sleeper = &self.sleepers[index - 1];
        sleeper.asleep.store(true, Ordering::SeqCst);
        while !self.has_news(seen) && sleeper.asleep.load(Ordering::SeqCst) {
            std::thread::park();
        }
        sleeper.asleep.store(false, Ordering::SeqCst);
    }
}

/// Marks the thread as running tasks, also when one of them panics.
struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.set(true);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
