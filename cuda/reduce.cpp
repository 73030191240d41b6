// Reductions as generated kernels: of a view, and of what an elementwise program makes of its operands, in the order of
// autograd/backend/reduction_tree.h. cuda/reduce_kernel.h says how threads share the tree; here the loop is cut and a way chosen.
//
// A sum over a float32 chain of one operand reads 4 bytes an element and writes nothing to speak of: 64 M elements are 268 MB, half of what
// a copy of them moves, and the 16384 results of chunks that a second kernel reads are 64 kB.
#include <fmt/format.h>

#include <algorithm>

#include "autograd/backend/call_names.h"
#include "autograd/backend/reduction_tree.h"
#include "cuda/generated.h"
#include "cuda/kernels.h"
#include "cuda/memory.h"
#include "cuda/nest.h"
#include "cuda/reduce_work.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int most_threads = 256, least_threads = 64;  // of a block

bool is_position(Reduction kind) { return kind == Reduction::argmax || kind == Reduction::argmin; }

/// The loops over outputs (operands: the output, then the inputs) and over what is reduced into each (the inputs).
struct Plan {
  Nest kept, reduced;
};
Plan plan_of(const Shape& shape, const Program& p, const Access* inputs, const View& out, const Axes& axes) {
  Shape kept = shape, reduced = shape;
  for (int d = 0; d < shape.rank; ++d) {
    const bool reduce_it = std::find(axes.begin(), axes.end(), d) != axes.end();
    (reduce_it ? kept : reduced)[d] = 1;
  }
  std::vector<const Strides*> strides{&out.strides};
  for (int i = 0; i < p.inputs; ++i) strides.push_back(&inputs[i].strides);
  return {nest_of(kept, strides.data(), p.inputs + 1, p.inputs > 0 ? 1 : 0), nest_of(reduced, strides.data() + 1, p.inputs, -1)};
}

int64_t inner(const Nest& nest, int operand) { return nest.rank > 0 ? nest.at(operand, nest.rank - 1) : 0; }

/// Packs where the reduced elements lie together or are repeated, and are long enough to give every thread of a team some.
Reach reach_of(const Program& p, const Access* inputs, DType result, const Plan& plan) {
  const int64_t most = int64_t{1} << 31;
  Reach reach{16 / static_cast<int>(size_of(result)), false, plan.kept.count() >= most || plan.reduced.count() >= most, {}, {}};
  bool fits = is_floating(result) && plan.reduced.rank == 1 && plan.reduced.count() >= tree_lanes && p.length <= 100;
  for (int i = 0; i < p.inputs && fits; ++i) {
    const int64_t step = inner(plan.reduced, i);
    fits = step == 0 || step == 1;
    if (step == 1) {
      fits = reinterpret_cast<uintptr_t>(inputs[i].data) % (static_cast<size_t>(reach.width) * size_of(inputs[i].dtype)) == 0;
      for (int d = 0; d < plan.kept.rank; ++d) fits = fits && plan.kept.at(i + 1, d) % reach.width == 0;
    }
    reach.modes.push_back(step == 1 ? 'v' : 's');
  }
  if (!fits) return {1, false, reach.wide, std::string(static_cast<size_t>(p.inputs), 'v')};
  reach.flat = true;
  return reach;
}

int32_t power_of_two_below(int64_t n, int32_t most) {
  int32_t p = 1;
  while (p < most && 2 * p <= n) p *= 2;
  return p;
}

/// Fewer threads than this leave multiprocessors without work, or without enough of it to wait for memory by.
int64_t wanted_threads() { return int64_t{1024} * device().processors; }

/// Teams of threads side by side over outputs where these, and not the reduced elements, are neighbours in memory. Small teams join more
/// lanes without talking; where there is little to do they are larger, up to a thread a lane.
void choose_team(Work& work, bool across) {
  work.across = across;
  const int64_t units = work.outputs * work.chunks;
  int32_t most = across && work.outputs >= 16 ? 8 : 32;
  while (most < tree_lanes && units * most < wanted_threads()) most *= 2;
  work.team = power_of_two_below(work.elements / (across ? 4 : 2), most);
}

/// Blocks are smaller where there would be fewer than multiprocessors, unless they read neighbours side by side.
void launch(Parameter& parameter, const char* op, CUfunction kernel, const Work& work, int team) {
  const int64_t units = work.outputs * work.chunks;
  const auto blocks = [&](int threads) { return (units * team + threads - 1) / threads; };
  int threads = most_threads;
  while (!work.across && threads > std::max(least_threads, team) && blocks(threads) < device().processors) threads /= 2;
  parameter.launch(op, kernel, blocks(threads), static_cast<unsigned>(threads));
}

