// CUDA's language for an ordinary C++ compiler: the words, built-in variables and functions that kernels use, so that .cu files and the
// text made for NVRTC run on the CPU. Free of the standard library, which NVRTC's text does not have.
//
// What a run on this "device" shows: that a kernel's logic and indexing are right, that its arithmetic is the CPU's in the CPU's order,
// that every thread reaches every barrier, that none is missing (SCOREGRAD_EMULATED_ORDER permutes the threads), that nothing is read
// before it was written or copied too late, and that the runtime around it calls the toolkit as its manual asks. What it cannot show:
// speed, the memory model, what cuBLAS and cuSOLVER really do, and that nvcc accepts the text.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ thread_local  // blocks run one after another; their threads are fibres of one system thread
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

#pragma GCC visibility push(default)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulated {

/// A kernel with the values of its parameters.
struct Call {
  void (*run)(const Call*);
  void (*drop)(Call*);
};

template <class... P>
struct Arguments {
  explicit Arguments(void**) {}
};
template <class H, class... T>
struct Arguments<H, T...> {
  H head;
  Arguments<T...> tail;
  explicit Arguments(void** at) : head(*static_cast<H*>(*at)), tail(at + 1) {}
};
constexpr unsigned most_parameter_bytes = 32764;  // since CUDA 12.1
template <class F, class... Done>
void apply(F* f, const Arguments<>&, const Done&... done) {
  f(done...);
}
template <class F, class H, class... T, class... Done>
void apply(F* f, const Arguments<H, T...>& rest, const Done&... done) {
  apply(f, rest.tail, done..., rest.head);
}
template <class... P>
struct BoundCall : Call {
  void (*kernel)(P...);
  Arguments<P...> arguments;
  static_assert(sizeof(Arguments<P...>) <= most_parameter_bytes);
  BoundCall(void (*f)(P...), void** at)
      : Call{[](const Call* c) {
               const auto* self = static_cast<const BoundCall*>(c);
               apply(self->kernel, self->arguments);
             },
             [](Call* c) { delete static_cast<BoundCall*>(c); }},
        kernel(f),
        arguments(at) {}
};
template <class... P>
Call* bind(void (*kernel)(P...), void** at) {
  return new BoundCall<P...>(kernel, at);
}

// Each waits until all threads that must come have come to the same place; block.cpp.
struct Votes {
  unsigned count;  // how many said yes
  bool all;
};
Votes block_barrier(const char* what, const char* file, int line, bool vote = false);
/// The value that lane `source` of this warp brings.
void warp_exchange(const char* what, const char* file, int line, unsigned mask, const void* value, unsigned size, unsigned source,
                   void* result);
/// One bit for each lane of the mask that said yes.
unsigned warp_vote(const char* what, const char* file, int line, unsigned mask, bool vote);
unsigned lane();

template <class T>
T exchange(const char* what, const char* file, int line, unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 16);
  T result;
  warp_exchange(what, file, line, mask, &value, sizeof value, source, &result);
  return result;
}
// Where a lane's value comes from, within groups of `width` lanes; beyond the group's end a lane keeps its own.
inline unsigned indexed(int source, int width) { return (lane() & ~unsigned(width - 1)) + (unsigned(source) & unsigned(width - 1)); }
inline unsigned above(unsigned by, int width) { return (lane() & unsigned(width - 1)) + by < unsigned(width) ? lane() + by : lane(); }
inline unsigned below(unsigned by, int width) { return (lane() & unsigned(width - 1)) >= by ? lane() - by : lane(); }
inline unsigned crossed(int by, int width) {
  const unsigned source = lane() ^ unsigned(by);
  return source < (lane() & ~unsigned(width - 1)) + unsigned(width) ? source : lane();
}
inline unsigned whole_warp(unsigned mask = 0xffffffffu) { return mask; }

template <class To, class From>
To bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  __builtin_memcpy(&y, &x, sizeof y);
  return y;
}

}  // namespace emulated

#define SG_SHUFFLE(name, from, mask, value, ...) emulated::exchange(name, __FILE__, __LINE__, mask, value, emulated::from(__VA_ARGS__))
#define SG_WIDTH(by, width, ...) by, width
#define __shfl_sync(mask, value, ...) SG_SHUFFLE("__shfl_sync", indexed, mask, value, SG_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_down_sync(mask, value, ...) SG_SHUFFLE("__shfl_down_sync", above, mask, value, SG_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_up_sync(mask, value, ...) SG_SHUFFLE("__shfl_up_sync", below, mask, value, SG_WIDTH(__VA_ARGS__, 32, 0))
#define __shfl_xor_sync(mask, value, ...) SG_SHUFFLE("__shfl_xor_sync", crossed, mask, value, SG_WIDTH(__VA_ARGS__, 32, 0))
#define __ballot_sync(mask, vote) emulated::warp_vote("__ballot_sync", __FILE__, __LINE__, mask, vote)
#define __any_sync(mask, vote) (emulated::warp_vote("__any_sync", __FILE__, __LINE__, mask, vote) != 0)
#define __all_sync(mask, vote) (emulated::warp_vote("__all_sync", __FILE__, __LINE__, mask, !(vote)) == 0)
#define __syncwarp(...) (void)emulated::warp_vote("__syncwarp", __FILE__, __LINE__, emulated::whole_warp(__VA_ARGS__), false)
#define __syncthreads() (void)emulated::block_barrier("__syncthreads", __FILE__, __LINE__)
#define __syncthreads_or(vote) (emulated::block_barrier("__syncthreads_or", __FILE__, __LINE__, vote).count != 0)
#define __syncthreads_and(vote) (emulated::block_barrier("__syncthreads_and", __FILE__, __LINE__, vote).all)
#define __syncthreads_count(vote) int(emulated::block_barrier("__syncthreads_count", __FILE__, __LINE__, vote).count)

