// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// The same program, compiled as C++.
#include "test_header.c"
