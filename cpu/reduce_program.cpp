// Reductions of elementwise programs. The program's values live in tiles that stay in the caches; what is done with a tile is done by the
// kernels of elementwise and reduce, so the bits are those of storing the values first.
#include <algorithm>
#include <vector>

#include "autograd/backend/machine.h"
#include "autograd/backend/reduction_tree.h"
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
  run({}, calls::Elementwise{j.program, j.shape, j.inputs, &to});
  run({}, calls::Reduce{j.kind, j.out, in, j.axes});
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

/// The shape as what is kept and what is reduced, each in as few dimensions as its operands' strides allow.
struct Split {
  Shape kept, reduced;
  std::vector<Strides> in_kept, in_reduced;  // by input
  Strides out;                               // along the kept ones

  explicit Split(const Job& j) : in_kept(static_cast<size_t>(j.program.inputs)), in_reduced(static_cast<size_t>(j.program.inputs)) {
    for (int d = 0; d < j.shape.rank; ++d) {
      if (j.shape[d] == 1) continue;
      const bool reduced_here = j.reduces(d);
      Shape& extents = reduced_here ? reduced : kept;
      std::vector<Strides>& strides = reduced_here ? in_reduced : in_kept;
      bool joins = extents.rank > 0 && (reduced_here || out.back(0) == j.out.strides[d] * j.shape[d]);
      for (size_t k = 0; k < strides.size(); ++k) joins = joins && strides[k].back(0) == j.inputs[k].strides[d] * j.shape[d];
      const auto put = [&](Dims& dims, int64_t value) { joins ? void(dims[dims.rank - 1] = value) : dims.push_back(value); };
      put(extents, joins ? extents.back(0) * j.shape[d] : j.shape[d]);
      for (size_t k = 0; k < strides.size(); ++k) put(strides[k], j.inputs[k].strides[d]);
      if (!reduced_here) put(out, j.out.strides[d]);
    }
  }
};

int64_t offset_of(int64_t flat, const Shape& extents, const Strides& strides) {
  int64_t offset = 0;
  for (int d = extents.rank - 1; d >= 0; flat /= extents[d], --d) offset += flat % extents[d] * strides[d];
  return offset;
}

/// Computes values of the program at a few outputs that lie side by side.
class Values {
 public:
  /// From output `first` on; `columns` of them along the last kept dimension.
  Values(const Job& j, const Split& s, int64_t first, int64_t columns)
      : j_(j), s_(s), columns_(columns), base_(j.inputs, j.inputs + j.program.inputs) {
    for (size_t k = 0; k < base_.size(); ++k) {
      base_[k].data = moved(base_[k].data, base_[k].dtype, offset_of(first, s.kept, s.in_kept[k]));
      base_[k].strides = {0, 0, columns == 1 ? 0 : s.in_kept[k].back(0)};
    }
    at_ = base_;
  }
  /// The elements [begin, begin + n) in the order of the reduction, [n, columns].
  void compute(int64_t begin, int64_t n, void* to) {
    const Shape& r = s_.reduced;
    const int64_t row = r.back(0), rows = r.rank > 1 ? r.back(1) : 1;
    while (n > 0) {
      int64_t height = 1, length = std::min(row - begin % row, n);
      if (length == row) height = std::min(n / row, rows - begin / row % rows);
      for (size_t k = 0; k < at_.size(); ++k) {
        at_[k].data = moved(base_[k].data, base_[k].dtype, offset_of(begin, r, s_.in_reduced[k]));
        at_[k].strides[0] = r.rank > 1 ? s_.in_reduced[k].back(1) : 0;
        at_[k].strides[1] = s_.in_reduced[k].back(0);
      }
      const Access out{to, j_.program.dtype, {length * columns_, columns_, 1}};
      const Shape tile{height, length, columns_};
      run({}, calls::Elementwise{j_.program, tile, at_.data(), &out});
      const int64_t done = height * length;
      to = moved(to, j_.program.dtype, done * columns_);
      begin += done, n -= done;
    }
  }

 private:
  const Job& j_;
  const Split& s_;
  int64_t columns_;
  std::vector<Access> base_, at_;
};

/// The results of chunks, [chunk][output], and their way to the outputs.
template <class T>
struct Chunks {
  int64_t outputs, elements, count;
  Scratch<T> table;

  explicit Chunks(const Split& s)
      : outputs(numel(s.kept)), elements(numel(s.reduced)), count((elements + tree_chunk - 1) / tree_chunk), table(count * outputs) {}

