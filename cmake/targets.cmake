# What every target of the project is compiled with. No -march: vector code chooses its instructions at run time. Contraction is off
# because a*b+c must round the same everywhere.
function(scoregrad_compile_options target)
  target_compile_options(${target} PRIVATE -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow $<$<BOOL:${SCOREGRAD_WERROR}>:-Werror>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# A program from its sources, linked to the library, fmt and whatever else is named.
function(scoregrad_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_executable(${name} ${arg_SOURCES})
  scoregrad_compile_options(${name})
  target_link_libraries(${name} PRIVATE scoregrad::scoregrad fmt::fmt ${arg_LIBRARIES})
endfunction()
