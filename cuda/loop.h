// A loop over a shape in as few dimensions as the strides of its operands allow, as kernels walk it: an index to the offsets of all
// operands. The host fills it in (cuda/nest.h); .cu files and generated kernels read it. C++17, nothing but <cstdint>.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define SG_DEVICE __host__ __device__
#else
#define SG_DEVICE
#endif
// Before a loop over dimensions: unrolled, such loops are most of a kernel and of the time that it takes to compile.
#ifdef __CUDA_ARCH__
#define SG_ROLLED _Pragma("unroll 1")
#else
#define SG_ROLLED
#endif

namespace scoregrad::on_cuda {

constexpr int most_dims = 8;

/// Division by a number that is known before the kernel starts, as a multiplication (Granlund and Montgomery 1994): exact for numerators
/// below 2^31 and 1 <= d < 2^31.
struct Divisor {
  uint32_t multiplier, shift;

  Divisor() = default;
  explicit Divisor(uint32_t d) : multiplier(0), shift(0) {
    while (shift < 31 && (uint32_t{1} << shift) < d) ++shift;
    multiplier = static_cast<uint32_t>(((uint64_t{1} << shift) - d) * (uint64_t{1} << 32) / d + 1);
  }
  SG_DEVICE uint32_t quotient(uint32_t n) const {
    return (static_cast<uint32_t>(static_cast<uint64_t>(n) * multiplier >> 32) + n) >> shift;
  }
};

/// The dimensions of a loop, outermost first.
struct Extents {
  int64_t count;  // iterations
  int32_t rank;
  int32_t wide;  // count is 2^31 or more: divisions take 64 bits
  int64_t extent[most_dims];
  Divisor divisor[most_dims];  // by `extent`, where not wide
};

template <bool wide>
struct IndexOf {
  using type = uint32_t;
};
template <>
struct IndexOf<true> {
  using type = int64_t;
};

/// at[n] += the offset of operand n at iteration i; `wide` where the loop is.
template <bool wide, int N>
SG_DEVICE inline void add_offsets(const Extents& e, const int64_t (&stride)[N][most_dims], int64_t i, int64_t (&at)[N]) {
  using Index = typename IndexOf<wide>::type;
  Index rest = static_cast<Index>(i);
  SG_ROLLED for (int d = e.rank - 1; d > 0; --d) {
    Index q;
    if constexpr (wide)
      q = rest / e.extent[d];
    else
      q = e.divisor[d].quotient(rest);
    const Index k = rest - q * static_cast<Index>(e.extent[d]);
    for (int n = 0; n < N; ++n) at[n] += static_cast<int64_t>(k) * stride[n][d];
    rest = q;
  }
  if (e.rank > 0)
    for (int n = 0; n < N; ++n) at[n] += static_cast<int64_t>(rest) * stride[n][0];
}

/// A loop whose operands are few and known when the kernel is compiled.
template <int N>
struct Loop {
  Extents extents;
  int64_t stride[N][most_dims];

  SG_DEVICE void offsets(int64_t i, int64_t (&at)[N]) const {
    for (int n = 0; n < N; ++n) at[n] = 0;
    if (extents.wide)
      add_offsets<true>(extents, stride, i, at);
    else
      add_offsets<false>(extents, stride, i, at);
  }
};

}  // namespace scoregrad::on_cuda
