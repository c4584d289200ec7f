// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::os::raw::{c_ulong, c_void};
use std::ptr::{self, NonNull};
use std::slice;

use crate::sys;
use crate::{Error, ErrorKind, Pool, MAX_SIZE};

/// Owns an object of a pool: some bytes. 24 bytes large, as a `Vec` is; it may be moved,
/// sent and shared like any value. Dropping it frees the object.
///
/// Invariant: `handle` is a live object of `pool` that nobody else owns, of at least
/// `len` bytes, which are initialized. 0 stands for an object of no bytes.
pub struct Ref<'p> {
    pool: &'p Pool,
    handle: c_ulong,
    len: u32,
}

/// Allocates. Nothing is initialized.
fn allocate(pool: &Pool, len: usize) -> Result<c_ulong, Error> {
    // SAFETY: the pool is live.
    let handle = unsafe { sys::zs_malloc(pool.raw(), len, sys::GFP_KERNEL, sys::NUMA_NO_NODE) };
    // SAFETY: these look at the number alone.
    if unsafe { sys::zs_is_err(handle) } {
        Error::check(unsafe { sys::zs_err(handle) })?;
    }
    Ok(handle)
}

impl<'p> Ref<'p> {
    pub(crate) fn new(pool: &'p Pool, data: &[u8]) -> Result<Ref<'p>, Error> {
        if data.is_empty() {
            return Ok(Ref {
                pool,
                handle: 0,
                len: 0,
            });
        }
        let mut new = Ref {
            pool,
            handle: allocate(pool, data.len())?,
            len: 0,
        };
        new.overwrite(data);
        Ok(new)
    }

    pub(crate) fn zeroed(pool: &'p Pool, len: usize) -> Result<Ref<'p>, Error> {
        if len == 0 {
            return Ref::new(pool, &[]);
        }
        let handle = allocate(pool, len)?;
        // Not more than MAX_SIZE, or it would have failed.
        let mut new = Ref {
            pool,
            handle,
            len: 0,
        };
        let memory = new.begin(len);
        // SAFETY: it has len bytes, and nobody else uses it.
        unsafe {
            ptr::write_bytes(memory.as_ptr(), 0, len);
            new.end(memory, len);
        }
        new.len = len as u32;
        Ok(new)
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many it could have without another place: at least [`len`](Ref::len).
    pub fn room(&self) -> usize {
        // SAFETY: the handle is live, or 0.
        unsafe { sys::zs_obj_room(self.pool.raw(), self.handle) }
    }

    /// The pool that it is in.
    pub fn pool(&self) -> &'p Pool {
        self.pool
    }

    /// Keeps the object in its place, to read it there. Never fails. May wait for a thread
    /// that moves objects, for the time of a few objects.
    pub fn pin(&self) -> Pinned<'_> {
        Pinned(Pin::new(self))
    }

    /// Keeps the object in its place, to read and write it there.
    pub fn pin_mut(&mut self) -> PinnedMut<'_> {
        PinnedMut(Pin::new(self), PhantomData)
    }

    /// A copy.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pin().to_vec()
    }

    /// Stores a copy of `data` instead of what is there. On an error that stays.
    pub fn store(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.fits_well(data.len()) {
            self.overwrite(data);
            return Ok(());
        }
        match Ref::new(self.pool, data) {
            Ok(new) => *self = new,
            // Too large a place is better than none.
            Err(error) if error.kind() == ErrorKind::OutOfMemory && data.len() <= self.room() => {
                self.overwrite(data)
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Would another place be hardly smaller? (Size classes are 8 to 16 bytes apart, or
    /// 1/256.)
    fn fits_well(&self, len: usize) -> bool {
        if len == 0 || self.handle == 0 || len > MAX_SIZE {
            return false;
        }
        if len == self.len() {
            return true;
        }
        let room = self.room();
        len <= room && room - len <= (room / 256).max(15)
    }

    /// `data` is not longer than the room, and not empty.
    fn overwrite(&mut self, data: &[u8]) {
        // SAFETY: the handle is live, and by &mut nobody else uses it. (What a forgotten
        // guard has pinned may be written: no reference to it is left.)
        let err = unsafe {
            sys::zs_obj_write(
                self.pool.raw(),
                self.handle,
                data.as_ptr() as *const c_void,
                data.len(),
            )
        };
        assert_eq!(err, 0, "uzsmalloc: a live object cannot be written");
        // Not more than MAX_SIZE, as there is room.
        self.len = data.len() as u32;
    }

    /// The object is not empty, and has room for `len`.
    fn begin(&self, len: usize) -> NonNull<u8> {
        // SAFETY: the handle is live. Pools of the user profile need no buffer.
        let memory =
            unsafe { sys::zs_obj_read_begin(self.pool.raw(), self.handle, len, ptr::null_mut()) };
        NonNull::new(memory as *mut u8).expect("uzsmalloc: a live object cannot be pinned")
    }

    /// # Safety
    /// begin(len) has returned `memory`, which is not used afterwards.
    unsafe fn end(&self, memory: NonNull<u8>, len: usize) {
        // SAFETY: by what the caller promises.
        unsafe {
            sys::zs_obj_read_end(
                self.pool.raw(),
                self.handle,
                len,
                memory.as_ptr() as *mut c_void,
            )
        }
    }
}

impl Drop for Ref<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live or 0, and nobody else has it. If a guard was
        // forgotten, the object is freed all the same: nobody has its address any more.
        unsafe { sys::zs_free(self.pool.raw(), self.handle) }
    }
}

impl fmt::Debug for Ref<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// What both guards have. Not Send, as it has a pointer.
struct Pin<'a> {
    object: &'a Ref<'a>,
    /// Its `len` bytes. Dangling for an empty one.
    memory: NonNull<u8>,
}

impl<'a> Pin<'a> {
    fn new(object: &'a Ref<'_>) -> Pin<'a> {
        let memory = match object.len() {
            0 => NonNull::dangling(),
            len => object.begin(len),
        };
        Pin { object, memory }
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        if !self.object.is_empty() {
            // SAFETY: begun in new, with that length: the object is borrowed, so that it
            // is still the same. The slices that were made of it borrow this.
            unsafe { self.object.end(self.memory, self.object.len()) }
        }
    }
}

/// Keeps an object in its place, to be read. See [`Ref::pin`].
pub struct Pinned<'a>(Pin<'a>);

/// Keeps an object in its place, to be read and written. See [`Ref::pin_mut`].
pub struct PinnedMut<'a>(Pin<'a>, PhantomData<&'a mut [u8]>);

// SAFETY: a shared one gives &[u8] alone.
unsafe impl Sync for Pinned<'_> {}
unsafe impl Sync for PinnedMut<'_> {}

impl Deref for Pinned<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: len bytes, initialized, which stay in place while the guard lives, and
        // which nobody writes: that would take &mut Ref.
        unsafe { slice::from_raw_parts(self.0.memory.as_ptr(), self.0.object.len()) }
    }
}

impl Deref for PinnedMut<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as above; this guard came from &mut Ref, so it is the only one.
        unsafe { slice::from_raw_parts(self.0.memory.as_ptr(), self.0.object.len()) }
    }
}

impl DerefMut for PinnedMut<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and by &mut there is no other slice of it.
        unsafe { slice::from_raw_parts_mut(self.0.memory.as_ptr(), self.0.object.len()) }
    }
}

impl AsRef<[u8]> for Pinned<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Pinned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for PinnedMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
