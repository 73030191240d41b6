// The order in which a reduction combines its elements, written once as plain code: what every backend must reproduce bit for bit and what
// the tests compare with. It depends on the number K of reduced elements alone, never on strides, SIMD width or threads:
//
//   the reduced axes, flattened row-major, number the elements k = 0 .. K - 1;
//   they are cut into chunks of 4096;
//   in a chunk 64 lanes run side by side, lane l combining k = l, l + 64, l + 128, ... of the chunk in this order;
//   lanes are combined by halving: l with l + 32, then with l + 16, ... then with l + 1 (a lane without elements does not take part);
//   the chunks' results, those of float32 as doubles, go through 64 lanes in the same way, as one chunk however many they are.
//
// C++17, so that .cu files may include it.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

namespace scoregrad {

constexpr int64_t tree_lanes = 64, tree_chunk = 4096;

// The four ways to combine. Integers wrap; a NaN wins over any number; of equal values (0 and -0) the later one stays.
struct Sum {
  template <class T>
  static T combine(T a, T b) {
    if constexpr (std::is_same_v<T, int64_t>)
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else
      return a + b;
  }
};
struct Prod {
  template <class T>
  static T combine(T a, T b) {
    if constexpr (std::is_same_v<T, int64_t>)
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else if constexpr (std::is_same_v<T, bool>)
      return a && b;
    else
      return a * b;
  }
};
struct Max {
  template <class T>
  static T combine(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class T>
  static T combine(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

/// The type in which the results of chunks are combined.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, T>;

/// The n >= 1 elements load(begin), load(begin + 1), ... of one chunk.
template <class Combine, class T, class Load>
T tree_of_chunk(int64_t begin, int64_t n, Load load) {
  T lane[tree_lanes];
  for (int64_t k = 0; k < n; ++k) {
    const T x = load(begin + k);
    T& sum = lane[k % tree_lanes];
    sum = k < tree_lanes ? x : Combine::combine(sum, x);
  }
  int64_t lanes = n < tree_lanes ? n : tree_lanes;
  for (int64_t half = tree_lanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l + half < lanes; ++l) lane[l] = Combine::combine(lane[l], lane[l + half]);
    if (lanes > half) lanes = half;
  }
  return lane[0];
}

/// All K >= 1 elements.
template <class Combine, class T, class Load>
T tree_reduce(int64_t K, Load load) {
  if (K <= tree_chunk) return tree_of_chunk<Combine, T>(0, K, load);
  const auto chunk = [&](int64_t c) {
    const int64_t begin = c * tree_chunk;
    return Wide<T>(tree_of_chunk<Combine, T>(begin, K - begin < tree_chunk ? K - begin : tree_chunk, load));
  };
  return static_cast<T>(tree_of_chunk<Combine, Wide<T>>(0, (K + tree_chunk - 1) / tree_chunk, chunk));
}

/// The sum of load(0) .. load(K - 1), 0 where K = 0.
template <class T, class Load>
T tree_sum(int64_t K, Load load) {
  return K == 0 ? T(0) : tree_reduce<Sum, T>(K, load);
}

}  // namespace scoregrad
