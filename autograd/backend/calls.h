// The calls that a device can make: each is a plain struct that lists its operands and attributes. Whatever must know a call's fields,
// recording, comparing, printing, replaying, walks them and knows no call by name. Outputs are allocated by the caller; an output never
// overlaps an input unless it is the same view of an elementwise call. C++17, so that .cu files may include it.
#pragma once
#include <type_traits>

#include "autograd/backend/program.h"

namespace scoregrad {

enum class Reduction : uint8_t { sum, prod, max, min, argmax, argmin };
enum class Random : uint8_t { uniform, normal, bits };
enum class Triangle : uint8_t { lower, upper };

/// Two 32-bit words. With `address` set they are read there when the call runs (int64 [2], on the device), else taken from `words`.
struct KeyWords {
  uint32_t words[2];
  const void* address;
};

/// The three arrays of a convolution, each a linear function of the other two.
enum class ConvolutionPart : uint8_t {
  forward,  ///< out = y from a = x and b = w
  input,    ///< out = x from a = y and b = w, the adjoint in x: what no window reads becomes 0
  weight,   ///< out = w from a = x and b = y, the adjoint in w
};
/// y[n, o, p] = sum over c, k of x[n, c, p stride - before + k dilation] w[o, c, k] for positions p = (p0, p1) and k = (k0, k1), with x = 0
/// outside. The padding after the last element follows from the extents. x [n, c, h, w], w [o, c / groups, kh, kw], y [n, o, ph, pw];
/// each group of o / groups outputs reads its own c / groups inputs. One spatial axis: h = kh = ph = 1.
struct Convolution {
  int64_t stride[2], before[2], dilation[2];
  int64_t groups;
};

namespace calls {

// What a field may be. Operands say whether they are read or written:

enum class Direction : uint8_t { in, out, in_out };
template <Direction d>
struct Directed : View {
  Directed() : View{} {}
  Directed(const View& v) : View(v) {}
  Directed(void* address, DType type, const Shape& extents, const Strides& steps) : View{address, type, extents, steps} {}
};
using In = Directed<Direction::in>;
using Out = Directed<Direction::out>;
using InOut = Directed<Direction::in_out>;

/// The shape that a program runs over; it outlives the call.
struct Over {
  const Shape* shape = nullptr;
  Over() = default;
  Over(const Shape& s) : shape(&s) {}
  operator const Shape&() const { return *shape; }
};
/// A program's operands and results: one Access each.
struct Inputs {
  const Access* list = nullptr;
  Inputs(const Access* first = nullptr) : list(first) {}
  const Access& operator[](int i) const { return list[i]; }
};
struct Outputs {
  const Access* list = nullptr;
  Outputs(const Access* first = nullptr) : list(first) {}
  const Access& operator[](int i) const { return list[i]; }
};
/// Bytes of the host that are read, or written; what is written there cannot be replayed.
struct FromHost {
  const void* data;
  size_t bytes;
};
struct ToHost {
  void* data;
  size_t bytes;
};
/// `bytes` bytes as a view.
inline View bytes_at(const void* data, size_t bytes) {
  return {const_cast<void*>(data), DType::boolean, {static_cast<int64_t>(bytes)}, {1}};
}
// KeyWords with an address are read there. All other fields are attributes: numbers, enums, axes, an Immediate, a Program.

#define SG_FIELDS(call_name, ...)                 \
  static constexpr const char* name = #call_name; \
  template <class F>                              \
  void fields(F&& f) {                            \
    f(__VA_ARGS__);                               \
  }                                               \
  template <class F>                              \
  void fields(F&& f) const {                      \
    f(__VA_ARGS__);                               \
  }                                               \
  static constexpr const char* field_names = #__VA_ARGS__

/// outputs = program(inputs), element by element of `shape`.
struct Elementwise {
  Program program;
  Over shape;
  Inputs in;
  Outputs out;
  SG_FIELDS(elementwise, program, shape, in, out);
};
/// Same shape, any strides; casts: float to int truncates, anything to bool is x != 0.
struct Copy {
  Out out;
  In in;
  SG_FIELDS(copy, out, in);
};
struct Fill {
  Out out;
  Immediate value;
  SG_FIELDS(fill, out, value);
};
/// out: in's shape with `axes` of extent 1. arg*: one axis, int64, the first of equals.
struct Reduce {
  Reduction kind;
  Out out;
  In in;
  Axes axes;
  SG_FIELDS(reduce, kind, out, in, axes);
};
/// Reduce of a program's one result over `shape`, which is never stored.
struct ReduceProgram {
  Reduction kind;
  Out out;
  Program program;
  Over shape;
  Inputs in;
  Axes axes;
  SG_FIELDS(reduce, kind, out, program, shape, in, axes);
};
/// Running sums along one axis.
struct CumSum {
  Out out;
  In in;
  int axis;
  SG_FIELDS(cumsum, out, in, axis);
};
/// Stable, NaN last; indices int64.
struct Sort {
  Out values, indices;
  In in;
  int axis;
  bool descending;
  SG_FIELDS(sort, values, indices, in, axis, descending);
};
/// out[i][j] = in[index[i][j]][j] for axis 0; out has index's shape.
struct Gather {
  Out out;
  In in, index;
  int axis;
  SG_FIELDS(gather, out, in, index, axis);
};
/// out[index[i][j]][j] += in[i][j] for axis 0, in order of i.
struct ScatterAdd {
  InOut out;
  In index, in;
  int axis;
  SG_FIELDS(scatter_add, out, index, in, axis);
};
/// out[i, :] = in[index[i], :] for axis 0; index [n].
struct IndexSelect {
  Out out;
  In in, index;
  int axis;
  SG_FIELDS(index_select, out, in, index, axis);
};
/// out[index[i], :] += in[i, :] for axis 0, in order of i.
struct IndexAdd {
  InOut out;
  In index, in;
  int axis;
  SG_FIELDS(index_add, out, index, in, axis);
};
/// out = a b:  [.., m, k] x [.., k, n], the same batch extents (stride 0 repeats), any strides.
struct Matmul {
  Out out;
  In a, b;
  SG_FIELDS(matmul, out, a, b);
};
/// See ConvolutionPart; any strides, float32 or float64.
struct Convolve {
  ConvolutionPart part;
  Out out;
  In a, b;
  Convolution geometry;
  SG_FIELDS(convolution, part, out, a, b, geometry);
};
/// Element i of the stream is word i mod 4 of Philox block i div 4 (float64: two words); `offset` counts elements. out contiguous; bits:
/// int64 in [0, 2^32).
struct Draw {
  Random kind;
  Out out;
  KeyWords key;
  uint64_t offset;
  SG_FIELDS(random, kind, out, key, offset);
};
/// out int64 [.., 2] = fold(key, data[..]), data int64.
struct Fold {
  Out out;
  KeyWords key;
  In data;
  SG_FIELDS(fold, out, key, data);
};

// Factorisations, batched over leading extents; matrices row-major contiguous, float32 or float64.

/// The lower L with L L' = in; throws if not positive definite, naming the batch entry.
struct Cholesky {
  Out out;
  In in;
  SG_FIELDS(cholesky, out, in);
};
/// out = a^-1 b; throws if a is singular.
struct Solve {
  Out out;
  In a, b;
  SG_FIELDS(solve, out, a, b);
};
/// out = a^-1 b, or a'^-1 b, with the named triangle of a; throws if it is singular.
struct TriangularSolve {
  Out out;
  In a, b;
  Triangle triangle;
  bool transposed;
  SG_FIELDS(triangular_solve, out, a, b, triangle, transposed);
};
/// sign exp(logabs) = det a.
struct SlogDet {
  Out logabs, sign;
  In a;
  SG_FIELDS(slogdet, logabs, sign, a);
};
/// The lower triangle of in = V diag(values) V', values ascending; of each column of V the largest entry in size (the first of equals) is
/// positive. Throws if LAPACK gives up, naming the batch entry.
struct Eigh {
  Out values, vectors;
  In in;
  SG_FIELDS(eigh, values, vectors, in);
};

/// out, boolean [bytes] = the host's bytes.
struct Upload {
  Out out;
  FromHost host;
  SG_FIELDS(upload, out, host);
};
/// The host's bytes = in, boolean [bytes].
struct Download {
  ToHost host;
  In in;
  SG_FIELDS(download, host, in);
};

/// Every call, as X(Call), ...; a device may lack the optional ones.
#define SG_CALLS(X)                                                                                                                  \
  X(Elementwise), X(Copy), X(Fill), X(Reduce), X(CumSum), X(Sort), X(Gather), X(ScatterAdd), X(IndexSelect), X(IndexAdd), X(Matmul), \
      X(Draw), X(Fold), X(Cholesky), X(Solve), X(TriangularSolve), X(SlogDet), X(Eigh), X(Upload), X(Download)
#define SG_OPTIONAL_CALLS(X) X(ReduceProgram), X(Convolve)
/// void SG_CALLS(SG_ENTRY);  declares what a device defines: void run(Where at, const calls::Copy& c) and so on.
#define SG_ENTRY(C) run(Where at, const calls::C& c)

template <class... C>
struct List {};
#define SG_CALL_TYPE(C) C
using Required = List<SG_CALLS(SG_CALL_TYPE)>;
using Optional = List<SG_OPTIONAL_CALLS(SG_CALL_TYPE)>;
using All = List<SG_CALLS(SG_CALL_TYPE), SG_OPTIONAL_CALLS(SG_CALL_TYPE)>;
#undef SG_CALL_TYPE

/// Calls f(view, direction) if the field is an array that the call reads or writes, or is several.
template <class Call, class Field, class F>
void visit_operand(const Call& c, const Field& field, F& f) {
  if constexpr (std::is_same_v<Field, In>) {
    f(field, Direction::in);
  } else if constexpr (std::is_same_v<Field, Out>) {
    f(field, Direction::out);
  } else if constexpr (std::is_same_v<Field, InOut>) {
    f(field, Direction::in_out);
  } else if constexpr (std::is_same_v<Field, KeyWords>) {
    if (field.address) f(View{const_cast<void*>(field.address), DType::int64, {2}, {1}}, Direction::in);
  } else if constexpr (std::is_same_v<Field, Inputs>) {
    for (int i = 0; i < c.program.inputs; ++i) f(View{field[i].data, field[i].dtype, c.shape, field[i].strides}, Direction::in);
  } else if constexpr (std::is_same_v<Field, Outputs>) {
    for (int i = 0; i < c.program.outputs; ++i) f(View{field[i].data, field[i].dtype, c.shape, field[i].strides}, Direction::out);
  }
}
/// The same for all fields of a call, in their order. (The program that Inputs or Outputs belong to is the call's `program`, over its
/// `shape`.)
template <class Call, class F>
void for_each_operand(const Call& c, F&& f) {
  c.fields([&](const auto&... field) { (visit_operand(c, field, f), ...); });
}

}  // namespace calls
}  // namespace scoregrad
