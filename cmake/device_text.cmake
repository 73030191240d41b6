# Generated CUDA kernels include headers of this tree when they are compiled, on machines that have no source tree: the headers' text goes
# into include/scoregrad/device_text.inc of the build folder, as entries {"path", R"(text)"}.
file(GLOB device_texts RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS autograd/backend/scalar_*.inc)
list(APPEND device_texts autograd/backend/elementwise.def autograd/backend/reduction_tree.h cuda/loop.h cuda/pack.h cuda/reduce_kernel.h
                         cuda/reduce_work.h cuda/scalar.h)
set(entries "")
foreach(path IN LISTS device_texts)
  file(READ ${PROJECT_SOURCE_DIR}/${path} text)
  string(APPEND entries "{\"${path}\", R\"device_text(${text})device_text\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${path})
endforeach()
file(CONFIGURE OUTPUT include/scoregrad/device_text.inc CONTENT "${entries}" @ONLY)

# gdb's printers, as the text of a section that gdb reads in programs: include/scoregrad/gdb_text.inc.
file(READ ${PROJECT_SOURCE_DIR}/scoregrad/gdb.py text)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scoregrad/gdb.py)
file(CONFIGURE OUTPUT include/scoregrad/gdb_text.inc CONTENT "R\"gdb(${text})gdb\"\n" @ONLY)
