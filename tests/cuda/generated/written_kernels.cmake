# What the kernels of cuda/*.cu take of a multiprocessor, as ptxas tells it for a Hopper GPU: no local memory, no spilled register, and no
# more registers than are listed here. Run as cmake -DNVCC=... -DROOT=... -DINCLUDE=... -P written_kernels.cmake
set(most_registers 40)
set(most_registers_of_scan 64)  # eight numbers come while eight are added; a block a line, of few lines
set(most_registers_of_sort 64)  # eight items of sixteen bytes
set(most_registers_of_convolution_kernels 64)  # a window's places in two dimensions

file(GLOB sources ${ROOT}/cuda/*.cu)
set(kernels 0)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  set(most ${most_registers})
  if(DEFINED most_registers_of_${name})
    set(most ${most_registers_of_${name}})
  endif()
  execute_process(COMMAND ${NVCC} -std=c++17 --fmad=false -arch=sm_90 -cubin -Xptxas -v -I${ROOT} -I${INCLUDE} -o /dev/null ${source}
                  OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${source} does not compile:\n${said}")
  endif()
  string(REGEX MATCHALL "[0-9]+ bytes stack frame, [0-9]+ bytes spill stores, [0-9]+ bytes spill loads" frames "${said}")
  foreach(frame IN LISTS frames)
    if(NOT frame STREQUAL "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads")
      message(SEND_ERROR "${name}.cu: ${frame}")
    endif()
  endforeach()
  string(REGEX MATCHALL "Used [0-9]+ registers" used "${said}")
  foreach(one IN LISTS used)
    string(REGEX MATCH "[0-9]+" registers "${one}")
    math(EXPR kernels "${kernels} + 1")
    if(registers GREATER most)
      message(SEND_ERROR "${name}.cu: a kernel takes ${registers} registers, at most ${most} are wanted")
    endif()
  endforeach()
endforeach()
message("${kernels} kernels")
if(kernels LESS 20)
  message(FATAL_ERROR "ptxas told of ${kernels} kernels only")
endif()