#pragma GCC visibility pop

// Vectors of two and four.
#define SG_VECTOR(T, name)                                      \
  struct alignas(2 * sizeof(T)) name##2 {                       \
    T x, y;                                                     \
  };                                                            \
  struct alignas(sizeof(T) == 8 ? 16 : 4 * sizeof(T)) name##4 { \
    T x, y, z, w;                                               \
  };                                                            \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }    \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SG_VECTOR(unsigned char, uchar)
SG_VECTOR(int, int)
SG_VECTOR(unsigned, uint)
SG_VECTOR(long long, longlong)
SG_VECTOR(unsigned long long, ulonglong)
SG_VECTOR(float, float)
SG_VECTOR(double, double)
#undef SG_VECTOR

// Bits and numbers.
inline unsigned __float_as_uint(float x) { return emulated::bits<unsigned>(x); }
inline int __float_as_int(float x) { return emulated::bits<int>(x); }
inline float __uint_as_float(unsigned i) { return emulated::bits<float>(i); }
inline float __int_as_float(int i) { return emulated::bits<float>(i); }
inline long long __double_as_longlong(double x) { return emulated::bits<long long>(x); }
inline double __longlong_as_double(long long i) { return emulated::bits<double>(i); }
inline int __popc(unsigned i) { return __builtin_popcount(i); }
inline int __popcll(unsigned long long i) { return __builtin_popcountll(i); }
inline int __ffs(int i) { return __builtin_ffs(i); }
inline int __ffsll(long long i) { return __builtin_ffsll(i); }
inline int __clz(int i) { return i == 0 ? 32 : __builtin_clz(static_cast<unsigned>(i)); }
inline int __clzll(long long i) { return i == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(i)); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }

template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}
template <class T>
void __stcs(T* at, T value) {
  *at = value;
}
// One thread runs at a time.
template <class T, class U>
T atomicAdd(T* at, U value) {
  const T old = *at;
  *at = static_cast<T>(old + value);
  return old;
}
template <class T, class U>
T atomicMin(T* at, U value) {
  const T old = *at;
  if (static_cast<T>(value) < old) *at = static_cast<T>(value);
  return old;
}
template <class T, class U>
T atomicMax(T* at, U value) {
  const T old = *at;
  if (static_cast<T>(value) > old) *at = static_cast<T>(value);
  return old;
}
template <class T, class U>
T atomicOr(T* at, U value) {
  const T old = *at;
  *at = old | static_cast<T>(value);
  return old;
}
template <class T, class U>
T atomicExch(T* at, U value) {
  const T old = *at;
  *at = static_cast<T>(value);
  return old;
}
template <class T, class U, class V>
T atomicCAS(T* at, U expected, V value) {
  const T old = *at;
  if (old == static_cast<T>(expected)) *at = static_cast<T>(value);
  return old;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

#ifdef __CUDACC_RTC__
// What NVRTC knows without a header; .cu files have <cmath>.
using size_t = __SIZE_TYPE__;
using ptrdiff_t = __PTRDIFF_TYPE__;
#define SG_MATH_1(name)           \
  extern "C" double name(double); \
  extern "C" float name##f(float);
#define SG_MATH_2(name)                   \
  extern "C" double name(double, double); \
  extern "C" float name##f(float, float);
SG_MATH_1(fabs)
SG_MATH_1(sqrt)
SG_MATH_1(floor)
SG_MATH_1(ceil)
SG_MATH_1(rint)
SG_MATH_1(nearbyint)
SG_MATH_1(exp)
SG_MATH_1(expm1)
SG_MATH_1(log)
SG_MATH_1(log1p)
SG_MATH_1(sin)
SG_MATH_1(cos)
SG_MATH_1(tan)
SG_MATH_1(tanh)
SG_MATH_1(sinh)
SG_MATH_1(cosh)
SG_MATH_1(asinh)
SG_MATH_1(atan)
SG_MATH_1(erf)
SG_MATH_1(erfc)
SG_MATH_1(lgamma)
SG_MATH_1(tgamma)
SG_MATH_2(copysign)
SG_MATH_2(atan2)
SG_MATH_2(pow)
SG_MATH_2(fmod)
#undef SG_MATH_1
#undef SG_MATH_2
extern "C" double fma(double, double, double);
extern "C" float fmaf(float, float, float);
#endif
