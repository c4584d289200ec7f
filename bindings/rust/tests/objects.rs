// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
//! What a program of somebody else's sees: no unsafe here.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::{forget, size_of, swap};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use uzsmalloc::{version, Error, ErrorKind, Options, Pinned, PinnedMut, Pool, Ref, MAX_SIZE};

/// A value that can be told from others, of different lengths.
fn value(key: usize) -> Vec<u8> {
    let mut v = key.to_string().into_bytes();
    v.resize(v.len() + key * 7 % 900, b'x');
    v.extend_from_slice(b"end");
    v
}

/// How many are live; what the worker has in hand counts until it is done.
fn live(pool: &Pool) -> usize {
    pool.drain();
    pool.info().objects
}

/// xorshift: the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// At most 100 bytes of it.
fn short(key: usize) -> Vec<u8> {
    let mut v = value(key);
    v.truncate(100);
    v
}

/// 5000 objects, of which every tenth is left.
fn sparse(pool: &Pool) -> Vec<Ref<'_>> {
    let all: Vec<_> = (0..5000).map(|i| pool.store(&short(i)).unwrap()).collect();
    all.into_iter()
        .enumerate()
        .filter(|(i, _)| i % 10 == 0)
        .map(|(_, r)| r)
        .collect()
}

#[test]
fn one_object() {
    let pool = Pool::new("test").unwrap();
    let mut r = pool.store(b"text").unwrap();
    assert_eq!((r.len(), r.is_empty()), (4, false));
    assert!(r.room() >= 4 && r.room() < 100);
    assert_eq!(&*r.pin(), b"text");
    assert_eq!(r.to_vec(), b"text");
    r.pin_mut()[0] = b'T';
    assert_eq!(&r.pin()[..], b"Text");
    r.pin_mut().copy_from_slice(b"four");
    assert_eq!(r.pin().as_ref(), b"four");
    assert_eq!(live(&pool), 1);
    for len in [1, 3, 4, 100, 5000, 40000, MAX_SIZE, 7] {
        let data = vec![len as u8; len];
        r.store(&data).unwrap();
        assert_eq!(*r.pin(), data[..]);
        assert!(r.room() >= len && r.len() == len);
    }
    assert_eq!(live(&pool), 1);
    drop(r);
    assert_eq!(live(&pool), 0);
}

#[test]
fn empty_objects() {
    let pool = Pool::new("test").unwrap();
    let mut r = pool.store(b"").unwrap();
    assert!(r.is_empty() && r.room() == 0);
    assert_eq!(live(&pool), 0);
    assert_eq!(&*r.pin(), b"");
    assert_eq!(&mut *r.pin_mut(), b"");
    r.store(b"some").unwrap();
    assert_eq!(&*r.pin(), b"some");
    r.store(b"").unwrap();
    assert_eq!(&*r.pin(), b"");
    assert_eq!(live(&pool), 0);
    assert!(pool.zeroed(0).unwrap().is_empty());
}

/// What was freed is given out again, with what was in it.
#[test]
fn contents_are_initialized() {
    let pool = Pool::new("test").unwrap();
    for _ in 0..50 {
        drop(pool.store(&[0xaa; 300]).unwrap());
        let r = pool.zeroed(300).unwrap();
        assert_eq!(*r.pin(), [0; 300]);
    }
    // A shorter value does not show the end of the longer one.
    let mut r = pool.store(&[0xaa; 300]).unwrap();
    r.store(&[1; 296]).unwrap();
    assert_eq!(*r.pin(), [1; 296]);
}

