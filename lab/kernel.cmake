# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A kernel tree's mm/zsmalloc.c in the lab: uzs-lab-kernel-PAGE-CHAIN for each
# of UZS_KERNEL_GEOMETRIES with pages of 4 KiB, which the scenarios' sizes are
# meant for. Included by CMakeLists.txt; kernel/CMakeLists.txt says how such a
# file is compiled.

# Compat, with the larger descriptors.
set(uzs_lab_own_sources ${uzs_lab_sources})
list(FILTER uzs_lab_sources INCLUDE REGEX "/src/compat/")
uzs_add_lab_library(uzs_lab_kernel_compat ${uzs_lab_small}
	UZS_PAGE_OWNER_BYTES=32)
set(uzs_lab_sources ${uzs_lab_own_sources})

# What the library's own names are in the other program: scenarios.c and the
# like are compiled anew.
set(uzs_kernel_dir "${PROJECT_SOURCE_DIR}/kernel")
add_library(uzs_lab_kernel_scenarios OBJECT EXCLUDE_FROM_ALL
	"${uzs_kernel_dir}/lab_reclaim.c"
	"${uzs_kernel_dir}/lab_scenarios.c"
	scenarios_free.c
	scenarios_move.c)
uzs_setup_lab(uzs_lab_kernel_scenarios ${uzs_lab_small}
	UZS_PAGE_OWNER_BYTES=32)
target_compile_options(uzs_lab_kernel_scenarios PRIVATE
	"--include=${uzs_lab_force}")
target_include_directories(uzs_lab_kernel_scenarios PRIVATE
	"${UZS_KERNEL_TREE}") # uzs-tree.h

add_library(uzs_lab_kernel_explorer OBJECT EXCLUDE_FROM_ALL
	${uzs_lab_search}
	names.c
	world.c
	"${uzs_kernel_dir}/lab_pool.c")
uzs_setup_lab(uzs_lab_kernel_explorer ${uzs_lab_small}
	UZS_PAGE_OWNER_BYTES=32)

list(TRANSFORM uzs_kernel_sources PREPEND "${uzs_kernel_dir}/"
	OUTPUT_VARIABLE uzs_kernel_lab_sources)
list(APPEND uzs_kernel_lab_sources "${uzs_kernel_dir}/lab_memory.c")
uzs_setup_kernel_source("${uzs_kernel_dir}/peek.c")
set_property(SOURCE ${uzs_kernel_lab_sources} APPEND PROPERTY
	OBJECT_DEPENDS "${uzs_lab_force}")
list(REMOVE_ITEM uzs_kernel_lab_sources "${uzs_kernel_dir}/peek.c")

# uzs_add_kernel_lab_objects(NAME CHAIN SOURCE...): sources that have a
# geometry. (kernel/lab.ld knows how the names begin.)
function(uzs_add_kernel_lab_objects name chain)
	add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
	set_target_properties(${name} PROPERTIES
		C_STANDARD 11 C_EXTENSIONS ON)
	target_include_directories(${name} PRIVATE ${uzs_kernel_includes})
	# (gcc goes by the last prefix that fits; the tree may lie in ours.)
	target_compile_options(${name} PRIVATE
		"-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/="
		${uzs_kernel_flags} -g -Wno-unused-parameter
		"--include=${uzs_lab_force}")
	target_compile_definitions(${name} PRIVATE
		_GNU_SOURCE ${uzs_lab_body} ${uzs_lab_small}
		UZS_PAGE_OWNER_BYTES=32
		UZS_K_PAGE_SHIFT=12 UZS_K_CHAIN_SIZE=${chain})
	target_link_libraries(${name} PRIVATE uzs_flags)
endfunction()

function(uzs_add_kernel_lab_program name)
	add_executable(${name} EXCLUDE_FROM_ALL ${ARGN}
		$<TARGET_OBJECTS:uzs_lab_program>
		$<TARGET_OBJECTS:uzs_lab_kernel_explorer>
		$<TARGET_OBJECTS:uzs_lab_kernel_scenarios>)
	uzs_setup_lab(${name} ${uzs_lab_small})
	set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C
		LINK_DEPENDS "${uzs_kernel_dir}/lab.ld")
	target_link_options(${name} PRIVATE "-Wl,-T,${uzs_kernel_dir}/lab.ld")
	target_link_libraries(${name} PRIVATE uzs_lab_kernel_compat)
endfunction()

function(uzs_add_kernel_lab chain)
	set(rest uzs_kernel_lab-rest-${chain})
	set(file uzs_kernel_lab-file-${chain})
	set(plain uzs_kernel_lab-plain-${chain})
	uzs_add_kernel_lab_objects(${rest} ${chain} ${uzs_kernel_lab_sources})
	uzs_add_kernel_lab_objects(${file} ${chain} "${uzs_kernel_dir}/peek.c")
	# The file alone, with each plain access told.
	uzs_add_kernel_lab_objects(${plain} ${chain} "${uzs_kernel_dir}/peek.c")
	target_compile_options(${plain} PRIVATE -fsanitize=thread)
	target_compile_definitions(${plain} PRIVATE UZS_K_PLAIN=1)
	uzs_add_kernel_lab_program(uzs-lab-kernel-4096-${chain}
		$<TARGET_OBJECTS:${rest}> $<TARGET_OBJECTS:${file}>)
	uzs_add_kernel_lab_program(uzs-lab-kernel-plain-4096-${chain}
		plain.c watch.c
		$<TARGET_OBJECTS:${rest}> $<TARGET_OBJECTS:${plain}>)
endfunction()

foreach(geometry IN LISTS UZS_KERNEL_GEOMETRIES)
	if(geometry MATCHES "^12:([0-9]+)$")
		uzs_add_kernel_lab(${CMAKE_MATCH_1})
	endif()
endforeach()
