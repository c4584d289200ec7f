// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
use std::ffi::CString;
use std::fmt;
use std::ptr::NonNull;

use crate::sys;
use crate::{Error, Ref};

/// A pool: where objects lie. All its calls may run at once, from any thread.
///
/// Dropping it gives all of its memory back to the OS.
pub struct Pool(NonNull<sys::zs_pool>);

// SAFETY: the library allows all calls that are used here on one pool from any threads at
// once; but zs_destroy_pool, which only drop calls.
unsafe impl Send for Pool {}
unsafe impl Sync for Pool {}

/// Options of a pool. 0 is the default everywhere.
///
/// ```
/// use uzsmalloc::Options;
/// let pool = Options::new().memory_limit(64 << 20).create("cache")?;
/// assert_eq!(pool.info().memory_limit, 64 << 20);
/// # Ok::<(), uzsmalloc::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    page_size: u32,
    chain_size: u32,
    flags: u32,
    memory_limit: usize,
    retained_bytes: usize,
    max_overhead_percent: u32,
}

impl Options {
    /// The defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// Bytes in a page: 4096 (the default) to 65536, a power of two.
    pub fn page_size(mut self, bytes: u32) -> Options {
        self.page_size = bytes;
        self
    }

    /// Pages of a zspage, 4 to 16 (the default).
    pub fn chain_size(mut self, pages: u32) -> Options {
        self.chain_size = pages;
        self
    }

    /// Bytes that the pool may hold from the OS.
    pub fn memory_limit(mut self, bytes: usize) -> Options {
        self.memory_limit = bytes;
        self
    }

    /// Bytes of free memory that the pool need not give back: 4 MiB by default.
    pub fn retained_bytes(mut self, bytes: usize) -> Options {
        self.retained_bytes = bytes;
        self
    }

    /// What gaps may take, in percent of the objects' bytes, before the pool closes them
    /// by itself: 2 by default, at most 10000, which is no bound.
    pub fn max_overhead_percent(mut self, percent: u32) -> Options {
        self.max_overhead_percent = percent;
        self
    }

    /// The pool has no thread of its own. What that would do waits for [`Pool::drain`]
    /// and [`Pool::trim`].
    pub fn no_worker(mut self) -> Options {
        self.flags |= sys::POOL_NO_WORKER;
        self
    }

    /// No huge pages.
    pub fn no_huge_pages(mut self) -> Options {
        self.flags |= sys::POOL_NO_HUGE_PAGES;
        self
    }

    /// Creates a pool. The name is for the reader of statistics.
    pub fn create(&self, name: &str) -> Result<Pool, Error> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        let mut options = sys::zs_pool_options::new();
        options.page_size = self.page_size;
        options.chain_size = self.chain_size;
        options.flags = self.flags;
        options.memory_limit = self.memory_limit;
        options.retained_bytes = self.retained_bytes;
        options.max_overhead_percent = self.max_overhead_percent;
        options.profile = sys::PROFILE_USER;
        // SAFETY: both live during the call, which copies them.
        let pool = unsafe { sys::zs_create_pool_with(name.as_ptr(), &options) };
        NonNull::new(pool).map(Pool).ok_or_else(Error::last)
    }
}

/// What a pool is and holds. Memory in bytes, and exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Bytes in a page.
    pub page_size: usize,
    /// Pages of the longest zspage.
    pub chain_size: usize,
    /// 0: none.
    pub memory_limit: usize,
    /// Free memory that the pool need not give back.
    pub retained_bytes: usize,
    /// Objects that are live. Empty ones take no memory, and do not count.
    pub objects: usize,
    /// Pages in zspages.
    pub pages: usize,
    /// The most there ever were.
    pub peak_pages: usize,
    /// Pages that compaction could free.
    pub freeable_pages: usize,
    /// Address space taken from the OS.
    pub bytes_mapped: usize,
    /// Of that, what the OS has filled with memory.
    pub bytes_resident: usize,
    /// Of that, what is free, and not given back yet.
    pub bytes_free: usize,
    /// Of bytes_resident, what lies in huge pages.
    pub bytes_huge: usize,
    /// Objects moved so far.
    pub objects_moved: usize,
    /// Bytes given back to the OS so far.
    pub bytes_given_back: usize,
}

