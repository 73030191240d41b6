// Convolutions: three arrays, each a linear function of the other two. Additions are a matrix product's, so that bounds stand for bits.
#include <cmath>

#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

int64_t positions(int64_t extent, int64_t kernel, int64_t stride, int64_t before, int64_t after, int64_t dilation) {
  const int64_t room = extent + before + after - ((kernel - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

void require_close(const Twin& out, int64_t terms) {
  const std::vector<double> got = out.downloaded();
  // Operands are of [-1, 1), so that no sum of absolute values is above the number of its terms.
  const double bound =
      4 * static_cast<double>(terms) * std::sqrt(static_cast<double>(terms)) * (out.dtype() == DType::float32 ? 0x1p-24 : 0x1p-53);
  size_t next = 0;
  int64_t wrong = 0;
  for_each_index(out.shape(), [&](const Dims& i) { wrong += !(std::abs(got[next++] - out.at(i)) <= bound); });
  REQUIRE(wrong == 0);
}

void check(Dice& dice, DType type, const Shape& x_shape, int64_t outputs, int64_t kh, int64_t kw, const Convolution& g, int64_t after) {
  const Shape w_shape{outputs, x_shape[1] / g.groups, kh, kw};
  const Shape y_shape{x_shape[0], outputs, positions(x_shape[2], kh, g.stride[0], g.before[0], after, g.dilation[0]),
                      positions(x_shape[3], kw, g.stride[1], g.before[1], after, g.dilation[1])};
  if (numel(y_shape) == 0) return;
  const Range unit{-1, 1, false};
  const Twin x(dice, type, x_shape, Layout::repeats, unit), w(dice, type, w_shape, Layout::repeats, unit),
      y(dice, type, y_shape, Layout::repeats, unit);
  const Twin to_x(dice, type, x_shape), to_w(dice, type, w_shape), to_y(dice, type, y_shape);
  on_both([&](const Backend& b, Side side) {
    const Where at = Where::here();
    b.call(at, calls::Convolve{ConvolutionPart::forward, to_y.on(side), x.on(side), w.on(side), g});
    b.call(at, calls::Convolve{ConvolutionPart::input, to_x.on(side), y.on(side), w.on(side), g});
    b.call(at, calls::Convolve{ConvolutionPart::weight, to_w.on(side), x.on(side), y.on(side), g});
  });
  INFO(name_of(type) << " x " << to_string(x_shape) << " w " << to_string(w_shape) << " y " << to_string(y_shape) << " stride "
                     << g.stride[0] << " " << g.stride[1] << " before " << g.before[0] << " " << g.before[1] << " dilation "
                     << g.dilation[0] << " " << g.dilation[1] << " groups " << g.groups);
  require_close(to_y, w_shape[1] * kh * kw);
  require_close(to_x, outputs / g.groups * kh * kw);
  require_close(to_w, x_shape[0] * y_shape[2] * y_shape[3]);
}

}  // namespace

TEST_CASE("convolutions of every geometry and both adjoints agree with the reference's to rounding") {
  if (!device() || !device()->has<calls::Convolve>()) return;
  Dice dice(91);
  for (int n = trials(40); n > 0; --n)
    for (DType type : {float32, float64}) {
      const int64_t groups = dice.of<int64_t>({1, 1, 2, 3});
      const auto small = [&](int64_t most) { return 1 + dice.below(most); };
      const bool line = dice.chance(0.3);
      Convolution g{{line ? 1 : small(3), small(3)}, {line ? 0 : dice.below(3), dice.below(3)}, {line ? 1 : small(2), small(2)}, groups};
      check(dice, type, {small(3), groups * small(3), line ? 1 : 3 + dice.below(8), 3 + dice.below(12)}, groups * small(3),
            line ? 1 : small(3), small(4), g, line ? 0 : dice.below(3));
    }
}
