// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
//! Finds the library, in this order:
//!
//! 1. `UZSMALLOC_DIR`: the prefix that it is installed in, or the directory that has
//!    `libuzsmalloc.a` or `libuzsmalloc.so`;
//! 2. the repository that this crate lies in, if the library was built there;
//! 3. `pkg-config uzsmalloc` (the program; `PKG_CONFIG` names another one).
//!
//! It links the static library if there is one. `UZSMALLOC_LINK` is `static` or
//! `dynamic` to have that one. With `dynamic` the programs of this package find the
//! library by themselves; those of others as the README of the library says.
use std::env;
use std::path::{Path, PathBuf};
use std::process::{exit, Command};

fn has(dir: &Path, kind: &str) -> bool {
    let name = if kind == "static" {
        "libuzsmalloc.a"
    } else {
        "libuzsmalloc.so"
    };
    dir.join(name).is_file()
}

/// The directory itself, or one below it where libraries lie; the kind that is there.
fn look_in(dir: &Path, kinds: &[&'static str]) -> Option<(PathBuf, &'static str)> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let multiarch = format!("lib/{arch}-linux-gnu");
    for kind in kinds {
        for below in [".", "lib", multiarch.as_str(), "lib64", "src"] {
            let place = dir.join(below);
            if has(&place, kind) {
                return Some((place, kind));
            }
        }
    }
    None
}

fn repository() -> Option<PathBuf> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let build = here.parent()?.parent()?.join("build/release");
    Some(build).filter(|dir| dir.join("CMakeCache.txt").is_file())
}

fn pkg_config() -> Option<PathBuf> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let answer = Command::new(program)
        .args(["--variable=libdir", "uzsmalloc"])
        .output()
        .ok()
        .filter(|answer| answer.status.success())?;
    let dir = String::from_utf8(answer.stdout).ok()?;
    Some(PathBuf::from(dir.trim_end_matches('\n')))
}

fn fail(what: &str) -> ! {
    eprintln!("uzsmalloc: {what}");
    exit(1)
}

fn main() {
    for name in [
        "UZSMALLOC_DIR",
        "UZSMALLOC_LINK",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
    ] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let wanted = env::var("UZSMALLOC_LINK").unwrap_or_default();
    let kinds: &[&'static str] = match wanted.as_str() {
        "" => &["static", "dynamic"],
        "static" => &["static"],
        "dynamic" => &["dynamic"],
        _ => fail("UZSMALLOC_LINK is neither \"static\" nor \"dynamic\""),
    };

    let found = match env::var_os("UZSMALLOC_DIR").map(PathBuf::from) {
        Some(dir) => look_in(&dir, kinds)
            .unwrap_or_else(|| fail(&format!("UZSMALLOC_DIR: no library in {}", dir.display()))),
        None => repository()
            .and_then(|dir| look_in(&dir, kinds))
            .or_else(|| pkg_config().and_then(|dir| look_in(&dir, kinds)))
            .unwrap_or_else(|| {
                fail(
                    "the library was not found. Build it in the repository \
                     (cmake --preset release && cmake --build --preset release), install \
                     it so that `pkg-config uzsmalloc` knows it, or set UZSMALLOC_DIR to \
                     its prefix",
                )
            }),
    };
    let (dir, kind) = found;
    let file = if kind == "static" {
        "libuzsmalloc.a"
    } else {
        "libuzsmalloc.so"
    };
    println!("cargo:rerun-if-changed={}", dir.join(file).display());
    println!("cargo:rustc-link-search=native={}", dir.display());
    println!(
        "cargo:rustc-link-lib={}=uzsmalloc",
        if kind == "static" { kind } else { "dylib" }
    );
    if kind == "dynamic" {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", dir.display());
    }
}
