// Reductions, along the tree of autograd/backend/reduction_tree.h, and running sums, element after element.
#include <fmt/format.h>

#include "autograd/backend/call_names.h"
#include "autograd/backend/reduction_tree.h"
#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {
namespace {

/// The first position of the largest, or smallest, of n elements; NaN goes before any number.
template <class Load>
int64_t first_extreme(bool largest, int64_t n, Load load) {
  int64_t best = 0;
  for (int64_t k = 1; k < n; ++k) {
    const auto x = load(k), y = load(best);
    if (y == y && (x != x || (largest ? x > y : x < y))) best = k;
  }
  return best;
}

template <class T, class Load>
T reduced(Reduction kind, int64_t n, Load load) {
  if (n == 0) return kind == Reduction::prod ? T(1) : T(0);
  switch (kind) {
    case Reduction::sum:
      return tree_reduce<Sum, T>(n, load);
    case Reduction::prod:
      return tree_reduce<Prod, T>(n, load);
    case Reduction::max:
      return tree_reduce<Max, T>(n, load);
    default:
      return tree_reduce<Min, T>(n, load);
  }
}

}  // namespace

void run(Where at, const calls::Reduce& c) {
  if (numel(c.out.shape) == 0) return;
  Dims extent = c.in.shape;  // of the reduced axes; 1 where an axis stays
  for (int d = 0; d < extent.rank; ++d)
    if (std::find(c.axes.begin(), c.axes.end(), d) == c.axes.end()) extent[d] = 1;
  const int64_t count = numel(extent);
  if (c.kind == Reduction::sum && c.in.dtype == DType::boolean) throw Error(at, "sum: bool elements; cast them first");
  if (count == 0 && c.kind != Reduction::sum && c.kind != Reduction::prod)
    throw Error(at, fmt::format("{}: no elements along axes {} of shape {}", name_of(c.kind), to_string(c.axes), to_string(c.in.shape)));
  dispatch(c.in.dtype, [&]<class T>(T) {
    for_each(c.out.shape, [&](const Dims& i) {
      // Element k of those that go into out[i], which the reduced axes number in row-major order.
      const auto load = [&](int64_t k) {
        Dims from = i;
        for (int d = extent.rank - 1; d >= 0; k /= extent[d], --d) from[d] += k % extent[d];
        return element<T>(c.in, from);
      };
      if (c.kind == Reduction::argmax || c.kind == Reduction::argmin)
        element<int64_t>(c.out, i) = first_extreme(c.kind == Reduction::argmax, count, load);
      else
        element<T>(c.out, i) = reduced<T>(c.kind, count, load);
    });
  });
}

void run(Where at, const calls::CumSum& c) {
  dispatch_numbers(at, "cumsum", c.in.dtype, [&]<class T>(T) {
    for_each_line(c.in.shape, c.axis, [&](const Dims& first, int64_t n) {
      Wide<T> sum = 0;
      for (int64_t k = 0; k < n; ++k) {
        const Dims i = at_axis(first, c.axis, k);
        sum = Sum::combine(sum, Wide<T>(element<T>(c.in, i)));
        element<T>(c.out, i) = static_cast<T>(sum);
      }
    });
  });
}

}  // namespace scoregrad::on_reference