  void combine(Reduction kind, const Split& s, T* out) {
    const auto each = [&](auto&& of) {
      for (int64_t i = 0; i < outputs; ++i) out[offset_of(i, s.kept, s.out)] = of(i);
    };
    const auto finish = [&]<class C>(C) {
      if (count == 1) return each([&](int64_t i) { return table[i]; });
      each([&](int64_t i) {
        return static_cast<T>(tree_of_chunk<C, Wide<T>>(0, count, [&](int64_t c) { return Wide<T>(table[c * outputs + i]); }));
      });
    };
    switch (kind) {
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
};

// Output by output, chunk by chunk: what is reduced lies innermost, or is everything.
template <class T>
void reduce_runs(const Job& j) {
  const Split s(j);
  Chunks<T> chunks(s);
  const ReduceLanes<T> lanes = reduce_lanes<T>(j.kind);
  const int64_t units = chunks.outputs * chunks.count, grain = std::max<int64_t>(1, tile_elements / std::min(tree_chunk, chunks.elements));
  Failure failure;
  parallel_ranges(units, grain, j.ns() / static_cast<double>(units), [&](int64_t begin, int64_t end) {
    failure.guard([&] {
      alignas(64) T values[tree_chunk];
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t output = unit / chunks.count, chunk = unit % chunks.count, first = chunk * tree_chunk;
        const int64_t n = std::min(tree_chunk, chunks.elements - first);
        Values(j, s, output, 1).compute(first, n, values);
        chunks.table[chunk * chunks.outputs + output] = lanes.run(values, n);
      }
    });
  });
  failure.rethrow();
  chunks.combine(j.kind, s, static_cast<T*>(j.out.data));
}

// Many outputs side by side: 64 rows of values are the lanes of as many columns, and the next 64 are combined with them.
template <class T>
void reduce_columns(const Job& j) {
  constexpr int64_t widest = 512, tile = 4096;
  const Split s(j);
  Chunks<T> chunks(s);
  const ReduceLanes<T> lanes = reduce_lanes<T>(j.kind);
  const int64_t extent = s.kept.back(0), outer = chunks.outputs / extent;
  // A team wants pieces of work; what is cut makes no difference to the bits.
  const int64_t width = std::min({extent, widest, std::max<int64_t>(64, threads() > 1 ? outer * chunks.count * extent / 8 : extent)});
  const int64_t blocks = (extent + width - 1) / width, units = outer * blocks * chunks.count;
  int64_t rows = tree_lanes;  // computed at a time
  while (rows * width > tile && rows > 1) rows /= 2;
  if (rows == tree_lanes) rows = tile / width / tree_lanes * tree_lanes;
  Failure failure;
  parallel_for(units, j.ns(), [&](int64_t unit) {
    failure.guard([&] {
      const int64_t chunk = unit % chunks.count, column = unit / chunks.count % blocks * width, at = unit / chunks.count / blocks;
      const int64_t w = std::min(width, extent - column), n = std::min(tree_chunk, chunks.elements - chunk * tree_chunk);
      Scratch<T> sums(tree_lanes * w), values(std::max(rows, tree_lanes) * w);
      Values source(j, s, at * extent + column, w);
      for (int64_t row = 0; row < n; row += rows) {
        const int64_t m = std::min(rows, n - row);
        source.compute(chunk * tree_chunk + row, m, values.data());
        for (int64_t done = 0; done < m; done += tree_lanes) {
          const int64_t lane = (row + done) % tree_lanes, count = std::min(tree_lanes, m - done) * w;
          if (row + done < tree_lanes)
            std::copy_n(values.data() + done * w, count, sums.data() + lane * w);
          else
            lanes.combine(sums.data() + lane * w, values.data() + done * w, count);
        }
      }
      lanes.columns(sums.data(), std::min(tree_lanes, n), w, nullptr, w, values.data(),
                    chunks.table.data() + chunk * chunks.outputs + at * extent + column);
    });
  });
  failure.rethrow();
  chunks.combine(j.kind, s, static_cast<T*>(j.out.data));
}

}  // namespace

void run(Where, const calls::ReduceProgram& c) {
  const Shape& shape = c.shape;
  const Job job{c.kind, c.program, shape, c.in.list, c.out, c.axes};
  const int64_t n = numel(shape);
  if (n <= tile_elements) return store_and_reduce(job);
  int last = shape.rank - 1;
  while (shape[last] == 1) --last;
  const int64_t reduced = job.reduced();
  if (is_floating(job.values()) && c.kind <= Reduction::min) {
    const bool columns = !job.reduces(last);
    if (columns && reduced > tree_lanes) return dispatch_floating(c.program.dtype, [&](auto zero) { reduce_columns<decltype(zero)>(job); });
    if (!columns && (reduced > tree_chunk || reduced == n))
      return dispatch_floating(c.program.dtype, [&](auto zero) { reduce_runs<decltype(zero)>(job); });
  }
  int longest = -1;  // the kept dimension that is cut; outer ones keep rows whole
  for (int d = 0; d < shape.rank; ++d)
    if (!job.reduces(d) && (longest < 0 || shape[d] > shape[longest])) longest = d;
  if (longest >= 0 && reduced <= tree_chunk) return reduce_tiles(job, longest);
  store_and_reduce(job);
}

}  // namespace scoregrad::on_cpu
