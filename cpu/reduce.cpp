// Reductions over any set of axes of any layout. The result is the tree of autograd/backend/reduction_tree.h whatever path is taken: the
// reduced elements of a chunk are contiguous (a run), or neighbouring outputs are (columns side by side), or neither (packed into a run).
#include <fmt/format.h>

#include <algorithm>

#include "autograd/backend/call_names.h"
#include "autograd/backend/reduction_tree.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/memory.h"
#include "cpu/reduce_lanes.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

constexpr int64_t grain = 1 << 14;       // elements in one piece of work
constexpr int64_t lane_bytes = 1 << 14;  // what the lanes of a block of columns may take of L1
constexpr double element_ns = 0.15;

/// A reduction in as few dimensions as its strides allow: operand 0 is the input, operand 1 the output.
struct Plan {
  Loop<2> kept;
  Loop<1> reduced;
  int64_t outputs, elements;  // elements: reduced into each output
};

Plan plan_of(const View& out, const View& in, const Axes& axes) {
  Shape kept = in.shape, reduced = in.shape;
  for (int d = 0; d < in.shape.rank; ++d) {
    const bool reduce_it = std::find(axes.begin(), axes.end(), d) != axes.end();
    (reduce_it ? kept : reduced).at[d] = 1;
  }
  return {free_loop<2>(kept, {&in.strides, &out.strides}), ordered_loop<1>(reduced, {&in.strides}), numel(kept), numel(reduced)};
}

template <class C>
struct Tag {
  using type = C;
};

template <class F>
void with_combine(Reduction kind, F&& f) {
  switch (kind) {
    case Reduction::sum:
      return f(Tag<Sum>{});
    case Reduction::prod:
      return f(Tag<Prod>{});
    case Reduction::max:
      return f(Tag<Max>{});
    default:
      return f(Tag<Min>{});
  }
}

/// Where chunk results go: straight to the output where there is one chunk, else to a table [chunk][output].
template <class T>
class Results {
 public:
  Results(const Plan& plan, T* out)
      : chunks_((plan.elements + tree_chunk - 1) / tree_chunk), plan_(plan), out_(out), table_(chunks_ > 1 ? chunks_ * plan.outputs : 0) {}

  int64_t chunks() const { return chunks_; }
  /// Where result `output` of `chunk` is written, `offset` being where that output lies.
  T* at(int64_t chunk, int64_t output, int64_t offset) {
    return chunks_ == 1 ? out_ + offset : table_.data() + chunk * plan_.outputs + output;
  }
  /// The distance between neighbouring outputs, where the output's own is `step`.
  int64_t step(int64_t own) const { return chunks_ == 1 ? own : 1; }

  void combine(Reduction kind) {
    if (chunks_ == 1) return;
    with_combine(kind, [&]<class C>(Tag<C>) {
      parallel_ranges(plan_.outputs, grain, static_cast<double>(chunks_), [&](int64_t begin, int64_t end) {
        Cursor<2> cursor(plan_.kept, plan_.kept.rank, begin);
        for (int64_t i = begin; i < end; ++i, cursor.next()) {
          const auto load = [&](int64_t c) { return Wide<T>(table_[c * plan_.outputs + i]); };
          out_[cursor.offset[1]] = static_cast<T>(tree_of_chunk<C, Wide<T>>(0, chunks_, load));
        }
      });
    });
  }

 private:
  int64_t chunks_;
  const Plan& plan_;
  T* out_;
  Scratch<T> table_;
};

