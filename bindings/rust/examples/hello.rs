// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
use std::collections::HashMap;
use uzsmalloc::{Error, Pool};

fn main() -> Result<(), Error> {
    let pool = Pool::new("hello")?;
    let mut cache = HashMap::new();

    for i in 0..10000 {
        cache.insert(i, pool.store(b"small objects, packed tightly")?);
    }
    print!("{} pages, ", pool.info().pages);
    cache.retain(|i, _| i % 10 == 0);

    pool.compact(); // objects move, refs follow them
    pool.trim(); // and their memory goes back to the OS
    println!("then {}", pool.info().pages);

    let value = cache[&990].pin(); // stays in place while the guard lives
    println!("{}", String::from_utf8_lossy(&value));
    Ok(())
}
