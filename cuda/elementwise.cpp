// Elementwise programs as generated kernels, one for a whole chain. Three ways through memory:
//   flat: every operand is contiguous or one element; a thread moves 16 bytes of each;
//   rows: operands are contiguous or repeated along the innermost dimension only; 16 bytes as well, offsets computed once for them;
//   any:  element by element.
// A float32 chain of one operand moves 8 bytes an element. In the time in which an H100 copies 8 bytes it starts some 90 instructions
// (132 processors of 128 lanes at 1.75 GHz against 2.7 TB/s); in PTX exp has 36, tanh 46 and sigmoid 50, besides the division. So a chain
// with up to two of these is bound by memory, one with four by arithmetic, at about half the bandwidth.
//
// A call's shape, strides and constants are arguments of the kernel, so a program is compiled at most once for each way and for the choice
// of operands that are repeated.
#include <algorithm>
#include <vector>

#include "cuda/generated.h"
#include "cuda/kernels.h"
#include "cuda/nest.h"

namespace scoregrad::on_cuda {
namespace {

constexpr unsigned threads = 256;
constexpr int longest_packed = 100;  // instructions; beyond, arithmetic takes longer than memory and the text would be four times as long

const Access& operand(const Program& p, const Access* inputs, const Access* outputs, int n) {
  return n < p.inputs ? inputs[n] : outputs[n - p.inputs];
}

Reach reach_of(const Program& p, const Access* inputs, const Access* outputs, const Nest& nest) {
  const int count = p.inputs + p.outputs, inner = nest.rank - 1;
  const bool wide = nest.count() >= int64_t{1} << 31;
  Reach reach;
  reach.width = p.length > longest_packed ? 1 : 16 / static_cast<int>(size_of(p.dtype));
  reach.flat = nest.rank <= 1;
  const bool whole = reach.flat || nest.extent[inner] % reach.width == 0;
  for (int n = 0; n < count; ++n) {
    const Access& a = operand(p, inputs, outputs, n);
    const int64_t step = nest.rank > 0 ? nest.at(n, inner) : 1;
    bool fits = whole && (step == 1 || (step == 0 && n < p.inputs));
    if (step == 1) {
      fits = fits && reinterpret_cast<uintptr_t>(a.data) % (static_cast<size_t>(reach.width) * size_of(a.dtype)) == 0;
      for (int d = 0; d < inner; ++d) fits = fits && nest.at(n, d) % reach.width == 0;
    }
    if (!fits) return {1, false, wide, std::string(static_cast<size_t>(count), 'v')};
    reach.modes.push_back(step == 1 ? 'v' : 's');
  }
  reach.wide = wide && !reach.flat;
  return reach;
}

/// For each operand the number of its strides among the different ones: they are walked once for all that share them.
std::vector<int> numbered_strides(const Nest& nest) {
  std::vector<int> numbers, first;  // first: the operand that brought each
  for (int n = 0; n < nest.operands(); ++n) {
    const auto same = [&](int m) {
      for (int d = 0; d < nest.rank; ++d)
        if (nest.at(n, d) != nest.at(m, d)) return false;
      return true;
    };
    const auto found = std::find_if(first.begin(), first.end(), same);
    numbers.push_back(static_cast<int>(found - first.begin()));
    if (found == first.end()) first.push_back(n);
  }
  return numbers;
}

}  // namespace

void run(Where, const calls::Elementwise& c) {
  const Program& program = c.program;
  const Shape& shape = c.shape;
  const Access *inputs = c.in.list, *outputs = c.out.list;
  const int64_t elements = numel(shape);
  if (elements == 0) return;
  const int count = program.inputs + program.outputs;
  std::vector<const Strides*> strides(static_cast<size_t>(count));
  for (int n = 0; n < count; ++n) strides[static_cast<size_t>(n)] = &operand(program, inputs, outputs, n).strides;
  const Nest nest = nest_of(shape, strides.data(), count, program.outputs > 0 ? program.inputs : 0);
  Reach reach = reach_of(program, inputs, outputs, nest);
  if (!reach.flat) reach.strides = numbered_strides(nest);
  const Call call{program, inputs, outputs};

  std::string key = "e";
  describe(key, call, program.outputs, reach);
  const CUfunction kernel =
      generated_kernel("elementwise", key, "elementwise", [&] { return elementwise_text("elementwise", call, reach); });

  Parameter parameter;
  const int64_t items = (elements + reach.width - 1) / reach.width;
  if (reach.flat)
    parameter.add(elements);
  else
    parameter.add(nest.extents(reach.width));
  parameter.add_numbers(program);
  for (int n = 0; n < count; ++n) parameter.add(operand(program, inputs, outputs, n).data);
  int lines = 0;
  for (int n = 0; n < count && !reach.flat; ++n)
    if (reach.strides[static_cast<size_t>(n)] == lines) {  // the first that has them
      ++lines;
      for (int d = 0; d < most_dims; ++d) {
        const bool packs = d == nest.rank - 1;
        parameter.add(d < nest.rank ? nest.at(n, d) * (packs ? reach.width : 1) : int64_t{0});
      }
    }
  parameter.launch("elementwise", kernel, (items + threads - 1) / threads, threads);
}

}  // namespace scoregrad::on_cuda
