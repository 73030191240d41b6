// The three parts of a convolution against plain loops, in every layout, over strides, paddings, dilations, groups and empty extents.
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

/// Calls term(i_x, i_w, i_y) for each product in the sum over all outputs.
template <class F>
void for_each_term(const Setting& s, F&& term) {
  const int64_t outputs = s.w[0] / s.geometry.groups, inputs = s.w[1];
  for_each_index(s.y(), [&](const Dims& y) {
    for_each_index({inputs, s.w[2], s.w[3]}, [&](const Dims& k) {
      Dims x{y[0], y[1] / std::max<int64_t>(1, outputs) * inputs + k[0], 0, 0};
      for (int i = 0; i < 2; ++i) {
        x[2 + i] = y[2 + i] * s.geometry.stride[i] - s.geometry.before[i] + k[1 + i] * s.geometry.dilation[i];
        if (x[2 + i] < 0 || x[2 + i] >= s.x[2 + i]) return;
      }
      term(x, Dims{y[1], k[0], k[1], k[2]}, y);
    });
  });
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
void compute(ConvolutionPart part, const View& out, Arrays<T>& v, const Convolution& geometry) {
  const View& a = part == ConvolutionPart::input ? v.y.view : v.x.view;
  const View& b = part == ConvolutionPart::weight ? v.y.view : v.w.view;
  cpu_backend().call({}, calls::Convolve{part, out, a, b, geometry});
}

template <class T>
void check_part(const Setting& s, ConvolutionPart part, Layout lx, Layout lw, Layout ly) {
  Arrays<T> v(s, lx, lw, ly);
  const Shape shape = v.of(part).view.shape;
  std::vector<long double> want(static_cast<size_t>(numel(shape)) + 1), size = want;
  const Strides strides = contiguous_strides(shape);
  for_each_term(s, [&](const Dims& ix, const Dims& iw, const Dims& iy) {
    const Dims& to = part == ConvolutionPart::forward ? iy : part == ConvolutionPart::input ? ix : iw;
    const auto value = [](const Array<T>& array, const Dims& i) { return static_cast<long double>(array.at(i)); };
    const long double term = part == ConvolutionPart::forward ? value(v.x, ix) * value(v.w, iw)
                             : part == ConvolutionPart::input ? value(v.y, iy) * value(v.w, iw)
                                                              : value(v.x, ix) * value(v.y, iy);
    int64_t at = 0;
    for (int d = 0; d < to.rank; ++d) at += to[d] * strides[d];
    want[static_cast<size_t>(at)] += term;
    size[static_cast<size_t>(at)] += std::abs(term);
  });
  compute(part, v.of(part).view, v, s.geometry);
  int64_t wrong = 0, at = 0;
  for_each_index(shape, [&](const Dims& i) {
    const auto k = static_cast<size_t>(at++);
    const long double bound = 64 * std::numeric_limits<T>::epsilon() * size[k];  // sums of up to 3000 terms, added in parts
    wrong += !(std::abs(static_cast<long double>(v.of(part).at(i)) - want[k]) <= bound);
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
      compute(part, first.view, v, s.geometry);
      with_threads([&] {
        Array<TestType> again(shape);
        compute(part, again.view, v, s.geometry);
        require_same_bits(first, again);
      });
    }
}

TEST_CASE("a convolution of whole numbers is refused") {
  Array<int64_t> x({1, 1, 2, 2}), w({1, 1, 1, 1}), y({1, 1, 2, 2});
  CHECK_THROWS_AS(cpu_backend().call({}, calls::Convolve{ConvolutionPart::forward, y.view, x.view, w.view, {{1, 1}, {0, 0}, {1, 1}, 1}}),
                  Error);
}
