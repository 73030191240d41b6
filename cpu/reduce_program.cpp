// Reductions of elementwise programs. The program's values live in tiles that stay in the caches; what is done with a tile is done by the
// kernels of elementwise and reduce, so the bits are those of storing the values first.
#include <algorithm>
#include <vector>

#include "autograd/backend/reduction_tree.h"
#include "cpu/elementwise.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "cpu/reduce_lanes.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {
namespace {

constexpr int64_t tile_elements = 1 << 14;

struct Job {
  Reduction kind;
  const Program& program;
  const Shape& shape;
  const Access* inputs;
  const View& out;
  const Axes& axes;

  bool reduces(int d) const { return std::find(axes.begin(), axes.end(), d) != axes.end(); }
  int64_t reduced() const {
    int64_t n = 1;
    for (int d = 0; d < shape.rank; ++d) n *= reduces(d) ? shape[d] : 1;
    return n;
  }
  // What the program's one result is: an operand as it is, a truth value, or a number of the program's type.
  DType values() const {
    const int r = program.results[0], k = r - program.inputs - program.immediate_count;
    if (r < program.inputs) return inputs[r].dtype;
    return k >= 0 && row(program.code[k].op).form == Form::compare ? DType::boolean : program.dtype;
  }
  double ns() const { return static_cast<double>(numel(shape)) * (0.2 + 0.3 * program.length); }
};

void* moved(void* data, DType dtype, int64_t elements) {
  return static_cast<char*>(data) + elements * static_cast<int64_t>(size_of(dtype));
}

// All values at once, in memory of their own.
void store_and_reduce(const Job& j) {
  const DType type = j.values();
  Scratch<char> values(numel(j.shape) * static_cast<int64_t>(size_of(type)));
  const View in{values.data(), type, j.shape, contiguous_strides(j.shape)};
  const Access to{in.data, in.dtype, in.strides};
  elementwise(j.program, j.shape, j.inputs, &to);
  reduce(j.kind, j.out, in, j.axes);
}

// The kept dimension d is cut into parts; each is a smaller reduction.
void reduce_tiles(const Job& j, int d) {
  const int64_t slab = numel(j.shape) / j.shape[d], part = std::max<int64_t>(1, tile_elements / slab);
  const int64_t tiles = (j.shape[d] + part - 1) / part;
  Failure failure;
  parallel_for(tiles, j.ns(), [&](int64_t t) {
    failure.guard([&] {
      const int64_t first = t * part;
      Shape shape = j.shape;
      shape[d] = std::min(part, j.shape[d] - first);
      std::vector<Access> inputs(j.inputs, j.inputs + j.program.inputs);
      for (Access& a : inputs) a.data = moved(a.data, a.dtype, first * a.strides[d]);
      View out = j.out;
      out.shape[d] = shape[d];
      out.data = moved(out.data, out.dtype, first * out.strides[d]);
      store_and_reduce({j.kind, j.program, shape, inputs.data(), out, j.axes});
    });
  });
  failure.rethrow();
}

// Everything is reduced and every input runs straight on or repeats one element: chunk by chunk, the results in a table.
template <class T>
void reduce_line(const Job& j, int64_t n) {
  const ReduceLanes<T> lanes = reduce_lanes<T>(j.kind);
  const int64_t chunks = (n + tree_chunk - 1) / tree_chunk, grain = tile_elements / tree_chunk;
  Scratch<T> table(chunks);
  Failure failure;
  parallel_ranges(chunks, grain, j.ns() / static_cast<double>(chunks), [&](int64_t begin, int64_t end) {
    failure.guard([&] {
      alignas(64) T values[tree_chunk];
      std::vector<Access> inputs(j.inputs, j.inputs + j.program.inputs);
      for (int64_t c = begin; c < end; ++c) {
        const int64_t first = c * tree_chunk, count = std::min(tree_chunk, n - first);
        for (int k = 0; k < j.program.inputs; ++k) {
          const bool repeats = std::all_of(j.inputs[k].strides.begin(), j.inputs[k].strides.end(), [](int64_t s) { return s == 0; });
          inputs[static_cast<size_t>(k)].strides = {repeats ? 0 : 1};
          if (!repeats) inputs[static_cast<size_t>(k)].data = moved(j.inputs[k].data, j.inputs[k].dtype, first);
        }
        const Access to{values, j.program.dtype, {1}};
        elementwise(j.program, {count}, inputs.data(), &to);
        table[c] = lanes.run(values, count);
      }
    });
  });
  failure.rethrow();
  const auto finish = [&]<class C>(C) {
    const auto load = [&](int64_t c) { return Wide<T>(table[c]); };
    *static_cast<T*>(j.out.data) = chunks == 1 ? table[0] : static_cast<T>(tree_of_chunk<C, Wide<T>>(0, chunks, load));
  };
  switch (j.kind) {
    case Reduction::sum:
      return finish(Sum{});
    case Reduction::prod:
      return finish(Prod{});
    case Reduction::max:
      return finish(Max{});
    default:
      return finish(Min{});
  }
}

bool is_line(const Job& j) {
  for (int d = 0; d < j.shape.rank; ++d)
    if (!j.reduces(d) && j.shape[d] > 1) return false;
  for (int k = 0; k < j.program.inputs; ++k) {
    const Strides& s = j.inputs[k].strides;
    const bool repeats = std::all_of(s.begin(), s.end(), [](int64_t step) { return step == 0; });
    if (!repeats && !is_contiguous(j.shape, s)) return false;
  }
  return true;
}

}  // namespace

void reduce_program(Reduction kind, const View& out, const Program& program, const Shape& shape, const Access* inputs, const Axes& axes) {
  const Job job{kind, program, shape, inputs, out, axes};
  const int64_t n = numel(shape);
  if (n <= tile_elements) return store_and_reduce(job);
  if (is_floating(job.values()) && kind <= Reduction::min && is_line(job))
    return dispatch_floating(program.dtype, [&](auto zero) { reduce_line<decltype(zero)>(job, n); });
  int longest = -1;  // the kept dimension that is cut; outer ones keep rows whole
  for (int d = 0; d < shape.rank; ++d)
    if (!job.reduces(d) && (longest < 0 || shape[d] > shape[longest])) longest = d;
  if (longest >= 0 && job.reduced() <= tree_chunk) return reduce_tiles(job, longest);
  store_and_reduce(job);
}

}  // namespace scoregrad::on_cpu
