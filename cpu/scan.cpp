// Running sums along one axis, element by element in order; float32 is summed in double, so that long scans keep their last digits.
#include <algorithm>
#include <type_traits>

#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

template <class T>
using Running = std::conditional_t<std::is_same_v<T, float>, double, std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>>;

template <class T>
void cumsum_typed(const View& out, const View& in, int axis) {
  const int64_t length = in.shape[axis], so = out.strides[axis], si = in.strides[axis];
  Shape lines = in.shape;
  lines[axis] = 1;
  const Loop<2> loop = free_loop<2>(lines, {&out.strides, &in.strides});
  const int64_t to = loop.inner(0), ti = loop.inner(1);
  // Neighbouring lines go side by side unless each lies in one piece.
  constexpr int64_t most = 64;
  const int64_t width = si == 1 ? 1 : most;
  parallel_ranges(loop.count(), std::max<int64_t>(width, (1 << 14) / length), static_cast<double>(length), [&](int64_t begin, int64_t end) {
    for_runs(loop, begin, end, [&](const int64_t* offset, int64_t n) {
      for (int64_t j0 = 0; j0 < n; j0 += width) {
        const int64_t w = std::min(width, n - j0);
        T* y = static_cast<T*>(out.data) + offset[0] + j0 * to;
        const T* x = static_cast<const T*>(in.data) + offset[1] + j0 * ti;
        if (w == 1) {
          Running<T> sum = 0;
          for (int64_t k = 0; k < length; ++k) {
            sum += static_cast<Running<T>>(x[k * si]);
            y[k * so] = static_cast<T>(sum);
          }
          continue;
        }
        Running<T> sum[most] = {};
        for (int64_t k = 0; k < length; ++k)
          for (int64_t j = 0; j < w; ++j) {
            sum[j] += static_cast<Running<T>>(x[k * si + j * ti]);
            y[k * so + j * to] = static_cast<T>(sum[j]);
          }
      }
    });
  });
}

}  // namespace

void run(Where, const calls::CumSum& c) {
  const View &out = c.out, &in = c.in;
  if (numel(in.shape) == 0) return;
  switch (in.dtype) {
    case DType::float32:
      return cumsum_typed<float>(out, in, c.axis);
    case DType::float64:
      return cumsum_typed<double>(out, in, c.axis);
    case DType::int64:
      return cumsum_typed<int64_t>(out, in, c.axis);
    default:
      throw Error({}, "cumsum: bool elements; cast them first");
  }
}

}  // namespace scoregrad::on_cpu
