// Reading and adding at positions that are data. The selecting forms are the gathering ones with an index that is repeated (stride 0)
// along the other axes. Indices are checked before anything is written.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

constexpr int64_t grain = 1 << 13;

void check_indices(Where at, const char* op, const View& index, const View& indexed, int axis) {
  const int64_t extent = indexed.shape[axis];
  const Loop<1> loop = free_loop<1>(index.shape, {&index.strides});
  const int64_t step = loop.inner(0);
  for_runs(loop, 0, loop.count(), [&](const int64_t* offset, int64_t n) {
    const int64_t* i = static_cast<const int64_t*>(index.data) + offset[0];
    // Vector code only counts; the slow search runs once there is something to name.
    int64_t bad = 0;
    for (int64_t j = 0; j < n; ++j) bad += static_cast<uint64_t>(i[j * step]) >= static_cast<uint64_t>(extent);
    if (bad == 0) return;
    int64_t j = 0;
    while (static_cast<uint64_t>(i[j * step]) < static_cast<uint64_t>(extent)) ++j;
    throw Error(at, fmt::format("{}: index {} is out of range for axis {} of shape {}, extent {}", op, i[j * step], axis,
                                to_string(indexed.shape), extent));
  });
}

/// index [n] seen with the shape of `like`, n along `axis`.
View along_axis(const View& index, const Shape& like, int axis) {
  View wide{index.data, index.dtype, like, like};
  for (int d = 0; d < like.rank; ++d) wide.strides[d] = d == axis ? index.strides[0] : 0;
  return wide;
}

template <class T>
void gather_typed(const View& out, const View& in, const View& index, int axis) {
  const int64_t step = in.strides[axis];
  Strides others = in.strides;
  others[axis] = 0;
  const Loop<3> loop = free_loop<3>(out.shape, {&out.strides, &index.strides, &others});
  const int64_t so = loop.inner(0), sj = loop.inner(1), si = loop.inner(2);
  parallel_ranges(loop.count(), grain, 1.0, [&](int64_t begin, int64_t end) {
    for_runs(loop, begin, end, [&](const int64_t* offset, int64_t n) {
      T* y = static_cast<T*>(out.data) + offset[0];
      const int64_t* j = static_cast<const int64_t*>(index.data) + offset[1];
      const T* x = static_cast<const T*>(in.data) + offset[2];
      if (sj == 0 && so == 1 && si == 1) {
        std::copy_n(x + *j * step, n, y);
      } else {
        for (int64_t i = 0; i < n; ++i) y[i * so] = x[i * si + j[i * sj] * step];
      }
    });
  });
}

template <class T>
void scatter_typed(const View& out, const View& index, const View& in, int axis) {
  const int64_t step = out.strides[axis], length = in.shape[axis], index_step = index.strides[axis], in_step = in.strides[axis];
  Shape lines = in.shape;
  lines[axis] = 1;
  const Loop<3> loop = free_loop<3>(lines, {&out.strides, &index.strides, &in.strides});
  const int64_t so = loop.inner(0), sj = loop.inner(1), si = loop.inner(2);
  const auto add = [](T& sum, T x) {
    if constexpr (std::is_same_v<T, int64_t>) {
      sum = static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(x));
    } else {
      sum += x;
    }
  };
  // Each line along the axis belongs to one thread, which adds in order; neighbouring lines share cache lines and stay together.
  parallel_ranges(loop.count(), std::max<int64_t>(64, grain / length), static_cast<double>(length), [&](int64_t begin, int64_t end) {
    for_runs(loop, begin, end, [&](const int64_t* offset, int64_t n) {
      for (int64_t k = 0; k < length; ++k) {
        T* y = static_cast<T*>(out.data) + offset[0];
        const int64_t* j = static_cast<const int64_t*>(index.data) + offset[1] + k * index_step;
        const T* x = static_cast<const T*>(in.data) + offset[2] + k * in_step;
        if (sj == 0 && so == 1 && si == 1) {
          T* row = y + *j * step;
          for (int64_t i = 0; i < n; ++i) add(row[i], x[i]);
        } else {
          for (int64_t i = 0; i < n; ++i) add(y[i * so + j[i * sj] * step], x[i * si]);
        }
      }
    });
  });
}

void gather_checked(const View& out, const View& in, const View& index, int axis) {
  if (numel(out.shape) == 0) return;
  dispatch(in.dtype, [&]<class T>(T) { gather_typed<T>(out, in, index, axis); });
}

void scatter_checked(const char* op, const View& out, const View& index, const View& in, int axis) {
  if (numel(in.shape) == 0) return;
  switch (in.dtype) {
    case DType::float32:
      return scatter_typed<float>(out, index, in, axis);
    case DType::float64:
      return scatter_typed<double>(out, index, in, axis);
    case DType::int64:
      return scatter_typed<int64_t>(out, index, in, axis);
    default:
      throw Error({}, fmt::format("{}: bool elements; cast them first", op));
  }
}

}  // namespace

void run(Where at, const calls::Gather& c) {
  check_indices(at, c.name, c.index, c.in, c.axis);
  gather_checked(c.out, c.in, c.index, c.axis);
}

void run(Where at, const calls::ScatterAdd& c) {
  check_indices(at, c.name, c.index, c.out, c.axis);
  scatter_checked(c.name, c.out, c.index, c.in, c.axis);
}

void run(Where at, const calls::IndexSelect& c) {
  check_indices(at, c.name, c.index, c.in, c.axis);
  gather_checked(c.out, c.in, along_axis(c.index, c.out.shape, c.axis), c.axis);
}

void run(Where at, const calls::IndexAdd& c) {
  check_indices(at, c.name, c.index, c.out, c.axis);
  scatter_checked(c.name, c.out, along_axis(c.index, c.in.shape, c.axis), c.in, c.axis);
}

}  // namespace scoregrad::on_cpu
