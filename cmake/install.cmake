# What `make install` puts where: program, library, header, pkg-config and CMake files, pages, starter weights.
include(CMakePackageConfigHelpers)

install(TARGETS birefnet_shared birefnet_static EXPORT birefnet-targets)
install(FILES include/birefnet.h TYPE INCLUDE)
if(TARGET birefnet_image_shared)
    install(TARGETS birefnet_image_shared birefnet_image_static EXPORT birefnet-targets)
    install(FILES include/birefnet-image.h TYPE INCLUDE)
endif()
install(FILES models/starter.safetensors models/ATTRIBUTION.md DESTINATION ${CMAKE_INSTALL_DATADIR}/birefnet/models)
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.md) # they point to one another
install(FILES LICENSE README.md ${pages} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/nginx.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
# The unit starts the program that is installed with it.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS packaging/birefnet.service)
file(READ packaging/birefnet.service unit)
string(REPLACE "/usr/local/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" unit "${unit}")
string(REPLACE "packaging/birefnet.service" "${CMAKE_INSTALL_FULL_DOCDIR}/examples/birefnet.service" unit "${unit}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/birefnet.service CONTENT "${unit}" @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/birefnet.service DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# Whoever links the static libraries links these as well.
set(BN_STATIC_LIBRARIES dnnl gomp m pthread)
set(BN_STATIC_IMAGE_LIBRARIES jpeg spng webpmux webpdemux webp avif lcms2 gif cgif deflate expat m pthread)
foreach(part STATIC STATIC_IMAGE)
    list(TRANSFORM BN_${part}_LIBRARIES PREPEND "-l" OUTPUT_VARIABLE BN_${part}_FLAGS)
    list(JOIN BN_${part}_FLAGS " " BN_${part}_FLAGS)
endforeach()
# Relative to where the .pc file lies, so that an installed tree can be moved.
file(RELATIVE_PATH BN_PC_INCLUDE ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
file(RELATIVE_PATH BN_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
set(pc_files birefnet)
if(TARGET birefnet_image_shared)
    list(APPEND pc_files birefnet-image)
endif()
foreach(pc ${pc_files})
    configure_file(packaging/${pc}.pc.in ${CMAKE_BINARY_DIR}/${pc}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/birefnet)
install(EXPORT birefnet-targets NAMESPACE birefnet:: DESTINATION ${cmake_folder})
configure_package_config_file(packaging/birefnet-config.cmake.in ${CMAKE_BINARY_DIR}/birefnet-config.cmake
    INSTALL_DESTINATION ${cmake_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/birefnet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/birefnet-config.cmake ${CMAKE_BINARY_DIR}/birefnet-config-version.cmake
    DESTINATION ${cmake_folder})

if(TARGET birefnet)
    install(TARGETS birefnet)
    install(DIRECTORY ${CMAKE_BINARY_DIR}/pages/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN *.1)
    install(FILES ${CMAKE_BINARY_DIR}/pages/libbirefnet.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
    install(FILES ${CMAKE_BINARY_DIR}/pages/birefnet.bash RENAME birefnet
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${CMAKE_BINARY_DIR}/pages/_birefnet DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${CMAKE_BINARY_DIR}/pages/birefnet.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
