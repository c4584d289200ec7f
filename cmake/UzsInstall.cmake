# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Headers, both libraries, CMake package, pkg-config file, licenses. All of it
# works from wherever the prefix is moved to.
#
# Components: uzsmalloc_runtime (the shared library), uzsmalloc_development,
# uzsmalloc_tools (uzs), uzsmalloc_uzram (the plugin and uzramctl).
include(CMakePackageConfigHelpers)

set(uzs_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/uzsmalloc")

install(TARGETS uzsmalloc_static uzsmalloc_shared
	EXPORT uzsmalloc-targets
	RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
		COMPONENT uzsmalloc_runtime
	LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
		COMPONENT uzsmalloc_runtime
		NAMELINK_COMPONENT uzsmalloc_development
	ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
		COMPONENT uzsmalloc_development
	INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/include/uzsmalloc.h"
	"${PROJECT_SOURCE_DIR}/include/uzsmalloc.hpp"
	DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
	COMPONENT uzsmalloc_development)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
	DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT uzsmalloc_license)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/LICENSES"
	DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT uzsmalloc_license)

install(EXPORT uzsmalloc-targets
	NAMESPACE uzsmalloc::
	DESTINATION "${uzs_cmake_dir}" COMPONENT uzsmalloc_development)
configure_package_config_file(
	"${PROJECT_SOURCE_DIR}/cmake/uzsmalloc-config.cmake.in"
	"${PROJECT_BINARY_DIR}/uzsmalloc-config.cmake"
	INSTALL_DESTINATION "${uzs_cmake_dir}"
	NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
	"${PROJECT_BINARY_DIR}/uzsmalloc-config-version.cmake"
	COMPATIBILITY ${uzs_compatibility})
install(FILES
	"${PROJECT_BINARY_DIR}/uzsmalloc-config.cmake"
	"${PROJECT_BINARY_DIR}/uzsmalloc-config-version.cmake"
	DESTINATION "${uzs_cmake_dir}" COMPONENT uzsmalloc_development)

# uzs_install_programs(TARGET...): they find the shared library, if they were
# linked with it, wherever the prefix is.
file(RELATIVE_PATH uzs_lib_from_bin
	"${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
function(uzs_install_programs)
	if(BUILD_SHARED_LIBS)
		set_target_properties(${ARGN} PROPERTIES
			INSTALL_RPATH "$ORIGIN/${uzs_lib_from_bin}")
	endif()
	install(TARGETS ${ARGN} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
		COMPONENT uzsmalloc_tools)
endfunction()

# pkg-config: the prefix is where the .pc file lies, unless the directories
# were given as absolute paths. Blanks in these have a backslash, as a shell
# reads them; pkg-config itself sees to the place of the file.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
	set(uzs_pc_prefix "${CMAKE_INSTALL_PREFIX}")
	set(uzs_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
	file(RELATIVE_PATH uzs_pc_prefix
		"/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
	string(REGEX REPLACE "/$" "" uzs_pc_prefix
		"\${pcfiledir}/${uzs_pc_prefix}")
	set(uzs_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
	set(uzs_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
	set(uzs_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
foreach(directory IN ITEMS prefix libdir includedir)
	string(REPLACE " " "\\ " uzs_pc_${directory}
		"${uzs_pc_${directory}}")
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/cmake/uzsmalloc.pc.in"
	"${PROJECT_BINARY_DIR}/uzsmalloc.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/uzsmalloc.pc"
	DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
	COMPONENT uzsmalloc_development)
