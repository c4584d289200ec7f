# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# 32-bit x86 with the 64-bit machine's gcc and Debian's i386 libraries.
set(CMAKE_C_COMPILER gcc)
set(CMAKE_CXX_COMPILER g++)
set(CMAKE_C_FLAGS_INIT -m32)
set(CMAKE_CXX_FLAGS_INIT -m32)
set(CMAKE_LIBRARY_ARCHITECTURE i386-linux-gnu)
# Where CI unpacks them; else they are looked for where they are installed.
list(PREPEND CMAKE_PREFIX_PATH "${CMAKE_CURRENT_LIST_DIR}/../build/i386/usr")
