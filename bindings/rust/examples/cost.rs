// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
//! What owning an object costs, by how its owner names it. The figures of
//! docs/decisions/0016-rust-has-handles.md are from here.
//!
//! usage: cost [--mib N] [--rounds N] [--csv FILE]
//!   example: cargo run --release --example cost -- --mib 128 --rounds 7
//!
//! Four owners, each in a process of its own, by turns:
//!   ref    this crate's Ref: a handle
//!   boxed  a word that the pool rewrites (zs_ref), in a box of its own
//!   word   such words side by side in one slice that never moves
//!   box    Box<[u8]>: the program's malloc
//! Each has objects of 50 bytes to 4 KiB (as many of 50 to 100 as of 2,000 to 4,000).
//! Nanoseconds of the thread's CPU for each object, as the machine may be shared (what a
//! pool's worker takes beside it does not count): store all, read a byte of each in random order, replace
//! each by one of another size, drop every other one; bytes: what the process grew by
//! for each object, the owner and its word included, over the object's bytes, full and
//! after the drop, the pool compacted and trimmed.
use std::env;
use std::fs;
use std::io::Write as _;
use std::os::raw::{c_char, c_int, c_uint, c_ulong, c_void};
use std::process::{exit, Command};

use uzsmalloc::{Pool, Ref};

/// The words' side is not in this crate: that it would not be safe is the point.
mod words {
    use super::*;

    #[repr(C)]
    #[derive(Default)]
    pub struct Word(u64);

    #[repr(C)]
    struct Options {
        struct_size: usize,
        unused: [c_uint; 5],
        sizes: [usize; 2],
        misuse: [*mut c_void; 2],
        profile: c_uint,
        percent: c_uint,
        bytes: usize,
    }

    extern "C" {
        fn zs_create_pool_with(name: *const c_char, options: *const Options) -> *mut c_void;
        pub fn zs_compact(pool: *mut c_void) -> c_ulong;
        pub fn zs_trim(pool: *mut c_void) -> usize;
        fn zs_ref_store(p: *mut c_void, word: *mut Word, data: *const u8, len: usize) -> c_int;
        fn zs_ref_begin(pool: *mut c_void, word: *mut Word) -> *mut u8;
        fn zs_ref_end(pool: *mut c_void, word: *mut Word);
        fn zs_ref_free(pool: *mut c_void, word: *mut Word);
    }

    pub fn pool() -> *mut c_void {
        let options = Options {
            struct_size: std::mem::size_of::<Options>(),
            unused: [0; 5],
            sizes: [0; 2],
            misuse: [std::ptr::null_mut(); 2],
            profile: 2,
            percent: 0,
            bytes: 0,
        };
        // SAFETY: the structure is that of the header.
        let pool = unsafe { zs_create_pool_with(b"cost\0".as_ptr() as *const c_char, &options) };
        assert!(!pool.is_null());
        pool
    }

    // SAFETY, for all: the callers' words stay where they are until they are freed.
    pub fn store(pool: *mut c_void, word: &mut Word, data: &[u8]) {
        assert_eq!(
            unsafe { zs_ref_store(pool, word, data.as_ptr(), data.len()) },
            0
        );
    }
    pub fn read(pool: *mut c_void, word: &mut Word) -> u8 {
        unsafe {
            let byte = *zs_ref_begin(pool, word);
            zs_ref_end(pool, word);
            byte
        }
    }
    pub fn free(pool: *mut c_void, word: &mut Word) {
        unsafe { zs_ref_free(pool, word) }
    }
}

/// Objects by number.
trait Owners {
    fn store(&mut self, i: usize, data: &[u8]);
    fn read(&mut self, i: usize) -> u8;
    fn free(&mut self, i: usize);
    fn tidy(&mut self);
}

struct Refs {
    pool: &'static Pool,
    all: Vec<Option<Ref<'static>>>,
}