/// n elements of the reduced dimensions from element k on, as one run: where they lie, if they do, else copied to `buffer`.
template <class T>
const T* run_of(const Loop<1>& reduced, const T* x, int64_t k, int64_t n, T* buffer) {
  const int last = reduced.rank - 1;
  const int64_t length = reduced.extent[last], step = reduced.stride[0][last];
  Cursor<1> cursor(reduced, last, k / length);
  int64_t skip = k % length;
  if (step == 1 && skip + n <= length) return x + cursor.offset[0] + skip;
  for (int64_t done = 0; done < n; skip = 0, cursor.next()) {
    const int64_t m = std::min(length - skip, n - done);
    const T* from = x + cursor.offset[0] + skip * step;
    for (int64_t i = 0; i < m; ++i) buffer[done + i] = from[i * step];
    done += m;
  }
  return buffer;
}

template <class T>
void reduce_runs(const Plan& plan, const ReduceLanes<T>& lanes, const T* in, Results<T>& results) {
  const int64_t chunks = results.chunks(), size = std::min(plan.elements, tree_chunk);
  parallel_ranges(
      plan.outputs * chunks, std::max<int64_t>(1, grain / size), element_ns * static_cast<double>(size), [&](int64_t begin, int64_t end) {
        T buffer[tree_chunk];
        Cursor<2> cursor(plan.kept, plan.kept.rank, begin / chunks);
        int64_t output = begin / chunks, chunk = begin % chunks;
        for (int64_t unit = begin; unit < end; ++unit) {
          const int64_t k = chunk * tree_chunk, n = std::min(tree_chunk, plan.elements - k);
          *results.at(chunk, output, cursor.offset[1]) = lanes.run(run_of(plan.reduced, in + cursor.offset[0], k, n, buffer), n);
          if (++chunk == chunks) chunk = 0, ++output, cursor.next();
        }
      });
}

/// Whether the outputs are many and have few elements each, and neither columns nor long runs make the loop.
bool has_short_rows(const Plan& plan) {
  if (plan.reduced.rank != 1 || plan.kept.rank == 0) return false;
  if (plan.reduced.inner(0) == 1) return plan.elements <= tree_lanes;
  const int64_t* longest = std::max_element(plan.kept.extent, plan.kept.extent + plan.kept.rank);
  return plan.elements <= tree_lanes / 2 && *longest >= 16 && (plan.kept.inner(0) != 1 || plan.kept.extent[plan.kept.rank - 1] < 16);
}

/// The kept dimension along which blocks [elements, within] follow each other; -1 where input or output have none, or too few.
int block_dimension(const Plan& plan) {
  if (plan.reduced.rank != 1 || plan.elements > 8) return -1;
  const Loop<2>& k = plan.kept;
  const int64_t within = plan.reduced.inner(0), size = plan.elements * within;
  const int d = k.rank - (within == 1 ? 1 : 2);
  if (d < 0 || within < 1 || within > 64 || k.stride[0][d] != size || k.stride[1][d] != within || (d > 0 && k.extent[d] < 16)) return -1;
  if (within > 1 && (k.extent[d + 1] != within || k.stride[0][d + 1] != 1 || k.stride[1][d + 1] != 1)) return -1;
  return d;
}

template <class T>
void reduce_blocks(const Plan& plan, int d, const ReduceLanes<T>& lanes, const T* in, T* out) {
  const int64_t n = plan.elements, within = plan.reduced.inner(0), size = n * within, count = plan.kept.extent[d];
  const int64_t piece = std::clamp<int64_t>(grain / size, 1, count), pieces = (count + piece - 1) / piece;
  const int64_t units = plan.kept.count(d) * pieces, elements = std::min(count, piece) * size;
  parallel_ranges(units, std::max<int64_t>(1, grain / elements), element_ns * static_cast<double>(elements),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t unit = begin; unit < end; ++unit) {
                      const Cursor<2> cursor(plan.kept, d, unit / pieces);
                      const int64_t first = unit % pieces * piece;
                      lanes.blocks(in + cursor.offset[0] + first * size, n, within, std::min(piece, count - first),
                                   out + cursor.offset[1] + first * within);
                    }
                  });
}

