# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A kernel tree's mm/zsmalloc.c in virtual time: sim-kernel-PAGE-CHAIN.so for
# each of UZS_KERNEL_GEOMETRIES, which uzs-lab-simulate loads (--kernel). It has
# its own compat, and uses the program's lab body. Included by CMakeLists.txt.

set(uzs_sim_kernel_defines ${uzs_sim_defines} UZS_SIM=1
	UZS_PAGE_OWNER_BYTES=32)

# uzs_add_sim_kernel_objects(NAME SOURCE...)
function(uzs_add_sim_kernel_objects name)
	add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
	set_target_properties(${name} PROPERTIES
		C_STANDARD 11 C_EXTENSIONS ON C_VISIBILITY_PRESET hidden
		POSITION_INDEPENDENT_CODE ON)
	target_compile_options(${name} PRIVATE
		"-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/="
		${uzs_kernel_flags} -O2 "--include=${uzs_lab_force}")
	target_compile_definitions(${name} PRIVATE
		_GNU_SOURCE ${uzs_lab_body} ${uzs_sim_kernel_defines})
	target_link_libraries(${name} PRIVATE uzs_flags)
endfunction()

set(uzs_sim_force "${CMAKE_CURRENT_SOURCE_DIR}/sim_force.h")
set(uzs_sim_kernel_compat_sources ${uzs_lab_own_sources})
list(FILTER uzs_sim_kernel_compat_sources INCLUDE REGEX "/src/compat/")
uzs_add_sim_kernel_objects(uzs_sim_kernel_compat
	${uzs_sim_kernel_compat_sources})
target_include_directories(uzs_sim_kernel_compat PRIVATE
	"${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}"
	"${UZS_URCU_INCLUDE_DIR}")
target_compile_options(uzs_sim_kernel_compat PRIVATE
	${uzs_sim_options} "--include=${uzs_sim_force}")

function(uzs_add_sim_kernel shift chain)
	math(EXPR page "1 << ${shift}")
	set(name sim-kernel-${page}-${chain})
	set(sources ${uzs_kernel_lab_sources} "${uzs_kernel_dir}/peek.c")
	list(REMOVE_ITEM sources "${uzs_kernel_dir}/subject.c")
	uzs_add_sim_kernel_objects(${name}-file ${sources})
	target_compile_options(${name}-file PRIVATE
		${uzs_sim_options} "--include=${uzs_sim_force}")
	# What stands for the caller's own code takes no time.
	uzs_add_sim_kernel_objects(${name}-call "${uzs_kernel_dir}/subject.c")
	foreach(part IN ITEMS file call)
		target_include_directories(${name}-${part} PRIVATE
			${uzs_kernel_includes} "${CMAKE_CURRENT_SOURCE_DIR}")
		target_compile_options(${name}-${part} PRIVATE
			-Wno-unused-parameter)
		target_compile_definitions(${name}-${part} PRIVATE
			UZS_K_PAGE_SHIFT=${shift} UZS_K_CHAIN_SIZE=${chain})
	endforeach()
	add_library(${name} MODULE EXCLUDE_FROM_ALL
		$<TARGET_OBJECTS:${name}-file> $<TARGET_OBJECTS:${name}-call>
		$<TARGET_OBJECTS:uzs_sim_kernel_compat>)
	set_target_properties(${name} PROPERTIES PREFIX "" LINKER_LANGUAGE C)
endfunction()

foreach(geometry IN LISTS UZS_KERNEL_GEOMETRIES)
	if(geometry MATCHES "^([0-9]+):([0-9]+)$")
		uzs_add_sim_kernel(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
	endif()
endforeach()
