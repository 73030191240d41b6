// Programs of the elementwise table, one element after the other and one instruction after the other.
#define SG_FUSED
#include "autograd/backend/scalar.h"

#include <vector>

#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::scalars {  // where the names in the table's values are looked up

#include "autograd/backend/scalar_int.inc"

namespace {

/// A program's register: a number, or a bool where a comparison or an array of bools has written it.
template <class T>
union Register {
  T number;
  bool truth;
};

/// The row of the table that the instruction names, on registers of a program in T, which stands for `dtype`.
template <class T, DType dtype>
void execute(const Instr& i, Register<T>* r) {
  switch (i.op) {
#define SG_UNARY(name, value, partial, types, ...) \
  case Op::name##_:                                \
    if constexpr (accepts(Types::types, dtype)) {  \
      const T x = r[i.a].number;                   \
      r[i.out].number = value;                     \
    }                                              \
    break;
#define SG_BINARY(name, value, da, db, types, ...)  \
  case Op::name##_:                                 \
    if constexpr (accepts(Types::types, dtype)) {   \
      const T a = r[i.a].number, b = r[i.b].number; \
      r[i.out].number = value;                      \
    }                                               \
    break;
#define SG_COMPARE(name, value, ...)              \
  case Op::name##_: {                             \
    const T a = r[i.a].number, b = r[i.b].number; \
    r[i.out].truth = value;                       \
    break;                                        \
  }
#define SG_SELECT(name, value, ...)               \
  case Op::name##_: {                             \
    const bool m = r[i.a].truth;                  \
    const T a = r[i.b].number, b = r[i.c].number; \
    r[i.out].number = value;                      \
    break;                                        \
  }
#include "autograd/backend/elementwise.def"
    case Op::count:
      break;
  }
}

}  // namespace
}  // namespace scoregrad::scalars

namespace scoregrad::on_reference {
namespace {

template <class T, DType dtype>
void run_typed(const calls::Elementwise& c) {
  const Program& p = c.program;
  std::vector<scalars::Register<T>> registers(static_cast<size_t>(p.inputs + p.immediate_count + p.length));
  for (int k = 0; k < p.immediate_count; ++k) {
    T& constant = registers[static_cast<size_t>(p.inputs + k)].number;
    if constexpr (is_floating(dtype))
      constant = static_cast<T>(p.immediates[k].f);
    else
      constant = static_cast<T>(p.immediates[k].i);
  }
  for_each(c.shape, [&](const Dims& i) {
    for (int k = 0; k < p.inputs; ++k) {
      scalars::Register<T>& r = registers[static_cast<size_t>(k)];
      if (c.in[k].dtype == DType::boolean)
        r.truth = element<bool>(c.in[k].data, c.in[k].strides, i);
      else
        r.number = element<T>(c.in[k].data, c.in[k].strides, i);
    }
    for (int k = 0; k < p.length; ++k) scalars::execute<T, dtype>(p.code[k], registers.data());
    for (int k = 0; k < p.outputs; ++k) {
      const scalars::Register<T>& r = registers[p.results[k]];
      if (c.out[k].dtype == DType::boolean)
        element<bool>(c.out[k].data, c.out[k].strides, i) = r.truth;
      else
        element<T>(c.out[k].data, c.out[k].strides, i) = r.number;
    }
  });
}

}  // namespace

void run(Where, const calls::Elementwise& c) {
  switch (c.program.dtype) {
    case DType::float32:
      return run_typed<float, DType::float32>(c);
    case DType::float64:
      return run_typed<double, DType::float64>(c);
    case DType::int64:
      return run_typed<scalars::Wrapping, DType::int64>(c);
    case DType::boolean:
      return run_typed<bool, DType::boolean>(c);
  }
}

void run(Where at, const calls::ReduceProgram& c) {
  const Program& p = c.program;
  // The one result is an operand as it is, a truth value, or a number of the program's type.
  const int r = p.results[0], k = r - p.inputs - p.immediate_count;
  const bool truth = r >= p.inputs && k >= 0 && row(p.code[k].op).form == Form::compare;
  const DType type = r < p.inputs ? c.in[r].dtype : truth ? DType::boolean : p.dtype;
  std::vector<char> values(static_cast<size_t>(numel(c.shape)) * size_of(type));
  const Access stored{values.data(), type, contiguous_strides(c.shape)};
  run(at, calls::Elementwise{p, c.shape, c.in, &stored});
  run(at, calls::Reduce{c.kind, c.out, View{values.data(), type, c.shape, stored.strides}, c.axes});
}

}  // namespace scoregrad::on_reference