/// Whether few elements of two axes that do not join are reduced into many outputs, and halving their lanes halves the first axis, then the
/// second: the extent of the second is a power of two.
bool is_small_grid(const Plan& plan, const View& in, const Axes& axes) {
  if (plan.reduced.rank != 2 || axes.rank != 2 || axes[0] > axes[1] || plan.elements > tree_lanes || plan.outputs < 256) return false;
  const int64_t second = in.shape[static_cast<int>(axes[1])];
  return (second & (second - 1)) == 0;
}

/// Many rows of few elements, taken along the longest kept dimension.
template <class T>
void reduce_short_rows(const Plan& plan, const ReduceLanes<T>& lanes, const T* in, T* out) {
  Loop<2> kept = plan.kept;
  const int last = kept.rank - 1;
  const auto longest = std::max_element(kept.extent, kept.extent + kept.rank) - kept.extent;
  std::swap(kept.extent[longest], kept.extent[last]);
  for (int64_t(&stride)[max_rank] : kept.stride) std::swap(stride[longest], stride[last]);
  const int64_t size = plan.elements, within = plan.reduced.inner(0), step = kept.inner(0), out_step = kept.inner(1);
  parallel_ranges(plan.outputs, std::max<int64_t>(1, grain / size), 0.5 * static_cast<double>(size), [&](int64_t begin, int64_t end) {
    for_runs(kept, begin, end,
             [&](const int64_t* offset, int64_t n) { lanes.rows(in + offset[0], size, within, step, n, out + offset[1], out_step); });
  });
}

template <class T>
void reduce_columns(const Plan& plan, const ReduceLanes<T>& lanes, const T* in, Results<T>& results) {
  const int last = plan.kept.rank - 1;
  const int64_t extent = plan.kept.extent[last], out_step = plan.kept.inner(1), step = plan.reduced.inner(0);
  constexpr int64_t most = lane_bytes / tree_lanes / static_cast<int64_t>(sizeof(T));
  const int64_t width = std::min(extent, most), blocks = (extent + width - 1) / width, chunks = results.chunks();
  const int64_t size = std::min(plan.elements, tree_chunk) * width, outer = plan.outputs / extent;
  const bool regular = plan.reduced.rank == 1;
  parallel_ranges(outer * blocks * chunks, std::max<int64_t>(1, grain / size), element_ns * static_cast<double>(size),
                  [&](int64_t begin, int64_t end) {
                    alignas(64) T scratch[lane_bytes / sizeof(T)], values[most];
                    int64_t offsets[tree_chunk];
                    int64_t at = begin / (blocks * chunks), block = begin / chunks % blocks, chunk = begin % chunks;
                    Cursor<2> cursor(plan.kept, last, at);
                    for (int64_t unit = begin; unit < end; ++unit) {
                      const int64_t k = chunk * tree_chunk, n = std::min(tree_chunk, plan.elements - k);
                      const int64_t column = block * width, w = std::min(width, extent - column);
                      const T* x = in + cursor.offset[0] + column;
                      if (regular) {
                        x += k * step;
                      } else {
                        Cursor<1> rows(plan.reduced, plan.reduced.rank, k);
                        for (int64_t i = 0; i < n; ++i, rows.next()) offsets[i] = rows.offset[0];
                      }
                      T* to = results.at(chunk, at * extent + column, cursor.offset[1] + column * out_step);
                      const int64_t to_step = results.step(out_step);
                      lanes.columns(x, n, step, regular ? nullptr : offsets, w, scratch, to_step == 1 ? to : values);
                      if (to_step != 1)
                        for (int64_t j = 0; j < w; ++j) to[j * to_step] = values[j];
                      if (++chunk < chunks) continue;
                      chunk = 0;
                      if (++block < blocks) continue;
                      block = 0, ++at, cursor.next();
                    }
                  });
}

