#include "cuda/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace scoregrad::on_cuda {
namespace {

using Text = fmt::memory_buffer;

template <class... A>
void print(Text& text, fmt::format_string<A...> format, A&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<A>(arguments)...);
}

const char* type_name(DType t) { return t == float32 ? "float" : t == float64 ? "double" : t == int64 ? "Wrapping" : "bool"; }
// As the tree combines them: outside of programs integers need no wrapper.
const char* element_name(DType t) { return t == int64 ? "int64_t" : type_name(t); }

// Inputs that an instruction or an output reads; a partial's program names operands that it has no use for.
std::vector<bool> used_inputs(const Program& p) {
  std::vector<bool> used(static_cast<size_t>(p.inputs));
  const auto mark = [&](int r) {
    if (r < p.inputs) used[static_cast<size_t>(r)] = true;
  };
  for (int k = 0; k < p.length; ++k) {
    const Instr& i = p.code[k];
    const int n = arity(row(i.op).form);
    mark(i.a);
    if (n > 1) mark(i.b);
    if (n > 2) mark(i.c);
  }
  for (int o = 0; o < p.outputs; ++o) mark(p.results[o]);
  return used;
}

void print_argument_tail(Text& t, const Program& p, int operands) {
  print(t, "  Number number[{}];\n  void* data[{}];\n", std::max(1, p.immediate_count), std::max(1, operands));
}

// The program on `width` elements: a struct with a field y0, y1, ... for each result, and the function that fills it in.
void print_program(Text& t, const Call& call, const Reach& reach, int outputs) {
  const Program& p = call.program;
  const std::vector<bool> used = used_inputs(p);
  const auto width = [&](int operand) { return reach.modes[static_cast<size_t>(operand)] == 'v' ? "load" : "repeat"; };
  print(t, "template <int W>\nstruct Results {{\n");
  for (int o = 0; o < outputs; ++o) print(t, "  Pack<{}, W> y{};\n", type_name(register_type(call, p.results[o])), o);
  print(t, "}};\n\ntemplate <int W>\n__device__ Results<W> compute(const Arguments& p, const int64_t* at, int n) {{\n");
  for (int i = 0; i < p.inputs; ++i)
    if (used[static_cast<size_t>(i)])
      print(t, "  const Pack<{0}, W> x{1} = {2}<{0}, W>(p.data[{1}], at[{1}]{3});\n", type_name(register_type(call, i)), i, width(i),
            width(i) == std::string("load") ? ", n" : "");
  print(t, "  Results<W> y;\n#pragma unroll\n  for (int k = 0; k < W; ++k) {{\n");
  for (int i = 0; i < p.inputs; ++i)
    if (used[static_cast<size_t>(i)]) print(t, "    const {} r{} = x{}.at[k];\n", type_name(register_type(call, i)), i, i);
  for (int i = 0; i < p.immediate_count; ++i)
    print(t, "    const {0} r{1} = number(p.number[{2}], {0}());\n", type_name(p.dtype), p.inputs + i, i);
  for (int k = 0; k < p.length; ++k) {
    const Instr& i = p.code[k];
    const Row& r = row(i.op);
    print(t, "    const {} r{} = row_{}(r{}", type_name(r.form == Form::compare ? boolean : p.dtype), i.out, r.name, i.a);
    if (arity(r.form) > 1) print(t, ", r{}", i.b);
    if (arity(r.form) > 2) print(t, ", r{}", i.c);
    print(t, ");\n");
  }
  for (int o = 0; o < outputs; ++o) print(t, "    y.y{}.at[k] = r{};\n", o, p.results[o]);
  print(t, "  }}\n  return y;\n}}\n\n");
}

struct Names {
  const char* combine;
  std::string element, out;
};
Names names_of(Reduction kind, DType dtype) {
  static constexpr const char* combine[] = {"Sum", "Prod", "Max", "Min", "ArgMax", "ArgMin"};
  const std::string element = element_name(dtype);
  if (kind == Reduction::argmax || kind == Reduction::argmin) return {combine[static_cast<int>(kind)], "Best<" + element + ">", "int64_t"};
  return {combine[static_cast<int>(kind)], element, element};
}

constexpr const char* launch_bounds = "extern \"C\" __global__ void __launch_bounds__(256)";

}  // namespace

DType register_type(const Call& call, int r) {
  const Program& p = call.program;
  if (r < p.inputs) return call.inputs[r].dtype;
  const int k = r - p.inputs - p.immediate_count;
  return k >= 0 && row(p.code[k].op).form == Form::compare ? boolean : p.dtype;
}

