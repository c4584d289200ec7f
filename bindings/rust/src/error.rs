// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
use std::fmt;
use std::io;
use std::num::NonZeroI32;
use std::os::raw::c_int;

/// Why a call failed: an errno of the library's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

/// What an [`Error`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The OS has no memory, or the pool's limit is reached.
    OutOfMemory,
    /// More than [`MAX_SIZE`](crate::MAX_SIZE) bytes. Cut it up, or keep it elsewhere.
    TooLarge,
    /// An option out of its range, or a pool's name with a 0 in it.
    Invalid,
    /// Another errno: [`Error::raw_os_error`].
    Other,
}

// The same on all Linux machines that Rust knows.
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;

impl Error {
    pub(crate) const INVALID: Error = Error(match NonZeroI32::new(EINVAL) {
        Some(errno) => errno,
        None => unreachable!(),
    });

    /// From what the library's functions return: 0 or a negative errno.
    pub(crate) fn check(err: c_int) -> Result<(), Error> {
        match NonZeroI32::new(err.wrapping_neg()) {
            None => Ok(()),
            Some(errno) => Err(Error(errno)),
        }
    }

    pub(crate) fn last() -> Error {
        io::Error::last_os_error()
            .raw_os_error()
            .and_then(NonZeroI32::new)
            .map_or(Error::INVALID, Error)
    }

    /// What it says.
    pub fn kind(self) -> ErrorKind {
        match self.0.get() {
            ENOMEM => ErrorKind::OutOfMemory,
            ENOSPC => ErrorKind::TooLarge,
            EINVAL => ErrorKind::Invalid,
            _ => ErrorKind::Other,
        }
    }

    /// The errno, positive.
    pub fn raw_os_error(self) -> i32 {
        self.0.get()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::OutOfMemory => f.write_str("uzsmalloc: no memory, or the limit is reached"),
            ErrorKind::TooLarge => f.write_str("uzsmalloc: an object has 1 MiB at most"),
            ErrorKind::Invalid => f.write_str("uzsmalloc: an option out of its range"),
            ErrorKind::Other => write!(f, "uzsmalloc: {}", io::Error::from(*self)),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, errno {})", self.kind(), self.0)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::from_raw_os_error(error.raw_os_error())
    }
}