/// kind is sum, prod, max or min; there are at least two elements to reduce and one output.
template <class T>
void reduce_values(Reduction kind, const Plan& plan, T* out, const T* in) {
  const ReduceLanes<T> lanes = reduce_lanes<T>(kind);
  const bool along = plan.reduced.inner(0) == 1, many = plan.kept.rank > 0;
  if (const int d = block_dimension(plan); d >= 0) return reduce_blocks(plan, d, lanes, in, out);
  if (has_short_rows(plan)) return reduce_short_rows(plan, lanes, in, out);
  Results<T> results(plan, out);
  if (!along && many && plan.kept.inner(0) == 1) {
    reduce_columns(plan, lanes, in, results);
  } else {
    reduce_runs(plan, lanes, in, results);
  }
  results.combine(kind);
}

/// The first position of the largest (smallest) element: the values are reduced first, then looked for.
template <class T>
void reduce_positions(Reduction kind, const Plan& plan, int64_t* out, const T* in) {
  Scratch<T> values(plan.outputs);
  Plan value_plan = plan;
  int64_t step = 1;
  for (int d = plan.kept.rank - 1; d >= 0; --d) {
    value_plan.kept.stride[1][d] = step;
    step *= plan.kept.extent[d];
  }
  reduce_values(kind == Reduction::argmax ? Reduction::max : Reduction::min, value_plan, values.data(), in);
  const int64_t stride = plan.reduced.inner(0);
  parallel_ranges(plan.outputs, std::max<int64_t>(1, grain / plan.elements), 0.5 * static_cast<double>(plan.elements),
                  [&](int64_t begin, int64_t end) {
                    Cursor<2> cursor(plan.kept, plan.kept.rank, begin);
                    for (int64_t i = begin; i < end; ++i, cursor.next()) {
                      const T* x = in + cursor.offset[0];
                      const T value = values[i];
                      int64_t k = 0;
                      while (value == value ? x[k * stride] != value : x[k * stride] == x[k * stride]) ++k;
                      out[cursor.offset[1]] = k;
                    }
                  });
}

}  // namespace

void run(Where at, const calls::Reduce& c) {
  const View &out = c.out, &in = c.in;
  const Axes& axes = c.axes;
  const Reduction kind = c.kind;
  const Plan plan = plan_of(out, in, axes);
  if (plan.outputs == 0) return;
  const char* name = name_of(kind);
  if (in.dtype == DType::boolean && kind == Reduction::sum) throw Error({}, "sum: bool elements; cast them first");
  if (plan.elements == 0) {
    if (kind == Reduction::sum) return run(at, calls::Fill{out, {0, 0}});
    if (kind == Reduction::prod) return run(at, calls::Fill{out, {1, 1}});
    throw Error({}, fmt::format("{}: no elements along axes {} of shape {}", name, to_string(axes), to_string(in.shape)));
  }
  const bool position = kind == Reduction::argmax || kind == Reduction::argmin;
  if (plan.reduced.rank == 0) return position ? run(at, calls::Fill{out, {0, 0}}) : run(at, calls::Copy{out, in});
  if (!position && is_small_grid(plan, in, axes)) {
    Shape half = in.shape;
    half[static_cast<int>(axes[0])] = 1;
    Scratch<char> room(numel(half) * static_cast<int64_t>(size_of(in.dtype)));
    const View between{room.data(), in.dtype, half, contiguous_strides(half)};
    run(at, calls::Reduce{kind, between, in, {axes[0]}});
    return run(at, calls::Reduce{kind, out, between, {axes[1]}});
  }
  dispatch(in.dtype, [&]<class Element>(Element) {
    using T = std::conditional_t<std::is_same_v<Element, bool>, uint8_t, Element>;
    const T* x = static_cast<const T*>(in.data);
    if (position) {
      reduce_positions(kind, plan, static_cast<int64_t*>(out.data), x);
    } else {
      reduce_values(kind, plan, static_cast<T*>(out.data), x);
    }
  });
}

}  // namespace scoregrad::on_cpu