#[test]
fn errors() {
    let pool = Options::new().memory_limit(8 << 20).create("test").unwrap();
    let error = pool.store(&vec![0; MAX_SIZE + 1]).unwrap_err();
    assert_eq!(
        (error.kind(), error.raw_os_error()),
        (ErrorKind::TooLarge, 28)
    );
    assert_eq!(
        pool.zeroed(MAX_SIZE + 1).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    assert_eq!(Pool::new("a\0b").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(
        Options::new()
            .chain_size(1000)
            .create("x")
            .unwrap_err()
            .kind(),
        ErrorKind::Invalid
    );
    assert_eq!(
        pool.set_memory_limit(1).unwrap_err().kind(),
        ErrorKind::Invalid
    );

    let mut all = Vec::new();
    let error = loop {
        match pool.store(&[7; 10000]) {
            Ok(r) => all.push(r),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!(io::Error::from(error).raw_os_error(), Some(12));
    assert!(error.to_string().contains("memory") && format!("{error:?}").contains("12"));
    let boxed: Box<dyn std::error::Error> = Box::new(error);
    assert!(boxed.source().is_none());
    assert!(all.len() > 500);
    // The old value stays; and what fits into its place can be stored all the same.
    assert_eq!(all[3].store(&vec![8; 500_000]).unwrap_err(), error);
    assert_eq!(*all[3].pin(), [7; 10000]);
    all[3].store(&[9; 9000]).unwrap();
    assert_eq!(*all[3].pin(), [9; 9000]);
    drop(all);
    assert_eq!(live(&pool), 0);
    pool.store(&[7; 10000]).unwrap();
}

/// Each option reaches the library: the structures agree.
#[test]
fn options() {
    let pool = Options::new()
        .page_size(16384)
        .chain_size(5)
        .memory_limit(32 << 20)
        .retained_bytes(1 << 20)
        .no_worker()
        .max_overhead_percent(50)
        .no_huge_pages()
        .create("options")
        .unwrap();
    let info = pool.info();
    assert_eq!((info.page_size, info.chain_size), (16384, 5));
    assert_eq!(
        (info.memory_limit, info.retained_bytes),
        (32 << 20, 1 << 20)
    );
    assert_eq!((info.objects, info.bytes_huge), (0, 0));
    assert!(info.bytes_resident <= info.bytes_mapped);
    pool.set_memory_limit(64 << 20).unwrap();
    assert_eq!(pool.info().memory_limit, 64 << 20);
    assert!(Options::new()
        .max_overhead_percent(10001)
        .create("x")
        .is_err());
    assert!(version().starts_with("0.1."));
}

#[test]
fn sizes_and_traits() {
    fn send_sync<T: Send + Sync>() {}
    fn sync<T: Sync>() {}
    send_sync::<Pool>();
    send_sync::<Ref<'static>>();
    send_sync::<Error>();
    sync::<Pinned<'static>>();
    sync::<PinnedMut<'static>>();
    assert_eq!(size_of::<Ref<'static>>(), 24);
    assert_eq!(size_of::<Option<Ref<'static>>>(), 24);
}

#[test]
fn values_move_as_they_like() {
    let pool = Pool::new("test").unwrap();
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    let mut list = Vec::new();
    for i in 0..3000 {
        map.insert(i, pool.store(&value(i)).unwrap());
        tree.insert(i, Some(pool.store(&value(i + 1)).unwrap()));
        list.push(pool.store(&value(i + 2)).unwrap());
        if i % 500 == 0 {
            drop(sparse(&pool));
            pool.compact();
        }
    }
    list.swap(1, 2);
    list.remove(0);
    list.sort_by_key(|r| r.to_vec());
    list.shrink_to_fit();
    drop(sparse(&pool));
    pool.compact();
    pool.trim();
    for i in 0..3000 {
        assert_eq!(*map[&i].pin(), value(i)[..]);
        assert_eq!(*tree[&i].as_ref().unwrap().pin(), value(i + 1)[..]);
    }
    let mut expected: Vec<_> = (1..3000).map(|i| value(i + 2)).collect();
    expected.sort();
    assert_eq!(list.iter().map(Ref::to_vec).collect::<Vec<_>>(), expected);
    let (mut a, mut b) = (map.remove(&1).unwrap(), map.remove(&2).unwrap());
    swap(&mut a, &mut b);
    assert_eq!(*a.pin(), value(2)[..]);
    a = b;
    assert_eq!(*a.pin(), value(1)[..]);
    drop((map, tree, list, a));
    assert_eq!(live(&pool), 0);
}

#[test]
fn random_work_against_a_model() {
    let pool = Pool::new("test").unwrap();
    let mut random = Random(88172645463325252);
    let mut model: Vec<(Ref<'_>, Vec<u8>)> = Vec::new();
    for _ in 0..30000 {
        let data = value(random.below(5000));
        let at = if model.is_empty() {
            0
        } else {
            random.below(model.len())
        };
        match random.below(if model.len() < 500 { 6 } else { 8 }) {
            0 | 1 => model.push((pool.store(&data).unwrap(), data)),
            2 if !model.is_empty() => {
                model[at].0.store(&data).unwrap();
                model[at].1 = data;
            }
            3 if !model.is_empty() => {
                let (r, data) = &mut model[at];
                let mut pinned = r.pin_mut();
                let byte = random.below(data.len());
                pinned[byte] ^= 1;
                data[byte] ^= 1;
            }
            4 if !model.is_empty() => assert_eq!(*model[at].0.pin(), model[at].1[..]),
            5 if random.below(100) == 0 => {
                pool.compact();
            }
            6 | 7 => drop(model.swap_remove(at)),
            _ => {}
        }
    }
    assert_eq!(live(&pool), model.len());
    for (r, data) in &model {
        assert_eq!(*r.pin(), data[..]);
    }
}

/// Which of these refs lie elsewhere after compaction?
fn moved(pool: &Pool, refs: &[Ref<'_>]) -> Vec<bool> {
    let place = |r: &Ref<'_>| r.pin().as_ptr();
    let before: Vec<_> = refs.iter().map(place).collect();
    pool.compact();
    refs.iter()
        .map(place)
        .zip(before)
        .map(|(now, then)| now != then)
        .collect()
}

#[test]
fn pinned_objects_stay() {
    let pool = Options::new()
        .max_overhead_percent(10000)
        .create("test")
        .unwrap();
    let refs = sparse(&pool);
    let pinned: Vec<_> = refs.iter().take(20).map(Ref::pin).collect();
    let moved = moved(&pool, &refs);
    assert!(moved.iter().filter(|m| **m).count() > 100);
    for (i, guard) in pinned.iter().enumerate() {
        assert!(!moved[i]);
        assert_eq!(guard[..], short(i * 10)[..]);
    }
}

#[test]
fn forgotten_guards_keep_objects_in_place() {
    let pool = Options::new()
        .max_overhead_percent(10000)
        .create("test")
        .unwrap();
    let mut refs = sparse(&pool);
    for (i, r) in refs.iter_mut().take(20).enumerate() {
        if i % 2 == 0 {
            forget(r.pin());
            forget(r.pin());
        } else {
            forget(r.pin_mut());
        }
    }
    let moved = moved(&pool, &refs);
    assert!(moved.iter().filter(|m| **m).count() > 100);
    assert!(moved.iter().take(20).all(|m| !m));
    // They are used, stored to and dropped as ever, also while others compact.
    for (i, r) in refs.iter_mut().enumerate() {
        let data = value(i);
        r.store(&data).unwrap();
        assert_eq!(*r.pin(), data[..]);
        r.pin_mut()[0] = b'!';
        assert_eq!(r.pin()[0], b'!');
    }
    thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..50 {
                pool.compact();
            }
        });
        for r in &refs {
            for _ in 0..20 {
                forget(r.pin()); // now and then while objects are moved
            }
        }
        refs.clear();
    });
    assert_eq!(live(&pool), 0);
    // What is allocated in their places is not pinned.
    let refs = sparse(&pool);
    let moved = self::moved(&pool, &refs);
    assert!(moved.iter().filter(|m| **m).count() > 100);
    drop(refs);
    pool.compact();
    pool.trim();
    assert_eq!(live(&pool), 0);
}

#[test]
fn forgotten_refs_go_with_the_pool() {
    let pool = Pool::new("test").unwrap();
    forget(pool.store(b"leaked").unwrap());
    assert_eq!(live(&pool), 1);
    drop(pool);
}

#[test]
fn a_panic_ends_pins() {
    let pool = Options::new()
        .max_overhead_percent(10000)
        .create("test")
        .unwrap();
    let mut refs = sparse(&pool);
    for r in &mut refs {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = r.pin_mut();
            guard[0] = b'p';
            std::panic::resume_unwind(Box::new(1)); // without a message
        }));
        assert!(result.is_err());
    }
    assert!(moved(&pool, &refs).iter().filter(|m| **m).count() > 100);
    assert!(refs.iter().all(|r| r.pin()[0] == b'p'));
}

#[test]
fn threads() {
    let pool = Options::new().create("test").unwrap();
    let shared: Vec<_> = (0..500).map(|i| pool.store(&value(i)).unwrap()).collect();
    let end = AtomicBool::new(false);
    thread::scope(|s| {
        s.spawn(|| {
            while !end.load(Ordering::Relaxed) {
                pool.compact();
                pool.trim();
            }
        });
        let workers: Vec<_> = (0..4)
            .map(|t| {
                let (pool, shared) = (&pool, &shared);
                s.spawn(move || {
                    let mut own = Vec::new();
                    for round in 0..100 {
                        for (i, r) in shared.iter().enumerate().skip(t).step_by(3) {
                            assert_eq!(*r.pin(), value(i)[..]);
                        }
                        for i in 0..50 {
                            own.push(pool.store(&value(round + i + t)).unwrap());
                        }
                        for (i, r) in own.iter_mut().rev().take(50).rev().enumerate() {
                            assert_eq!(*r.pin(), value(round + i + t)[..]);
                            r.store(&value(i)).unwrap();
                        }
                        if round % 8 == 7 {
                            own.truncate(100);
                        }
                    }
                    own
                })
            })
            .collect();
        // What they return was made there, and is dropped here.
        for worker in workers {
            let own = worker.join().unwrap();
            assert!(own.len() >= 100);
        }
        end.store(true, Ordering::Relaxed);
    });
    assert_eq!(live(&pool), 500);
}