impl Owners for Refs {
    fn store(&mut self, i: usize, data: &[u8]) {
        match &mut self.all[i] {
            Some(r) => r.store(data).unwrap(),
            none => *none = Some(self.pool.store(data).unwrap()),
        }
    }
    fn read(&mut self, i: usize) -> u8 {
        self.all[i].as_ref().unwrap().pin()[0]
    }
    fn free(&mut self, i: usize) {
        self.all[i] = None;
    }
    fn tidy(&mut self) {
        self.pool.compact();
        self.pool.trim();
    }
}

struct Boxed {
    pool: *mut c_void,
    all: Vec<Option<Box<words::Word>>>,
}

impl Owners for Boxed {
    fn store(&mut self, i: usize, data: &[u8]) {
        words::store(
            self.pool,
            self.all[i].get_or_insert_with(Box::default),
            data,
        );
    }
    fn read(&mut self, i: usize) -> u8 {
        words::read(self.pool, self.all[i].as_mut().unwrap())
    }
    fn free(&mut self, i: usize) {
        words::free(self.pool, self.all[i].as_mut().unwrap());
        self.all[i] = None;
    }
    fn tidy(&mut self) {
        // SAFETY: the pool is live.
        unsafe {
            words::zs_compact(self.pool);
            words::zs_trim(self.pool);
        }
    }
}

struct Words {
    pool: *mut c_void,
    all: Box<[words::Word]>,
}

impl Owners for Words {
    fn store(&mut self, i: usize, data: &[u8]) {
        words::store(self.pool, &mut self.all[i], data);
    }
    fn read(&mut self, i: usize) -> u8 {
        words::read(self.pool, &mut self.all[i])
    }
    fn free(&mut self, i: usize) {
        words::free(self.pool, &mut self.all[i]);
    }
    fn tidy(&mut self) {
        // SAFETY: the pool is live.
        unsafe {
            words::zs_compact(self.pool);
            words::zs_trim(self.pool);
        }
    }
}

struct Boxes(Vec<Option<Box<[u8]>>>);

impl Owners for Boxes {
    fn store(&mut self, i: usize, data: &[u8]) {
        self.0[i] = Some(data.into());
    }
    fn read(&mut self, i: usize) -> u8 {
        self.0[i].as_ref().unwrap()[0]
    }
    fn free(&mut self, i: usize) {
        self.0[i] = None;
    }
    fn tidy(&mut self) {
        extern "C" {
            fn malloc_trim(pad: usize) -> c_int;
        }
        // SAFETY: may be called at any time.
        unsafe { malloc_trim(0) };
    }
}

const OWNERS: [&str; 4] = ["ref", "boxed", "word", "box"];

fn make(owner: &str, n: usize) -> Box<dyn Owners> {
    match owner {
        "ref" => Box::new(Refs {
            pool: Pool::new("cost").unwrap().leak(),
            all: (0..n).map(|_| None).collect(),
        }),
        "boxed" => Box::new(Boxed {
            pool: words::pool(),
            all: (0..n).map(|_| None).collect(),
        }),
        "word" => Box::new(Words {
            pool: words::pool(),
            all: (0..n).map(|_| words::Word::default()).collect(),
        }),
        _ => Box::new(Boxes((0..n).map(|_| None).collect())),
    }
}

/// xorshift: the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn size(&mut self) -> usize {
        let f = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (50.0 * (4096.0f64 / 50.0).powf(f)) as usize
    }
    fn order(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        order
    }
}

fn cpu_ns() -> u64 {
    #[repr(C)]
    struct Time {
        seconds: i64,
        nanoseconds: i64,
    }
    extern "C" {
        fn clock_gettime(clock: c_int, time: *mut Time) -> c_int;
    }
    const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
    let mut now = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the structure is that of 64-bit Linux.
    assert_eq!(
        unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut now) },
        0
    );
    now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64
}

fn rss() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

const COLUMNS: [&str; 6] = [
    "store_ns",
    "read_ns",
    "replace_ns",
    "drop_ns",
    "over_bytes",
    "half_over_bytes",
];

