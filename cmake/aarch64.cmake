# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# 64-bit ARM.
set(uzs_processor aarch64)
set(uzs_unpacked arm64)
include("${CMAKE_CURRENT_LIST_DIR}/qemu_user.cmake")
