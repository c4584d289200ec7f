// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
//! The calls of `uzsmalloc.h` that are used here. A test compares the structures with
//! the header's, by a C compiler.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_int, c_uint, c_ulong, c_void};

#[repr(C)]
pub struct zs_pool {
    _opaque: [u8; 0],
}

pub const GFP_KERNEL: c_uint = 1;
pub const NUMA_NO_NODE: c_int = -1;
pub const PROFILE_USER: c_uint = 2;
pub const POOL_NO_WORKER: c_uint = 0x1;
pub const POOL_NO_HUGE_PAGES: c_uint = 0x4;
pub const USER_MAX_SIZE: usize = 1 << 20;

/// A structure as the header has it, with a list of its fields for the test.
macro_rules! c_struct {
    ($name:ident, $fields:ident { $($field:ident: $type:ty,)* }) => {
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name { $(pub $field: $type,)* }

        impl $name {
            /// All fields 0 or null, but for the size.
            pub fn new() -> Self {
                // SAFETY: integers and nullable pointers; 0 is a value of each.
                let mut new: Self = unsafe { std::mem::zeroed() };
                new.struct_size = std::mem::size_of::<Self>();
                new
            }

            #[cfg(test)]
            fn $fields() -> Vec<(&'static str, usize, usize)> {
                let base = Self::new();
                let start = std::ptr::addr_of!(base) as usize;
                vec![$((
                    stringify!($field),
                    std::ptr::addr_of!(base.$field) as usize - start,
                    std::mem::size_of::<$type>(),
                ),)*]
            }
        }
    };
}

c_struct!(zs_pool_options, fields {
    struct_size: usize,
    page_size: c_uint,
    chain_size: c_uint,
    lock_scope: c_uint,
    defer: c_uint,
    flags: c_uint,
    memory_limit: usize,
    retained_bytes: usize,
    misuse: Option<unsafe extern "C" fn(*const c_void, *mut c_void)>,
    misuse_arg: *mut c_void,
    profile: c_uint,
    max_overhead_percent: c_uint,
    expected_bytes: usize,
});

c_struct!(
    zs_pool_info,
    fields {
        struct_size: usize,
        page_size: c_uint,
        chain_size: c_uint,
        memory_limit_bytes: usize,
        retained_bytes: usize,
        pages: c_ulong,
        peak_pages: c_ulong,
        slab_pages: c_ulong,
        bytes_mapped: usize,
        bytes_resident: usize,
        bytes_free: usize,
        objs_inuse: c_ulong,
        objs_capacity: c_ulong,
        freeable_pages: c_ulong,
        compactions: c_ulong,
        pages_compacted: c_ulong,
        objs_moved: c_ulong,
        bytes_moved: c_ulong,
        compact_hold_ns_max: c_ulong,
        pages_migrated: c_ulong,
        migrations_busy: c_ulong,
        zspages_async_freed: c_ulong,
        bytes_given_back: c_ulong,
        deferred_queued: c_ulong,
        deferred_sync_busy: c_ulong,
        deferred_sync_full: c_ulong,
        deferred_drained: c_ulong,
        deferred_scheduled: c_ulong,
        deferred_reused: c_ulong,
        bytes_huge: usize,
        own_steps: c_ulong,
        own_bytes_moved: c_ulong,
        own_us: c_ulong,
    }
);

extern "C" {
    pub fn zs_version() -> *const c_char;
    pub fn zs_is_err(handle: c_ulong) -> bool;
    pub fn zs_err(handle: c_ulong) -> c_int;
    pub fn zs_create_pool_with(
        name: *const c_char,
        options: *const zs_pool_options,
    ) -> *mut zs_pool;
    pub fn zs_destroy_pool(pool: *mut zs_pool) -> c_ulong;
    pub fn zs_set_memory_limit(pool: *mut zs_pool, bytes: usize) -> c_int;
    pub fn zs_malloc(pool: *mut zs_pool, size: usize, gfp: c_uint, nid: c_int) -> c_ulong;
    pub fn zs_free(pool: *mut zs_pool, handle: c_ulong);
    pub fn zs_obj_read_begin(
        pool: *mut zs_pool,
        handle: c_ulong,
        mem_len: usize,
        local_copy: *mut c_void,
    ) -> *mut c_void;
    pub fn zs_obj_read_end(
        pool: *mut zs_pool,
        handle: c_ulong,
        mem_len: usize,
        handle_mem: *mut c_void,
    );
    pub fn zs_obj_write(
        pool: *mut zs_pool,
        handle: c_ulong,
        handle_mem: *const c_void,
        mem_len: usize,
    ) -> c_int;
    pub fn zs_obj_room(pool: *mut zs_pool, handle: c_ulong) -> usize;
    pub fn zs_compact(pool: *mut zs_pool) -> c_ulong;
    pub fn zs_trim(pool: *mut zs_pool) -> usize;
    pub fn zs_drain(pool: *mut zs_pool) -> c_ulong;
    pub fn zs_pool_info(pool: *mut zs_pool, info: *mut zs_pool_info) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn asserts(text: &mut String, name: &str, fields: &[(&str, usize, usize)], size: usize) {
        writeln!(
            text,
            "_Static_assert(sizeof(struct {name}) == {size}, \"{name}\");"
        )
        .unwrap();
        for (field, offset, size) in fields {
            writeln!(
                text,
                "_Static_assert(offsetof(struct {name}, {field}) == {offset} && \
                 sizeof(((struct {name} *)0)->{field}) == {size}, \"{name}.{field}\");"
            )
            .unwrap();
        }
    }

    /// Compiles the header with what is written above as assertions.
    #[test]
    fn header_is_the_same() {
        let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../../include");
        let mut text = String::from("#include <uzsmalloc.h>\n");
        asserts(
            &mut text,
            "zs_pool_options",
            &zs_pool_options::fields(),
            std::mem::size_of::<zs_pool_options>(),
        );
        asserts(
            &mut text,
            "zs_pool_info",
            &zs_pool_info::fields(),
            std::mem::size_of::<zs_pool_info>(),
        );
        for (name, value) in [
            ("GFP_KERNEL", GFP_KERNEL as usize),
            ("ZS_PROFILE_USER", PROFILE_USER as usize),
            ("ZS_POOL_NO_WORKER", POOL_NO_WORKER as usize),
            ("ZS_POOL_NO_HUGE_PAGES", POOL_NO_HUGE_PAGES as usize),
            ("ZS_USER_MAX_SIZE", USER_MAX_SIZE),
        ] {
            writeln!(text, "_Static_assert({name} == {value}, \"{name}\");").unwrap();
        }
        writeln!(text, "_Static_assert(NUMA_NO_NODE == -1, \"node\");").unwrap();

        let mut cc = Command::new("cc")
            .args(["-std=gnu11", "-fsyntax-only", "-x", "c", "-I", include, "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("cc");
        cc.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(cc.wait().unwrap().success());
    }
}
