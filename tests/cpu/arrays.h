// Arrays in every kind of layout, with naive element access, for tests of the CPU's kernels.
#pragma once
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "autograd/backend/contract.h"
#include "tests/catch.h"
#include "tests/each_index.h"

extern "C" [[gnu::weak]] void omp_set_num_threads(int);

namespace scoregrad::arrays {

/// How an array lies in memory; `repeated` gives every second axis stride 0 and is for inputs only.
enum class Layout { contiguous, permuted, reversed, spaced, repeated };
constexpr Layout layouts[] = {Layout::contiguous, Layout::permuted, Layout::reversed, Layout::spaced, Layout::repeated};

template <class T>
struct Array {
  View view;

  explicit Array(const Shape& shape, Layout layout = Layout::contiguous)
      : view{nullptr, DTypeOf<T>::value, shape, contiguous_strides(shape)} {
    int64_t step = 1;
    for (int i = 0; i < shape.rank; ++i) {
      const int d = layout == Layout::permuted ? i : shape.rank - 1 - i;
      view.strides[d] = step;
      if (layout == Layout::repeated && d % 2 == 0) {
        view.strides[d] = 0;
        continue;
      }
      step *= shape[d];
      if (layout == Layout::spaced) view.strides[d] *= 2, step = step * 2 + 1;
    }
    size_ = std::max<int64_t>(step, 1) + 1;
    store_ = std::make_unique<T[]>(static_cast<size_t>(size_));
    T* origin = store_.get();
    if (layout == Layout::reversed)
      for (int d = 0; d < shape.rank; ++d) {
        if (shape[d] > 0) origin += (shape[d] - 1) * view.strides[d];
        view.strides[d] = -view.strides[d];
      }
    view.data = origin;
  }
  T& at(const Dims& i) const { return at(view, i); }
  static T& at(const View& v, const Dims& i) {
    int64_t offset = 0;
    for (int d = 0; d < i.rank; ++d) offset += i[d] * v.strides[d];
    return static_cast<T*>(v.data)[offset];
  }
  /// Numbers from [-3, 3], integers for int64, either for bool.
  Array& fill_random(unsigned seed) {
    std::mt19937 random(seed);
    for (int64_t i = 0; i < size_; ++i) {
      const double u = static_cast<double>(random()) / 4294967296.0;
      if constexpr (std::is_same_v<T, bool>) {
        store_[i] = u < 0.5;
      } else {
        store_[i] = static_cast<T>(6 * u - 3);
      }
    }
    return *this;
  }

 private:
  int64_t size_;
  std::unique_ptr<T[]> store_;
};

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
void require_same_bits(const Array<T>& a, const Array<T>& b) {
  int64_t different = 0;
  for_each_index(a.view.shape, [&](const Dims& i) { different += !same_bits(a.at(i), b.at(i)); });
  REQUIRE(different == 0);
}

/// Runs f() with teams of 1, 2, 3 and 8 threads, then gives back the machine's number.
template <class F>
void with_threads(F&& f) {
  for (int threads : {1, 2, 3, 8}) {
    if (omp_set_num_threads) omp_set_num_threads(threads);
    f();
  }
  if (omp_set_num_threads) omp_set_num_threads(2);
}

}  // namespace scoregrad::arrays
