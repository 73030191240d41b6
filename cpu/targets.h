// Which instruction sets the vector code is compiled for. A file that is to be compiled once for each begins
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "cpu/that_file.cpp"
//   #include "cpu/targets.h"
//   #include "cpu/lanes.h"
//
// and puts its code into scoregrad::on_cpu::HWY_NAMESPACE between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE; HWY_EXPORT and
// HWY_DYNAMIC_DISPATCH choose at run time. Without Highway the same file is compiled once, as scalar code. No include guard: Highway
// comes back here for every target.
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_HIGHWAY
#ifndef HWY_DISABLED_TARGETS
// SSE4, AVX2, AVX-512 and NEON serve; near relatives only cost compile time, and the lanes of SVE and RVV have no size to wrap. Highway
// numbers x86's sets 0 to 14 in every version but does not name all in each: only 8 (AVX3), 9 (AVX2), 11 (SSE4) and 14 (SSE2) stay.
#define HWY_DISABLED_TARGETS (0x34FFLL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/cache_control.h>
// clang-format on
#elif !defined(HWY_NAMESPACE)
#define HWY_NAMESPACE N_PLAIN
#define HWY_ONCE 1
#define HWY_BEFORE_NAMESPACE() static_assert(true, "")
#define HWY_AFTER_NAMESPACE() static_assert(true, "")
#define HWY_EXPORT(function) static_assert(true, "")
#define HWY_DYNAMIC_DISPATCH(function) N_PLAIN::function
#endif
