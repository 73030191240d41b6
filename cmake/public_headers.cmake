# The public headers where users find them: include/scoregrad.h and include/scoregrad/ in the build folder. In the tree a header includes
# another by its path from the root, "nn/mlp.h". A user may have a folder nn/ of his own, so the copies say "scoregrad/nn/mlp.h". The build
# includes this file for the target; the target runs it as a script, cmake -DSOURCE=<root> -DTARGET=<folder> -P public_headers.cmake.
cmake_policy(VERSION 3.25)
set(scoregrad_rooms autograd distributions losses nn report samplers)

# Sets `headers` to the public headers, as paths from the root: scoregrad.h, scoregrad/, report/ and all that these include.
function(scoregrad_list_headers root headers)
  list(JOIN scoregrad_rooms "|" rooms)
  file(GLOB found RELATIVE ${root} ${root}/scoregrad.h ${root}/scoregrad/*.h ${root}/report/*.h)
  set(seen "")
  while(found)
    list(POP_FRONT found header)
    list(APPEND seen ${header})
    file(STRINGS ${root}/${header} lines REGEX "^ *# *include +\"(${rooms})/")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "[^\"]*\"([^\"]*)\".*" "\\1" included "${line}")
      if(NOT included IN_LIST seen AND NOT included IN_LIST found)
        list(APPEND found ${included})
      endif()
    endforeach()
  endwhile()
  set(${headers} ${seen} PARENT_SCOPE)
endfunction()

# Makes the copies anew whenever a header has changed, before anything that uses the library is compiled.
function(scoregrad_public_headers)
  set(patterns scoregrad/*.h)
  foreach(room IN LISTS scoregrad_rooms)
    list(APPEND patterns ${room}/*.h ${room}/*.def ${room}/*.inc)
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  scoregrad_list_headers(${PROJECT_SOURCE_DIR} copies)
  list(TRANSFORM copies REPLACE "(.+)" "include/scoregrad/\\1")
  list(TRANSFORM copies REPLACE "scoregrad/scoregrad" "scoregrad")
  set(script ${PROJECT_SOURCE_DIR}/cmake/public_headers.cmake)
  add_custom_command(OUTPUT public_headers.stamp BYPRODUCTS ${copies}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DTARGET=${PROJECT_BINARY_DIR}/include -P ${script}
    COMMAND ${CMAKE_COMMAND} -E touch public_headers.stamp
    DEPENDS ${PROJECT_SOURCE_DIR}/scoregrad.h ${sources} ${script} COMMENT "Copying the public headers" VERBATIM)
  add_custom_target(scoregrad_headers DEPENDS public_headers.stamp)
  add_dependencies(scoregrad scoregrad_headers)
endfunction()

if(NOT SOURCE OR NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()
scoregrad_list_headers(${SOURCE} headers)
list(JOIN scoregrad_rooms "|" rooms)
set(copies "")
foreach(header IN LISTS headers)
  set(copy ${TARGET}/scoregrad/${header})
  if(header MATCHES "^scoregrad")  # scoregrad.h, scoregrad/core.h
    set(copy ${TARGET}/${header})
  endif()
  list(APPEND copies ${copy})
  file(READ ${SOURCE}/${header} text)
  string(REGEX REPLACE "(# *include +\")(${rooms})/" "\\1scoregrad/\\2/" text "${text}")
  set(old "")
  if(EXISTS ${copy})
    file(READ ${copy} old)
  endif()
  if(NOT text STREQUAL old)  # what would not change is left alone, so that nothing is compiled again for it
    file(WRITE ${copy} "${text}")
  endif()
endforeach()

# What has left the tree must not be found here.
foreach(room IN LISTS scoregrad_rooms)
  file(GLOB_RECURSE present ${TARGET}/scoregrad/${room}/*)
  foreach(copy IN LISTS present)
    if(NOT copy IN_LIST copies)
      file(REMOVE ${copy})
    endif()
  endforeach()
endforeach()
