// Matrix products and convolutions: sums of products, float32 summed in double. A device may add in any order and precision of its own,
// as long as it stays within the rounding of its element type.
#include <vector>

#include "autograd/backend/reduction_tree.h"
#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {

void run(Where at, const calls::Matmul& c) {
  const int row = c.out.shape.rank - 2, column = row + 1;
  dispatch(c.out.dtype, [&]<class T>(T) {
    if constexpr (std::is_same_v<T, bool>) throw Error(at, "matmul: bool matrices; cast them first");
    for_each(c.out.shape, [&](const Dims& i) {
      Wide<T> sum = 0;
      for (int64_t k = 0; k < c.a.shape[column]; ++k) {
        const T x = element<T>(c.a, at_axis(i, column, k)), y = element<T>(c.b, at_axis(i, row, k));
        sum = Sum::combine(sum, Prod::combine(Wide<T>(x), Wide<T>(y)));
      }
      element<T>(c.out, i) = static_cast<T>(sum);
    });
  });
}

void run(Where at, const calls::Convolve& c) {
  if (!is_floating(c.out.dtype)) throw Error(at, "convolution: only float32 and float64 arrays can be convolved");
  const bool to_x = c.part == ConvolutionPart::input, to_w = c.part == ConvolutionPart::weight;
  const View &out = c.out, &a = c.a, &b = c.b;
  const View &x = to_x ? out : a, &w = to_w ? out : b, &y = to_x ? a : to_w ? b : out;
  const int64_t inputs = w.shape[1], outputs = w.shape[0] / c.geometry.groups;  // of one group
  const Strides flat = contiguous_strides(out.shape);
  std::vector<double> sums(static_cast<size_t>(numel(out.shape)));
  dispatch_floating(out.dtype, [&]<class T>(T) {
    for_each(y.shape, [&](const Dims& at_y) {
      for_each({inputs, w.shape[2], w.shape[3]}, [&](const Dims& tap) {
        const Dims at_w{at_y[1], tap[0], tap[1], tap[2]};
        Dims at_x{at_y[0], at_y[1] / outputs * inputs + tap[0], 0, 0};
        for (int d = 0; d < 2; ++d) {
          at_x[2 + d] = at_y[2 + d] * c.geometry.stride[d] - c.geometry.before[d] + tap[1 + d] * c.geometry.dilation[d];
          if (at_x[2 + d] < 0 || at_x[2 + d] >= x.shape[2 + d]) return;  // zeros around x
        }
        const auto value = [](const View& v, const Dims& i) { return static_cast<double>(element<T>(v, i)); };
        double& sum = element<double>(sums.data(), flat, to_x ? at_x : to_w ? at_w : at_y);
        sum += (to_x ? value(y, at_y) : value(x, at_x)) * (to_w ? value(y, at_y) : value(w, at_w));
      });
    });
    for_each(out.shape, [&](const Dims& i) { element<T>(out, i) = static_cast<T>(element<double>(sums.data(), flat, i)); });
  });
}

}  // namespace scoregrad::on_reference