Target target_of(const View& out, void* table, const Nest& kept) {
  Target target{out.data, table, kept.extents(), {}};
  for (int d = 0; d < kept.rank; ++d) target.stride[0][d] = kept.at(0, d);
  return target;
}

void add_strides(Parameter& parameter, const Nest& nest, int first, int inputs) {
  for (int i = 0; i < std::max(1, inputs); ++i)
    for (int d = 0; d < most_dims; ++d) parameter.add(i < inputs && d < nest.rank ? nest.at(first + i, d) : int64_t{0});
}

void combine_table(Reduction kind, DType dtype, const Work& first, Target target) {
  Work work{first.outputs, first.chunks, first.chunks, 1, static_cast<int32_t>(tree_lanes), first.outputs > 1};
  while (work.team > 8 && work.outputs * work.team > wanted_threads()) work.team /= 2;
  const std::string key{'t', static_cast<char>(kind), static_cast<char>(dtype)};
  const CUfunction kernel = generated_kernel(name_of(kind), key, "combine", [&] { return table_text("combine", kind, dtype); });
  Parameter parameter;
  parameter.add(work);
  parameter.add(target);
  parameter.add(target.table);
  launch(parameter, name_of(kind), kernel, work, work.team);
}

}  // namespace

void run(Where at, const calls::ReduceProgram& c) {
  const Reduction kind = c.kind;
  const View& out = c.out;
  const Program& p = c.program;
  const Shape& shape = c.shape;
  const Access* inputs = c.in.list;
  const Axes& axes = c.axes;
  const char* name = name_of(kind);
  const int64_t outputs = numel(out.shape), elements = outputs == 0 ? 0 : numel(shape) / outputs;
  if (outputs == 0) return;
  const Call call{p, inputs, nullptr};
  const DType dtype = register_type(call, p.results[0]);
  if (dtype == boolean && kind == Reduction::sum) throw Error({}, "sum: bool elements; cast them first");
  if (elements == 0) {
    if (kind == Reduction::sum) return run(at, calls::Fill{out, {0, 0}});
    if (kind == Reduction::prod) return run(at, calls::Fill{out, {1, 1}});
    throw Error({}, fmt::format("{}: no elements along axes {} of shape {}", name, to_string(axes), to_string(shape)));
  }
  const Plan plan = plan_of(shape, p, inputs, out, axes);
  const Reach reach = reach_of(p, inputs, is_position(kind) ? int64 : dtype, plan);

  Work work{outputs, elements, tree_chunk, (elements + tree_chunk - 1) / tree_chunk, 0, 0};
  int together = 0;  // inputs whose reduced elements are neighbours, less those whose outputs are
  for (int i = 0; i < p.inputs; ++i) together += (inner(plan.reduced, i) == 1) - (inner(plan.kept, i + 1) == 1);
  choose_team(work, together < 0);
  const int team = reach.width > 1 ? static_cast<int>(tree_lanes) / reach.width : work.team;

  std::string key{'r', static_cast<char>(kind)};
  describe(key, call, 1, reach);
  const CUfunction kernel = generated_kernel(name, key, "reduce", [&] { return reduction_text("reduce", kind, call, reach); });

  const int64_t element_size = is_position(kind) ? 16 : static_cast<int64_t>(size_of(dtype));
  Scratch<char> table(work.chunks > 1 ? work.chunks * outputs * element_size : 0);
  const Target target = target_of(out, table.data(), plan.kept);
  Parameter parameter;
  parameter.add(work);
  parameter.add(target);
  parameter.add(plan.kept.extents());
  parameter.add(plan.reduced.extents());
  parameter.add_numbers(p);
  for (int i = 0; i < std::max(1, p.inputs); ++i) parameter.add(i < p.inputs ? inputs[i].data : nullptr);
  add_strides(parameter, plan.kept, 1, p.inputs);
  add_strides(parameter, plan.reduced, 0, p.inputs);
  launch(parameter, name, kernel, work, team);
  if (work.chunks > 1) combine_table(kind, dtype, work, target);
}

void run(Where at, const calls::Reduce& c) {
  const uint16_t result = 0;
  const Access input{c.in.data, c.in.dtype, c.in.strides};
  run(at, calls::ReduceProgram{c.kind, c.out, {c.in.dtype, 1, 0, nullptr, 0, nullptr, 1, &result}, c.in.shape, &input, c.axes});
}

}  // namespace scoregrad::on_cuda
