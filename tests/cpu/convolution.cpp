// The three parts of a convolution against the reference, in every layout, over strides, paddings, dilations, groups and empty extents.
#include <cmath>
#include <limits>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

struct Setting {
  Shape x, w;  // w [o, c / groups, kh, kw]
  Convolution geometry;
  int64_t after[2];

  Shape y() const {
    Shape s{x[0], w[0], 0, 0};
    for (int i = 0; i < 2; ++i)
      s[2 + i] = (x[2 + i] + geometry.before[i] + after[i] - geometry.dilation[i] * (w[2 + i] - 1) - 1) / geometry.stride[i] + 1;
    return s;
  }
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {
      {{2, 3, 5, 4}, {4, 3, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {{1, 1}, {0, 0}, {1, 1}, 1}, {0, 0}},
      {{3, 4, 6, 7}, {6, 2, 3, 2}, {{2, 3}, {1, 0}, {1, 2}, 2}, {0, 2}},
      {{2, 4, 5, 5}, {4, 1, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, 4}, {1, 1}},  // each channel by itself
      {{2, 6, 4, 3}, {5, 6, 1, 1}, {{1, 1}, {0, 0}, {1, 1}, 1}, {0, 0}},  // a matrix product
      {{2, 3, 4, 4}, {2, 3, 1, 1}, {{2, 2}, {0, 0}, {1, 1}, 1}, {0, 0}},
      {{2, 2, 7, 6}, {3, 2, 2, 2}, {{3, 3}, {0, 0}, {1, 1}, 1}, {0, 0}},  // rows that no window reads
      {{2, 2, 1, 9}, {3, 2, 1, 4}, {{1, 2}, {0, 3}, {1, 2}, 1}, {0, 1}},  // one axis
      {{1, 2, 3, 3}, {2, 2, 3, 3}, {{1, 1}, {4, 5}, {1, 1}, 1}, {4, 5}},  // windows that lie in the padding altogether
      {{0, 2, 4, 4}, {3, 2, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 0, 4, 4}, {3, 0, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 3, 4, 4}, {0, 3, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 3, 0, 4}, {2, 3, 2, 2}, {{1, 1}, {1, 0}, {1, 1}, 1}, {1, 0}},
      {{2, 32, 9, 9}, {48, 32, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 32, 8, 9}, {32, 16, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, 2}, {1, 1}},
      {{5, 16, 1, 40}, {16, 16, 1, 5}, {{1, 1}, {0, 4}, {1, 2}, 1}, {0, 4}},
      {{3, 1, 12, 12}, {32, 1, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{3, 32, 12, 12}, {1, 32, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 1, 9, 28}, {5, 1, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{2, 3, 33, 17}, {1, 3, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
      {{1, 1, 8, 8}, {1, 1, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
  };
  return all;
}

template <class T>
struct Arrays {
  Array<T> x, w, y;
  Arrays(const Setting& s, Layout lx, Layout lw, Layout ly) : x(s.x, lx), w(s.w, lw), y(s.y(), ly) {
    x.fill_random(1), w.fill_random(2), y.fill_random(3);
  }
  Array<T>& of(ConvolutionPart p) { return p == ConvolutionPart::forward ? y : p == ConvolutionPart::input ? x : w; }
};

constexpr ConvolutionPart parts[] = {ConvolutionPart::forward, ConvolutionPart::input, ConvolutionPart::weight};

template <class T>
void compute(const Backend& on, ConvolutionPart part, const View& out, Arrays<T>& v, const Convolution& geometry) {
  const View& a = part == ConvolutionPart::input ? v.y.view : v.x.view;
  const View& b = part == ConvolutionPart::weight ? v.y.view : v.w.view;
  on.call({}, calls::Convolve{part, out, a, b, geometry});
}

template <class T>
void check_part(const Setting& s, ConvolutionPart part, Layout lx, Layout lw, Layout ly) {
  Arrays<T> v(s, lx, lw, ly);
  Arrays<double> sizes(s, Layout::contiguous, Layout::contiguous, Layout::contiguous);
  const auto take_sizes = [](const Array<double>& to, const Array<T>& from) {
    for_each_index(to.view.shape, [&](const Dims& i) { to.at(i) = std::abs(static_cast<double>(from.at(i))); });
  };
  take_sizes(sizes.x, v.x), take_sizes(sizes.w, v.w), take_sizes(sizes.y, v.y);
  const Shape shape = v.of(part).view.shape;
  const Array<T> want(shape);
  const Array<double> size(shape);
  compute(reference_backend(), part, want.view, v, s.geometry);
  compute(reference_backend(), part, size.view, sizes, s.geometry);
  compute(cpu_backend(), part, v.of(part).view, v, s.geometry);
  int64_t wrong = 0;
  for_each_index(shape, [&](const Dims& i) {
    const double bound = 64 * static_cast<double>(std::numeric_limits<T>::epsilon()) * size.at(i);  // of up to 3000 terms, in parts
    wrong += !(std::abs(static_cast<double>(v.of(part).at(i)) - static_cast<double>(want.at(i))) <= bound);
  });
  INFO("x " << to_string(s.x) << " w " << to_string(s.w) << " part " << static_cast<int>(part));
  REQUIRE(wrong == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("each part of a convolution is the sum that defines it", "", float, double) {
  for (const Setting& s : settings())
    for (ConvolutionPart part : parts) check_part<TestType>(s, part, Layout::contiguous, Layout::contiguous, Layout::contiguous);
}

TEMPLATE_TEST_CASE("a convolution reads and writes any layout", "", float, double) {
  for (size_t i : {0, 2, 6})
    for (ConvolutionPart part : parts)
      for (Layout l : {Layout::permuted, Layout::reversed, Layout::spaced}) {
        check_part<TestType>(settings()[i], part, l, Layout::contiguous, Layout::contiguous);
        check_part<TestType>(settings()[i], part, Layout::contiguous, l, l);
        check_part<TestType>(settings()[i], part, l, l, l);
      }
}

TEMPLATE_TEST_CASE("a large convolution has the same bits for any number of threads", "", float, double) {
  for (const Setting& s : {Setting{{19, 16, 14, 14}, {32, 16, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, 1}, {1, 1}},
                           Setting{{33, 1, 28, 28}, {32, 1, 3, 3}, {{2, 2}, {1, 1}, {1, 1}, 1}, {1, 1}},
                           Setting{{9, 32, 1, 300}, {32, 16, 1, 7}, {{1, 1}, {0, 3}, {1, 1}, 2}, {0, 3}}})
    for (ConvolutionPart part : parts) {
      Arrays<TestType> v(s, Layout::contiguous, Layout::contiguous, Layout::contiguous);
      const Shape shape = v.of(part).view.shape;
      Array<TestType> first(shape);
      compute(cpu_backend(), part, first.view, v, s.geometry);
      with_threads([&] {
        Array<TestType> again(shape);
        compute(cpu_backend(), part, again.view, v, s.geometry);
        require_same_bits(first, again);
      });
    }
}

TEST_CASE("a convolution of whole numbers is refused") {
  Array<int64_t> x({1, 1, 2, 2}), w({1, 1, 1, 1}), y({1, 1, 2, 2});
  CHECK_THROWS_AS(cpu_backend().call({}, calls::Convolve{ConvolutionPart::forward, y.view, x.view, w.view, {{1, 1}, {0, 0}, {1, 1}, 1}}),
                  Error);
}
