# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# IBM Z: the byte order is big-endian.
set(uzs_processor s390x)
set(uzs_unpacked s390x-files)
include("${CMAKE_CURRENT_LIST_DIR}/qemu_user.cmake")
