# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Debian packages by cpack -G DEB; scripts/package calls it. Each is a component of
# UzsInstall.cmake.

# The project has no address: .invalid says so (RFC 2606).
set(UZS_PACKAGE_MAINTAINER "uzsmalloc project <packages@uzsmalloc.invalid>"
	CACHE STRING "Who answers for the packages: NAME <ADDRESS>")
set(UZS_PACKAGE_DATE "" CACHE STRING "Of the changelog: as `date -R` prints it")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME uzsmalloc)
set(CPACK_PACKAGE_VENDOR uzsmalloc)
# Else the project's would be in front of each package's own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${UZS_PACKAGE_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS
	"${PROJECT_BINARY_DIR}/src")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(uzs_exact "libuzsmalloc${uzs_soversion} (= ${PROJECT_VERSION}-1)")

# uzs_package(COMPONENT NAME SECTION SUMMARY TEXT [DEPENDS])
set(CPACK_COMPONENTS_ALL "")
macro(uzs_package component name section summary text)
	list(APPEND CPACK_COMPONENTS_ALL uzsmalloc_${component})
	string(TOUPPER "uzsmalloc_${component}" upper)
	set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
	set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
	set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${text}")
	set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${ARGN}")
	# The documentation that Debian wants in each, and nobody else.
	install(FILES "${uzs_debian}/copyright"
		DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${name}"
		COMPONENT uzsmalloc_${component} EXCLUDE_FROM_ALL)
	install(FILES "${uzs_debian}/changelog.Debian.gz"
		"${uzs_debian}/changelog.gz"
		DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${name}"
		COMPONENT uzsmalloc_${component} EXCLUDE_FROM_ALL)
endmacro()

set(uzs_debian "${PROJECT_BINARY_DIR}/debian")
file(READ "${PROJECT_SOURCE_DIR}/LICENSE" uzs_license)
file(READ "${PROJECT_SOURCE_DIR}/LICENSES/BSD-3-Clause.txt" uzs_bsd)
file(WRITE "${uzs_debian}/copyright" "uzsmalloc
Copyright: 2026 the uzsmalloc authors

${uzs_license}
BSD-3-Clause:

${uzs_bsd}
GPL-2.0-or-later: on Debian systems its text is in
/usr/share/common-licenses/GPL-2.
")
file(WRITE "${uzs_debian}/changelog.Debian"
"uzsmalloc (${PROJECT_VERSION}-1) unstable; urgency=medium

  * Packages made from the source by scripts/package; see changelog.gz.

 -- ${UZS_PACKAGE_MAINTAINER}  ${UZS_PACKAGE_DATE}
")
file(COPY_FILE "${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${uzs_debian}/changelog")
execute_process(COMMAND gzip -9nf changelog.Debian changelog
	WORKING_DIRECTORY "${uzs_debian}" COMMAND_ERROR_IS_FATAL ANY)

uzs_package(runtime libuzsmalloc${uzs_soversion} libs
	"allocator that packs objects and gives memory back"
	"uzsmalloc does in userspace what zsmalloc does in the Linux kernel: it
stores many objects of up to 1 MiB, above all compressed data, in few pages,
moves them together when others were freed, and gives the memory back.")
file(WRITE "${uzs_debian}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_UZSMALLOC_RUNTIME_PACKAGE_CONTROL_EXTRA
	"${uzs_debian}/triggers")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

uzs_package(development libuzsmalloc-dev libdevel
	"header and static library of uzsmalloc"
	"What programs are compiled and linked with: the header, the static library,
files for CMake and pkg-config, and a manual page for each call."
	"${uzs_exact}")
if(TARGET uzs)
	uzs_package(tools uzsmalloc-tools utils
		"programs that show what uzsmalloc does"
		"uzs holds files compressed in a pool and reports on memory and time, prints
size classes, replays traces, and runs the library on virtual CPUs (uzs lab)."
		"${uzs_exact}")
endif()
if(TARGET nbdkit-uzram-plugin)
	uzs_package(uzram nbdkit-plugin-uzram utils
		"compressed RAM disk for nbdkit"
		"A plugin of nbdkit that keeps what clients write compressed in memory, as the
kernel's zram does, and uzramctl, which controls it."
		"${uzs_exact}, nbdkit")
endif()
include(CPack)

# What is in them, and no more.
add_custom_target(uzs_packaged
	DEPENDS uzsmalloc_static uzsmalloc_shared uzs_docs)
if(TARGET nbdkit-uzram-plugin)
	add_dependencies(uzs_packaged nbdkit-uzram-plugin)
endif()
