// Reading and adding at positions that are data, and sorting.
#include <fmt/format.h>

#include <numeric>
#include <vector>

#include "autograd/backend/reduction_tree.h"
#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {
namespace {

/// Throws before anything is written.
void check(Where at, const char* op, const View& index, const View& indexed, int axis) {
  for_each(index.shape, [&](const Dims& i) {
    const int64_t k = element<int64_t>(index, i), extent = indexed.shape[axis];
    if (k < 0 || k >= extent)
      throw Error(at, fmt::format("{}: index {} is out of range for axis {} of shape {}, extent {}", op, k, axis, to_string(indexed.shape),
                                  extent));
  });
}

/// out[i] = in[i, with index(i) along the axis].
template <class Index>
void read(const View& out, const View& in, int axis, Index index) {
  dispatch(in.dtype, [&]<class T>(T) {
    for_each(out.shape, [&](const Dims& i) { element<T>(out, i) = element<T>(in, at_axis(i, axis, index(i))); });
  });
}

/// out[i, with index(i) along the axis] += in[i]; row-major order is in order of i along any axis.
template <class Index>
void add(Where at, const char* op, const View& out, const View& in, int axis, Index index) {
  if (numel(in.shape) == 0) return;
  dispatch_numbers(at, op, in.dtype, [&]<class T>(T) {
    for_each(in.shape, [&](const Dims& i) {
      T& sum = element<T>(out, at_axis(i, axis, index(i)));
      sum = Sum::combine(sum, element<T>(in, i));
    });
  });
}

}  // namespace

void run(Where at, const calls::Gather& c) {
  check(at, "gather", c.index, c.in, c.axis);
  read(c.out, c.in, c.axis, [&](const Dims& i) { return element<int64_t>(c.index, i); });
}

void run(Where at, const calls::IndexSelect& c) {
  check(at, "index_select", c.index, c.in, c.axis);
  read(c.out, c.in, c.axis, [&](const Dims& i) { return element<int64_t>(c.index, {i[c.axis]}); });
}

void run(Where at, const calls::ScatterAdd& c) {
  check(at, "scatter_add", c.index, c.out, c.axis);
  add(at, "scatter_add", c.out, c.in, c.axis, [&](const Dims& i) { return element<int64_t>(c.index, i); });
}

void run(Where at, const calls::IndexAdd& c) {
  check(at, "index_add", c.index, c.out, c.axis);
  add(at, "index_add", c.out, c.in, c.axis, [&](const Dims& i) { return element<int64_t>(c.index, {i[c.axis]}); });
}

void run(Where, const calls::Sort& c) {
  dispatch(c.in.dtype, [&]<class T>(T) {
    for_each_line(c.in.shape, c.axis, [&](const Dims& first, int64_t n) {
      const auto value = [&](int64_t k) { return element<T>(c.in, at_axis(first, c.axis, k)); };
      const auto before = [&](int64_t j, int64_t k) {
        const T x = value(j), y = value(k);
        if (x != x || y != y) return x == x && y != y;
        return c.descending ? x > y : x < y;
      };
      std::vector<int64_t> order(static_cast<size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), before);
      for (int64_t k = 0; k < n; ++k) {
        const Dims i = at_axis(first, c.axis, k);
        element<int64_t>(c.indices, i) = order[static_cast<size_t>(k)];
        element<T>(c.values, i) = value(order[static_cast<size_t>(k)]);
      }
    });
  });
}

}  // namespace scoregrad::on_reference
