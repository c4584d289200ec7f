// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
//! Pools of small objects that take little memory, and give it back: uzsmalloc's user
//! profile in Rust.
//!
//! ```
//! use std::collections::HashMap;
//! use uzsmalloc::Pool;
//!
//! let pool = Pool::new("cache")?;
//! let mut cache = HashMap::new();
//! cache.insert("key", pool.store(b"value")?);
//!
//! assert_eq!(&*cache["key"].pin(), b"value");
//! cache.get_mut("key").unwrap().pin_mut()[0] = b'V';
//! assert_eq!(cache["key"].to_vec(), b"Value");
//! cache.get_mut("key").unwrap().store(b"a longer value")?;
//! # Ok::<(), uzsmalloc::Error>(())
//! ```
//!
//! A [`Ref`] owns an object of 1 byte to 1 MiB, as a `Box<[u8]>` does. But the object may
//! move: what is freed leaves gaps, and the pool closes them, by itself or by
//! [`Pool::compact`]. So an object is used through a guard ([`Ref::pin`],
//! [`Ref::pin_mut`]) that keeps it in its place. Keep it short.
//!
//! # What is safe
//!
//! No `unsafe` is needed to use this crate, and none of its calls can be used wrongly:
//!
//! - A `Ref` borrows its pool, so the pool outlives it:
//!
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   drop(pool);
//!   r.pin();
//!   ```
//!   ```
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   r.pin();
//!   drop(r);
//!   drop(pool);
//!   ```
//!
//! - An object is read by many or written by one:
//!
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let mut r = pool.store(b"x").unwrap();
//!   let mut a = r.pin_mut();
//!   let mut b = r.pin_mut();
//!   a[0] = b[0];
//!   ```
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let mut r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   let mut b = r.pin_mut();
//!   b[0] = a[0];
//!   ```
//!   ```
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   let b = r.pin();
//!   assert_eq!(a[0], b[0]);
//!   ```
//!
//! - While it is pinned it is not replaced, moved away or freed:
//!
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let mut r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   r.store(b"y").unwrap();
//!   assert_eq!(&*a, b"x");
//!   ```
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   drop(r);
//!   assert_eq!(&*a, b"x");
//!   ```
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   let bytes: &[u8];
//!   {
//!       let a = r.pin();
//!       bytes = &a;
//!   }
//!   assert_eq!(bytes, b"x"); // the guard has gone
//!   ```
//!   ```
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let mut r = pool.store(b"x").unwrap();
//!   {
//!       let a = r.pin();
//!       let bytes: &[u8] = &a;
//!       assert_eq!(bytes, b"x");
//!   }
//!   r.store(b"y").unwrap();
//!   ```
//!
//! - Pools and refs may be used and dropped by any thread ([`Send`], [`Sync`]). A guard
//!   stays in the thread that made it (the pool would read more slowly for good if others
//!   ended it); others may look at it there:
//!
//!   ```compile_fail
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   std::thread::scope(|s| {
//!       s.spawn(move || assert_eq!(&*a, b"x"));
//!   });
//!   ```
//!   ```
//!   let pool = uzsmalloc::Pool::new("p").unwrap();
//!   let r = pool.store(b"x").unwrap();
//!   let a = r.pin();
//!   std::thread::scope(|s| {
//!       s.spawn(|| assert_eq!(&*a, b"x"));
//!       s.spawn(|| assert_eq!(&*r.pin(), b"x"));
//!   });
//!   ```
//!
//! - Contents are always initialized: an object is made of bytes, or zeroed. What lies
//!   between its length and its room is never seen.
//! - A guard that is forgotten ([`std::mem::forget`]) keeps its object in place until the
//!   `Ref` is dropped; nothing else. (A thread can have 255 guards of one object. The
//!   next one may wait until one of them is dropped, which is for ever if they are
//!   forgotten, or if that thread has them itself.)
//! - There are no callbacks: no panic can come into the library.
//!
//! It was not run under Miri: that does not run C, and comes with no stable compiler.
//!
//! # How it is made
//!
//! A `Ref` holds a handle, not a `zs_ref`: values of Rust move without notice, and the
//! pool has to know where a `zs_ref` is. A handle costs 8 bytes in the pool, and a read at
//! random takes nearly three times as long. `docs/decisions/0016-rust-has-handles.md` has the figures, and what else
//! was weighed.
//!
//! For a cache that owns both its pool and its refs, [`Pool::leak`] makes the pool live
//! as long as the program. 64-bit only.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("uzsmalloc's user profile is for 64-bit machines");

mod error;
mod object;
mod pool;
mod sys;

pub use error::{Error, ErrorKind};
pub use object::{Pinned, PinnedMut, Ref};
pub use pool::{Info, Options, Pool};

/// The largest object, in bytes: 1 MiB.
pub const MAX_SIZE: usize = sys::USER_MAX_SIZE;

/// The version of the library that is linked, as `"0.1.0"`.
pub fn version() -> &'static str {
    // SAFETY: a constant string, which lives as long as the library is loaded; it is not
    // unloaded.
    let text = unsafe { std::ffi::CStr::from_ptr(sys::zs_version()) };
    text.to_str().unwrap_or("unknown")
}
