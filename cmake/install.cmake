# `cmake --install`: <scoregrad.h> and the headers under <scoregrad/...>, the library, and the package for find_package(scoregrad).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/scoregrad)

install(TARGETS scoregrad EXPORT scoregrad)
if(SCOREGRAD_HAVE_CUDA)
  install(TARGETS scoregrad_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} OPTIONAL)  # absent where only some targets were built
endif()
install(EXPORT scoregrad NAMESPACE scoregrad:: FILE scoregradTargets.cmake DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} PATTERN *_text.inc EXCLUDE)

set(scoregrad_used_features "")
foreach(feature IN LISTS scoregrad_features)
  if(SCOREGRAD_HAVE_${feature} AND NOT feature STREQUAL "CUDA")  # loaded at run time, so that its users need no toolkit
    list(APPEND scoregrad_used_features ${feature})
  endif()
endforeach()
configure_package_config_file(cmake/scoregradConfig.cmake.in scoregradConfig.cmake INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(scoregradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/scoregradConfig.cmake ${PROJECT_BINARY_DIR}/scoregradConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake DESTINATION ${package_dir})