/// One owner, in this process.
fn one(owner: &str, mib: usize) -> [f64; 6] {
    let mut random = Random(88172645463325252);
    let (mut sizes, mut sum) = (Vec::new(), 0);
    while sum < mib << 20 {
        sizes.push(random.size() as u32);
        sum += *sizes.last().unwrap() as usize;
    }
    let n = sizes.len();
    let data = vec![7u8; 4096];
    let (reads, replaced, dropped) = (random.order(n), random.order(n), random.order(n));
    let mut others = sizes.clone();
    others.rotate_left(1);

    let before = rss();
    let mut owners = make(owner, n);
    let ns = |from: u64, n: usize| (cpu_ns() - from) as f64 / n as f64;
    let start = cpu_ns();
    for (i, size) in sizes.iter().enumerate() {
        owners.store(i, &data[..*size as usize]);
    }
    let store = ns(start, n);
    let over = (rss() - before) as f64 - sum as f64;

    // The second time, so that the first does not count.
    let mut read = 0.0;
    for _ in 0..2 {
        let start = cpu_ns();
        let mut total = 0usize;
        for i in &reads {
            total += owners.read(*i as usize) as usize;
        }
        read = ns(start, n);
        assert_eq!(total, 7 * n);
    }
    let start = cpu_ns();
    for i in &replaced {
        owners.store(*i as usize, &data[..others[*i as usize] as usize]);
    }
    let replace = ns(start, n);

    let start = cpu_ns();
    for i in &dropped[..n / 2] {
        owners.free(*i as usize);
    }
    let drop = ns(start, n / 2);
    owners.tidy();
    let left: usize = dropped[n / 2..]
        .iter()
        .map(|i| others[*i as usize] as usize)
        .sum();
    let half = (rss() - before) as f64 - left as f64;
    [
        store,
        read,
        replace,
        drop,
        over / n as f64,
        half / (n - n / 2) as f64,
    ]
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}

fn usage() -> ! {
    eprintln!("usage: cost [--mib N] [--rounds N] [--csv FILE]");
    exit(2)
}

fn main() {
    let (mut mib, mut rounds, mut csv, mut own) = (128, 5, None, None);
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| usage());
        let number = || {
            value
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .unwrap_or_else(|| usage())
        };
        match name.as_str() {
            "--mib" => mib = number(),
            "--rounds" => rounds = number(),
            "--csv" => csv = Some(value),
            "--one" => own = Some(value), // a process of the program's own
            _ => usage(),
        }
    }
    if let Some(owner) = own {
        println!("{}", one(&owner, mib).map(|f| format!("{f:.2}")).join(","));
        return;
    }

    let mut lines = format!("round,owner,{}\n", COLUMNS.join(","));
    let mut all = vec![vec![Vec::new(); COLUMNS.len()]; OWNERS.len()];
    for round in 0..rounds {
        for (owner, of_owner) in OWNERS.iter().zip(&mut all) {
            let output = Command::new(env::current_exe().expect("the program's own path"))
                .args(["--mib", &mib.to_string(), "--one", owner])
                .output()
                .expect("cannot start the program again");
            let text = String::from_utf8_lossy(&output.stdout);
            if !output.status.success() {
                eprintln!("cost: {owner}: {}", String::from_utf8_lossy(&output.stderr));
                exit(1);
            }
            lines += &format!("{round},{owner},{}\n", text.trim());
            for (figure, of_column) in text.trim().split(',').zip(of_owner.iter_mut()) {
                of_column.push(figure.parse::<f64>().unwrap());
            }
        }
    }
    println!("owner {}", COLUMNS.map(|c| format!("{c:>16}")).concat());
    for (owner, of_owner) in OWNERS.iter().zip(&mut all) {
        let medians = of_owner.iter_mut().map(|v| format!("{:16.1}", median(v)));
        println!("{owner:<6}{}", medians.collect::<String>());
    }
    if let Some(path) = csv {
        let file = fs::File::create(&path).and_then(|mut f| f.write_all(lines.as_bytes()));
        if let Err(error) = file {
            eprintln!("cost: {path}: {error}");
            exit(1);
        }
    }
}
