# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# io_fault_add(TARGET): calls on files in TARGET can be made to go wrong, as
# io_fault.h says.
set(IO_FAULT_OPTIONS "")
foreach(call IN ITEMS pread pread64 pwrite pwrite64
		ftruncate ftruncate64 fdatasync)
	list(APPEND IO_FAULT_OPTIONS "-Wl,--wrap=${call}")
endforeach()
set(IO_FAULT_DIR "${CMAKE_CURRENT_LIST_DIR}")

function(io_fault_add target)
	target_sources(${target} PRIVATE "${IO_FAULT_DIR}/io_fault.c")
	target_include_directories(${target} PRIVATE "${IO_FAULT_DIR}")
	target_link_options(${target} PRIVATE ${IO_FAULT_OPTIONS})
endfunction()
