// An elementwise program as plain data: what the CPU's block interpreter runs and what CUDA text is printed from.
// C++17 and free of the standard library's containers, so that .cu files may include it.
#pragma once
#include "autograd/backend/dtype.h"
#include "autograd/backend/shape.h"

namespace scoregrad {

/// One opcode a row of the elementwise table.
enum class Op : uint8_t {
#define SG_UNARY(name, ...) name##_,
#define SG_BINARY(name, ...) name##_,
#define SG_COMPARE(name, ...) name##_,
#define SG_SELECT(name, ...) name##_,
#include "autograd/backend/elementwise.def"
  count
};
constexpr int op_count = static_cast<int>(Op::count);

enum class Form : uint8_t { unary, binary, compare, select };
enum class Types : uint8_t { F, N, B, A };
enum class Again : uint8_t { cheap, dear };

/// What may be asked of a row at run time: its name, its value as text, its form and types, what it costs, and its test range.
struct Row {
  const char* name;
  const char* value;
  Form form;
  Types types;
  double ns;    ///< a float32 element on one core
  Again again;  ///< whether to compute it again costs less than to load it
  double lo, hi;
};
extern const Row rows[op_count];
inline const Row& row(Op op) { return rows[static_cast<int>(op)]; }
constexpr int arity(Form f) { return f == Form::unary ? 1 : f == Form::select ? 3 : 2; }
constexpr bool accepts(Types t, DType d) {
  return t == Types::A || (t == Types::B ? d == DType::boolean : is_floating(d) || (t == Types::N && d == DType::int64));
}

/// out = op(a), op(a, b) or op(a, b, c); each is a register number.
struct Instr {
  Op op;
  uint16_t out, a, b, c;
};

/// A constant: floating programs read f, int64 programs i, boolean programs i != 0.
struct Immediate {
  double f;
  int64_t i;
};

/// Registers: first the `inputs` loaded operands, then the `immediates`, then one for each instruction's result (register
/// inputs + immediates + k is instruction k's). Arithmetic is in `dtype`; comparisons write bool registers, a select reads one as `a`,
/// and a loaded operand is a bool register where its Access says boolean.
struct Program {
  DType dtype;
  int inputs;
  int immediate_count;
  const Immediate* immediates;
  int length;
  const Instr* code;
  int outputs;
  const uint16_t* results;  // the registers to store, in the order of the output operands
};

/// One operand of a loop over a common iteration shape: stride 0 repeats an element, strides may be negative. Strides count elements.
struct Access {
  void* data;
  DType dtype;
  Strides strides;
};

/// A strided array for the structural entries of a backend.
struct View {
  void* data;
  DType dtype;
  Shape shape;
  Strides strides;
};

}  // namespace scoregrad