impl Pool {
    /// Creates a pool with the default options.
    pub fn new(name: &str) -> Result<Pool, Error> {
        Options::new().create(name)
    }

    /// Makes the pool live as long as the program, so that what owns refs can be owned by
    /// anything, too.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use uzsmalloc::{Pool, Ref};
    ///
    /// struct Cache {
    ///     pool: &'static Pool,
    ///     map: HashMap<String, Ref<'static>>,
    /// }
    /// let mut cache = Cache { pool: Pool::new("cache")?.leak(), map: HashMap::new() };
    /// cache.map.insert("key".into(), cache.pool.store(b"value")?);
    /// # Ok::<(), uzsmalloc::Error>(())
    /// ```
    pub fn leak(self) -> &'static Pool {
        Box::leak(Box::new(self))
    }

    /// A new object with a copy of `data`, of at most [`MAX_SIZE`](crate::MAX_SIZE) bytes.
    /// An empty one takes no memory. May wait: for compaction, when memory is short.
    pub fn store(&self, data: &[u8]) -> Result<Ref<'_>, Error> {
        Ref::new(self, data)
    }

    /// A new object of `len` bytes that are 0: to be filled in by
    /// [`pin_mut`](Ref::pin_mut).
    pub fn zeroed(&self, len: usize) -> Result<Ref<'_>, Error> {
        Ref::zeroed(self, len)
    }

    /// Moves objects together, so that pages become free. Return: how many did; 0 at once
    /// if another thread is at it.
    pub fn compact(&self) -> usize {
        // SAFETY: the pool is live.
        unsafe { sys::zs_compact(self.raw()) as usize }
    }

    /// Gives all free memory back to the OS. Return: bytes.
    pub fn trim(&self) -> usize {
        // SAFETY: the pool is live.
        unsafe { sys::zs_trim(self.raw()) }
    }

    /// Does what waits for the pool's worker, now. Return: how many pieces of work this
    /// thread did.
    pub fn drain(&self) -> usize {
        // SAFETY: the pool is live, and no callback of a pool runs Rust.
        unsafe { sys::zs_drain(self.raw()) as usize }
    }

    /// Changes the limit; 0 removes it. What the pool holds beyond it goes back to the OS
    /// as far as it is free; then objects have to be dropped to come down.
    pub fn set_memory_limit(&self, bytes: usize) -> Result<(), Error> {
        // SAFETY: the pool is live.
        Error::check(unsafe { sys::zs_set_memory_limit(self.raw(), bytes) })
    }

    /// What the pool is and holds now.
    pub fn info(&self) -> Info {
        let mut now = sys::zs_pool_info::new();
        // SAFETY: the pool is live, and the structure says how large it is.
        let err = unsafe { sys::zs_pool_info(self.raw(), &mut now) };
        debug_assert_eq!(err, 0);
        Info {
            page_size: now.page_size as usize,
            chain_size: now.chain_size as usize,
            memory_limit: now.memory_limit_bytes,
            retained_bytes: now.retained_bytes,
            objects: now.objs_inuse as usize,
            pages: now.pages as usize,
            peak_pages: now.peak_pages as usize,
            freeable_pages: now.freeable_pages as usize,
            bytes_mapped: now.bytes_mapped,
            bytes_resident: now.bytes_resident,
            bytes_free: now.bytes_free,
            bytes_huge: now.bytes_huge,
            objects_moved: now.objs_moved as usize,
            bytes_given_back: now.bytes_given_back as usize,
        }
    }

    pub(crate) fn raw(&self) -> *mut sys::zs_pool {
        self.0.as_ptr()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: nobody borrows the pool, so there is no ref that could still be used, and
        // no call under way. What was forgotten is freed with it.
        unsafe { sys::zs_destroy_pool(self.raw()) };
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.info()).finish()
    }
}