std::string elementwise_text(const std::string& name, const Call& call, const Reach& reach) {
  const Program& p = call.program;
  const int operands = p.inputs + p.outputs;
  std::vector<int> strides = reach.strides;
  for (int n = static_cast<int>(strides.size()); n < operands; ++n) strides.push_back(n);
  const int lines = strides.empty() ? 1 : *std::max_element(strides.begin(), strides.end()) + 1;
  Text t;
  print(t, "#include \"cuda/pack.h\"\n\nnamespace scoregrad::on_cuda::text_of_{} {{\n\nusing namespace device;\n\n", name);
  print(t, "struct Arguments {{\n  {};\n", reach.flat ? "int64_t elements" : "Extents extents");
  print_argument_tail(t, p, operands);
  if (!reach.flat) print(t, "  int64_t stride[{}][most_dims];\n", lines);
  print(t, "}};\n\n");
  print_program(t, call, reach, p.outputs);
  print(t, "{} {}(const Arguments p) {{\n", launch_bounds, name);
  const int w = reach.width;
  if (reach.flat) {
    print(t, "  for (int64_t i = {0} * first_item(); i < p.elements; i += {0} * all_items()) {{\n", w);
    print(t, "    const int64_t at[] = {{");
    for (int n = 0; n < operands; ++n) print(t, "{}{}", n > 0 ? ", " : "", reach.modes[static_cast<size_t>(n)] == 'v' ? "i" : "0");
    print(t, "}};\n");
    if (w == 1)
      print(t, "    const int n = 1;\n");
    else
      print(t, "    const int n = p.elements - i < {0} ? static_cast<int>(p.elements - i) : {0};\n", w);
  } else {
    print(t, "  for (int64_t i = first_item(); i < p.extents.count; i += all_items()) {{\n");
    print(t, "    int64_t walk[{}] = {{}};\n    add_offsets<{}>(p.extents, p.stride, i, walk);\n    const int64_t at[] = {{", lines,
          reach.wide);
    for (int n = 0; n < operands; ++n) print(t, "{}walk[{}]", n > 0 ? ", " : "", strides[static_cast<size_t>(n)]);
    print(t, "}};\n    const int n = {};\n", w);
  }
  print(t, "    const Results<{0}> y = compute<{0}>(p, at, n);\n", w);
  for (int o = 0; o < p.outputs; ++o) print(t, "    store(p.data[{0}], at[{0}], y.y{1}, n);\n", p.inputs + o, o);
  print(t, "  }}\n}}\n\n}}  // namespace\n");
  return fmt::to_string(t);
}

std::string reduction_text(const std::string& name, Reduction kind, const Call& call, const Reach& reach) {
  const Program& p = call.program;
  const DType dtype = register_type(call, p.results[0]);
  const Names names = names_of(kind, dtype);
  const std::string inputs = fmt::to_string(std::max(1, p.inputs));
  Text t;
  print(t, "#include \"cuda/reduce_kernel.h\"\n\nnamespace scoregrad::on_cuda::text_of_{} {{\n\nusing namespace device;\n\n", name);
  print(t, "struct Arguments {{\n  Work work;\n  Target target;\n  Extents kept, reduced;\n");
  print_argument_tail(t, p, p.inputs);
  print(t, "  int64_t kept_stride[{0}][most_dims], reduced_stride[{0}][most_dims];\n}};\n\n", inputs);
  print_program(t, call, reach, 1);
  print(t, "struct Elements {{\n  static constexpr bool wide = {};\n  const Arguments& p;\n  int64_t base[{}];\n\n", reach.wide, inputs);
  print(t,
        "  __device__ Elements(const Arguments& a, int64_t output) : p(a), base{{}} {{ add_offsets<wide>(p.kept, p.kept_stride, output, "
        "base); "
        "}}\n");
  print(t, "  __device__ {} operator()(int64_t k) const {{\n    int64_t at[{}];\n", names.element, inputs);
  print(t, "    for (int n = 0; n < {}; ++n) at[n] = base[n];\n    add_offsets<wide>(p.reduced, p.reduced_stride, k, at);\n", inputs);
  print(t, "    return element(compute<1>(p, at, 1).y0.at[0], k, static_cast<const {}*>(nullptr));\n  }}\n", names.element);
  if (reach.width > 1) {
    print(t, "  __device__ Pack<{}, {}> pack(int64_t k) const {{\n    const int64_t at[] = {{", names.element, reach.width);
    for (int n = 0; n < p.inputs; ++n)
      print(t, "{}base[{}]{}", n > 0 ? ", " : "", n, reach.modes[static_cast<size_t>(n)] == 'v' ? " + k" : "");
    print(t, "}};\n    return compute<{0}>(p, at, {0}).y0;\n  }}\n", reach.width);
  }
  print(t, "}};\n\n{} {}(const Arguments p) {{\n", launch_bounds, name);
  // Several loads of a short program are on their way at once; a long one has work enough of its own.
  const int unroll = p.length <= 2 ? 8 : p.length <= 8 ? 4 : 1;
  print(t, "  reduce_{}<{}, {}, {}, {}", reach.width > 1 ? "packs" : "teams", names.combine, names.element, names.out, unroll);
  if (reach.width > 1) print(t, ", {}", reach.width);
  print(t, ">(p.work, p.target, [&](int64_t output) {{ return Elements(p, output); }});\n}}\n\n}}  // namespace\n");
  return fmt::to_string(t);
}

std::string table_text(const std::string& name, Reduction kind, DType dtype) {
  const Names names = names_of(kind, dtype);
  return fmt::format(
      "#include \"cuda/reduce_kernel.h\"\n\nnamespace scoregrad::on_cuda::text_of_{0} {{\n\n{1} {0}(const TableArguments p) {{\n"
      "  reduce_table<{2}, {3}, {4}>(p);\n}}\n\n}}  // namespace\n",
      name, launch_bounds, names.combine, names.element, names.out);
}

}  // namespace scoregrad::on_cuda
