//! Aligned memory for packed weights, and scratch for tiles: whole cache lines, and whole large pages where
//! there is enough of it (large pages spare most of the page faults at start and the misses of
//! the address cache while weights stream).

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

const LINE: usize = 64;
const LARGE_PAGE: usize = 2 << 20;

/// Initialised values that begin on a cache line.
pub struct Buffer<T: Copy = f32> {
    data: NonNull<T>,
    len: usize,
}

// SAFETY: it owns its memory as a Vec does.
unsafe impl<T: Copy + Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Copy + Sync> Sync for Buffer<T> {}

/// Numbers of which all bits zero is the number zero.
pub trait Zeros: Copy {}
impl Zeros for f32 {}
impl Zeros for i32 {}
impl Zeros for i8 {}
impl Zeros for u8 {}

impl<T: Zeros> Buffer<T> {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        // SAFETY: all values are written, and zero bits are a value.
        unsafe { Self::filled(len, |data| data.write_bytes(0, len)) }
    }
}

impl<T: Copy> Buffer<T> {
    /// `len` values that `fill` writes, each memory page touched by whoever writes it first.
    ///
    /// # Safety
    /// `fill` writes all `len` values.
    pub(crate) unsafe fn filled(len: usize, fill: impl FnOnce(*mut T)) -> Self {
        let layout = Self::layout(len);
        // SAFETY: the layout is never of size zero.
        let data = unsafe { alloc(layout) };
        let Some(data) = NonNull::new(data.cast::<T>()) else { handle_alloc_error(layout) };
        if layout.align() == LARGE_PAGE {
            ask_for_large_pages(data.as_ptr().cast(), layout.size());
        }
        fill(data.as_ptr());
        Self { data, len }
    }

    fn layout(len: usize) -> Layout {
        let bytes = (len * size_of::<T>()).max(LINE);
        let align = if bytes >= LARGE_PAGE { LARGE_PAGE } else { LINE };
        Layout::from_size_align(bytes, align).expect("a buffer's size fits the address space")
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: `len` initialised values, owned.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }

    /// The values, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: `len` initialised values, owned and borrowed once.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<T: Copy> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: allocated with the same layout.
        unsafe { dealloc(self.data.as_ptr().cast(), Self::layout(self.len)) }
    }
}

impl<T: Copy> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Buffer({} values)", self.len)
    }
}

/// What a thread's scratch is for; each has its own memory, so that both can be in use at once.
#[derive(Clone, Copy)]
pub(crate) enum Scratch {
    /// Inner activations of a feed-forward tile.
    Inner,
    /// Rows copied to a better stride.
    Rows,
    /// Panels of a right side that is packed on the way.
    Panels,
    /// What a recurrence holds from step to step.
    Steps,
}

thread_local! {
    static SCRATCH: [RefCell<Buffer>; 4] =
        std::array::from_fn(|_| RefCell::new(Buffer::zeroed(0)));
}

/// Calls `f` with at least `len` values of this thread's scratch, grown where needed; their
/// contents are old.
pub(crate) fn with_scratch<T>(what: Scratch, len: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
    SCRATCH.with(|scratch| match scratch[what as usize].try_borrow_mut() {
        Ok(mut buffer) => {
            if buffer.len < len {
                *buffer = Buffer::zeroed(len);
            }
            f(&mut buffer.as_mut_slice()[..len])
        }
        // One use inside another is not done; if it ever is, it must still be right.
        Err(_) => f(Buffer::zeroed(len).as_mut_slice()),
    })
}

#[cfg(target_os = "linux")]
fn ask_for_large_pages(at: *mut u8, bytes: usize) {
    // SAFETY: the range was just allocated; the advice changes no contents, and a refusal is fine.
    unsafe { libc::madvise(at.cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_at: *mut u8, _bytes: usize) {}
