# What every target of the project is compiled with. No -march: vector code chooses its instructions at run time. Contraction is off
# because a*b+c must round the same everywhere. Messages name files from the root of the tree, not where they were built.
function(scoregrad_compile_options target)
  target_compile_options(${target} PRIVATE -ffp-contract=off -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/= -Wall -Wextra -Wpedantic -Wshadow
    $<$<BOOL:${SCOREGRAD_WERROR}>:-Werror>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# A program from its sources, linked to the library, fmt and whatever else is named.
function(scoregrad_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_executable(${name} ${arg_SOURCES})
  scoregrad_compile_options(${name})
  target_link_libraries(${name} PRIVATE scoregrad::scoregrad fmt::fmt ${arg_LIBRARIES})
  if(shared_headers)
    target_precompile_headers(${name} REUSE_FROM ${shared_headers})
  endif()
endfunction()

# Headers that the programs of the calling folder include, read once. The folder's compile options must be set before.
function(scoregrad_shared_headers name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LIBRARIES")
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  scoregrad_compile_options(${name})
  target_link_libraries(${name} PRIVATE scoregrad::scoregrad fmt::fmt ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  set(shared_headers ${name} PARENT_SCOPE)
endfunction()

# A ctest entry. Without LAPACK what needs a factorisation says so and counts as skipped.
function(scoregrad_test name)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT SCOREGRAD_HAVE_LAPACK)
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "built without LAPACK")
  endif()
endfunction()

# The same once more with its tensors on another device, where there is one.
function(scoregrad_test_on device name)
  if(device IN_LIST scoregrad_devices AND TARGET test_probe)
    add_test(NAME "${name} on ${device}" COMMAND sh -c "\"$0\" ${device} && \"$@\"" $<TARGET_FILE:test_probe> ${ARGN}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties("${name} on ${device}" PROPERTIES
      LABELS ${device} ENVIRONMENT SCOREGRAD_DEVICE=${device} SKIP_REGULAR_EXPRESSION "skipped: no device ${device}")
  endif()
endfunction()

# One program for each source in this folder whose name matches, with the sources of the folder of its name. Appends the names to
# `programs`; what needs a library that was not found is left out, and the summary says so.
function(scoregrad_programs pattern)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    if(name MATCHES ${pattern})
      file(GLOB_RECURSE parts CONFIGURE_DEPENDS ${name}/*.cpp)
      set(missing ${ARGN})
      foreach(library IN LISTS ARGN)
        if(TARGET ${library})
          list(REMOVE_ITEM missing ${library})
        endif()
      endforeach()
      if(missing)
        scoregrad_note("${name} is not built: ${missing} not found")
      else()
        scoregrad_program(${name} SOURCES ${source} ${parts} LIBRARIES ${ARGN})
        list(APPEND programs ${name})
      endif()
    endif()
  endforeach()
  set(programs ${programs} PARENT_SCOPE)
endfunction()
