// Factorisations and solves, batched over leading axes. Rules: Giles, "Collected matrix derivative results for forward and reverse mode
// algorithmic differentiation" (2008); Murray, "Differentiation of the Cholesky decomposition" (2016).
#include <fmt/format.h>

#include "autograd/backend/call_names.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

const Tensor& square_matrix(const Operand& a, const char* op) {
  const Tensor& t = tensor_of(a, op);
  if (t.rank() < 2 || t.shape().back(0) != t.shape().back(1)) throw misfit(a.at, op, "", "[.., n, n]", t);
  if (!is_floating(t.dtype())) throw Error(a.at, fmt::format("{}: not defined for {}; use to(float64)", op, name_of(t.dtype())));
  return t;
}

// The lower triangle with half the diagonal: what of a symmetric matrix belongs to its lower factor.
Tensor half_lower(const Tensor& x) { return (tril(x) + tril(x, -1)) * 0.5; }
Tensor symmetric(const Tensor& x) { return (x + transpose(x)) * 0.5; }

struct CholeskyNode final : RuleNode {
  Saved l;
  CholeskyNode(const Tensor& y, Where line) : RuleNode(y, line, Primitive::cholesky), l(Saved::result(y)) {}
  int saved_count() const override { return 1; }
  // dL = L half_lower(L^-1 dA L^-T), and its adjoint. Both see the symmetric part of A only.
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    const Tensor v = l.get(*this);
    const Tensor inner = half_lower(matmul(transpose(v), tril(g)));
    const Tensor left = triangular_solve(v, inner, Triangle::lower, true);            // L^-T inner
    const Tensor both = triangular_solve(v, transpose(left), Triangle::lower, true);  // (L^-T inner L^-1)'
    out[0] = symmetric(both);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const Tensor v = l.get(*this);
    const Tensor left = triangular_solve(v, symmetric(t[0]));
    return matmul(v, half_lower(triangular_solve(v, transpose(left))));
  }
};

// x = op(a)^-1 b, where op is the whole matrix or one of its triangles, perhaps transposed.
struct SolveNode final : RuleNode {
  bool whole, transposed;
  Triangle triangle;
  Saved a, x;
  SolveNode(const Tensor& y, Where line, bool is_whole, Triangle part, bool flipped, const Tensor& matrix)
      : RuleNode(y, line, is_whole ? Primitive::solve : Primitive::triangular_solve),
        whole(is_whole),
        transposed(flipped),
        triangle(part),
        a(Saved::operand(matrix)),
        x(Saved::result(y)) {}
  std::string attributes() const override { return whole ? "" : fmt::format("{}{}", name_of(triangle), transposed ? ", transposed" : ""); }
  int saved_count() const override { return 2; }
  Tensor read(const Tensor& m) const { return whole ? m : triangle == Triangle::lower ? tril(m) : triu(m); }
  Tensor solved(const Tensor& b, bool adjoint) const {
    const Tensor m = a.get(*this);
    if (whole) return solve(adjoint ? transpose(m) : m, b);
    return triangular_solve(m, b, triangle, transposed != adjoint);
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    const Tensor gb = solved(g, true), v = x.get(*this);
    if (wanted[0]) out[0] = -read(transposed ? matmul(v, transpose(gb)) : matmul(gb, transpose(v)));
    if (wanted.size() > 1 && wanted[1]) out[1] = gb;
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    Tensor right;
    if (t[0].defined()) {
      const Tensor m = read(t[0]);
      right = -matmul(transposed ? transpose(m) : m, x.get(*this));
    }
    if (t.size() > 1 && t[1].defined()) right = right.defined() ? right + t[1] : t[1];
    return solved(right, false);
  }
};

struct SlogDetNode final : RuleNode {
  Saved a;
  SlogDetNode(const Tensor& y, Where line, const Tensor& matrix) : RuleNode(y, line, Primitive::slogdet), a(Saved::operand(matrix)) {}
  int saved_count() const override { return 1; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    out[0] = transpose(inverse(a.get(*this))) * unsqueeze(unsqueeze(g, -1), -1);
  }
  Tensor jvp(std::span<const Tensor> t) const override { return sum(diagonal(solve(a.get(*this), t[0])), {-1}); }
};

// The operand is exactly symmetric. With X = V' dA V the values' tangent is X's diagonal, the vectors' is V (F o X) with F_ij = 1 / (w_j -
// w_i) off the diagonal and 0 on it: a vector does not move along itself. The adjoints are V diag(g) V' and V (F o (V' g)) V'.
struct EighValuesNode final : RuleNode {
  Saved v;
  EighValuesNode(const Tensor& y, Where line, const Tensor& vectors)
      : RuleNode(y, line, Primitive::eigh_values), v(Saved::operand(vectors)) {}
  int saved_count() const override { return 1; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    const Tensor q = v.get(*this);
    out[0] = matmul(q * unsqueeze(g, -2), transpose(q));
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const Tensor q = v.get(*this);
    return sum(q * matmul(t[0], q), {-2});
  }
};

// Keeps the matrix instead of its values: the values' node keeps the vectors, and two nodes must not own each other.
struct EighVectorsNode final : RuleNode {
  Saved a, v;
  EighVectorsNode(const Tensor& y, Where line, const Tensor& matrix)
      : RuleNode(y, line, Primitive::eigh_vectors), a(Saved::operand(matrix)), v(Saved::result(y)) {}
  int saved_count() const override { return 2; }
  static Tensor inverse_gaps(const Tensor& matrix, const Tensor& q) {
    const Tensor w = sum(q * matmul(matrix, q), {-2}), gaps = unsqueeze(w, -2) - unsqueeze(w, -1);
    const Tensor self = eye(q.extent(-1), like(q));
    return (1 - self) / (gaps + self);
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    const Tensor q = v.get(*this), inner = inverse_gaps(a.get(*this), q) * matmul(transpose(q), g);
    out[0] = matmul(matmul(q, inner), transpose(q));
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const Tensor q = v.get(*this);
    return matmul(q, inverse_gaps(a.get(*this), q) * matmul(transpose(q), matmul(t[0], q)));
  }
};

// Leading axes of a and b broadcast against each other; the shape of `m` with them.
Shape batched(Where at, const char* op, const Tensor& m, const Tensor& other) {
  Shape leading = m.shape(), others = other.shape();
  leading.rank -= 2;
  others.rank -= 2;
  Shape s = broadcast_shapes(at, op, leading, others);
  s.push_back(m.shape().back(1));
  s.push_back(m.shape().back(0));
  return s;
}

// Repeated along broadcast axes and made contiguous, as the factorisations want it; without history.
Tensor spread(const Tensor& x, const Shape& shape) {
  const NoGrad plain;
  return packed(x.shape() == shape ? x : broadcast_to(x, shape));
}

Tensor solved(const Operand& a, const Operand& b, bool whole, Triangle triangle, bool transposed) {
  const char* op = whole ? "solve" : "triangular_solve";
  const Tensor &m = square_matrix(a, op), &r = tensor_of(b, op);
  if (r.rank() < 2 || r.shape().back(1) != m.shape().back(0))
    throw misfit(a.at, op, "", "[.., n, n] and [.., n, k]", extents_of({m, r}), "a vector is unsqueeze(b, -1)");
  if (m.dtype() != r.dtype() || m.device() != r.device())
    throw Error(a.at, fmt::format("{}: operands of {} on {} and {} on {}; use to()", op, name_of(m.dtype()), name_of(m.device()),
                                  name_of(r.dtype()), name_of(r.device())));
  const Tensor left = spread(m, batched(a.at, op, m, r)), right = spread(r, batched(a.at, op, r, m));
  Tensor y = allocate(a.at, right.shape(), r.dtype(), r.device());
  if (whole)
    y.backend().call(a.at, calls::Solve{y.view(), left.view(), right.view()});
  else
    y.backend().call(a.at, calls::TriangularSolve{y.view(), left.view(), right.view(), triangle, transposed});
  return record<SolveNode>(op, a.at, std::move(y), {&m, &r}, whole, triangle, transposed, m);
}

}  // namespace

Tensor cholesky(Operand a) {
  const Tensor& t = square_matrix(a, "cholesky");
  Tensor y = allocate(a.at, t.shape(), t.dtype(), t.device());
  y.backend().call(a.at, calls::Cholesky{y.view(), packed(t).view()});
  return record<CholeskyNode>("cholesky", a.at, std::move(y), {&t});
}

Tensor solve(Operand a, Operand b) { return solved(a, b, true, Triangle::lower, false); }

Tensor triangular_solve(Operand a, Operand b, Triangle triangle, bool transposed) { return solved(a, b, false, triangle, transposed); }

Tensor inverse(Operand a) {
  const Tensor& t = square_matrix(a, "inverse");
  const CallerScope line(a.at, "inverse");
  return solve(a, eye(t.shape().back(0), like(t), a.at));
}

LogDeterminant slogdet(Operand a) {
  const Tensor& t = square_matrix(a, "slogdet");
  Shape shape = t.shape();
  shape.rank -= 2;
  Tensor y = allocate(a.at, shape, t.dtype(), t.device());
  const Tensor sign = allocate(a.at, shape, t.dtype(), t.device());
  y.backend().call(a.at, calls::SlogDet{y.view(), sign.view(), packed(t).view()});
  return {sign, record<SlogDetNode>("slogdet", a.at, std::move(y), {&t}, t)};
}

EigenDecomposition eigh(Operand a) {
  square_matrix(a, "eigh");
  const CallerScope line(a.at, "eigh");
  const Tensor t = symmetric(a.tensor());
  Shape shape = t.shape();
  shape.rank -= 1;
  Tensor w = allocate(a.at, shape, t.dtype(), t.device()), v = allocate(a.at, t.shape(), t.dtype(), t.device());
  w.backend().call(a.at, calls::Eigh{w.view(), v.view(), packed(t).view()});
  v = record<EighVectorsNode>("eigh_vectors", a.at, std::move(v), {&t}, t);
  w = record<EighValuesNode>("eigh_values", a.at, std::move(w), {&t}, v);
  return {w, v};
}

}  // namespace scoregrad
