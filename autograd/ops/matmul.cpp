// Matrix products. Both rules are again matrix products, of transposed views.
#include <fmt/format.h>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

// A matrix whose columns lie together, as weights do that are read transposed.
bool lies_transposed(const Tensor& x) {
  return x.rank() > 1 && x.strides().back(1) == 1 && x.strides().back(0) >= x.extent(-2) && x.extent(-1) > 1;
}

struct MatmulNode final : RuleNode {
  Saved a, b;
  bool transposed[2];  // how the operands lie: their gradients come to lie likewise, so that an update reads both in one order
  MatmulNode(const Tensor& y, Where line, const Tensor& left, const Tensor& right)
      : RuleNode(y, line, Primitive::matmul), transposed{lies_transposed(left), lies_transposed(right)} {
    if (right.tracked()) a = Saved::operand(left);
    if (left.tracked()) b = Saved::operand(right);
  }
  int saved_count() const override { return (a ? 1 : 0) + (b ? 1 : 0); }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    if (wanted[0]) out[0] = transposed[0] ? transpose(matmul(b.get(*this), transpose(g))) : matmul(g, transpose(b.get(*this)));
    if (wanted.size() > 1 && wanted[1])
      out[1] = transposed[1] ? transpose(matmul(transpose(g), a.get(*this))) : matmul(transpose(a.get(*this)), g);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    Tensor sum;
    if (t[0].defined()) sum = matmul(t[0], b.get(*this));
    if (t.size() > 1 && t[1].defined()) {
      const Tensor part = matmul(a.get(*this), t[1]);
      sum = sum.defined() ? add(sum, part) : part;
    }
    return sum;
  }
};

Shape batch_of(const Shape& s) {
  Shape b = s;
  b.rank -= 2;
  return b;
}

View batched(const Tensor& x, const Shape& batch) {
  View v = x.view();
  const int shift = batch.rank + 2 - x.rank();
  Shape shape = batch;
  Strides strides;
  for (int i = 0; i < batch.rank; ++i) strides.push_back(i < shift || x.shape()[i - shift] == 1 ? 0 : x.strides()[i - shift]);
  for (int i = 1; i >= 0; --i) {
    shape.push_back(x.shape().back(i));
    strides.push_back(x.strides().back(i));
  }
  v.shape = shape;
  v.strides = strides;
  return v;
}

Tensor product(const Operand& oa, const Operand& ob) {
  const Tensor &a = oa.tensor(), &b = ob.tensor();
  const Shape batch = broadcast_shapes(oa.at, "matmul", batch_of(a.shape()), batch_of(b.shape()));
  Shape shape = batch;
  shape.push_back(a.extent(-2));
  shape.push_back(b.extent(-1));
  Tensor y = allocate(oa.at, shape, a.dtype(), a.device());
  y.backend().call(oa.at, calls::Matmul{y.view(), batched(a, batch), batched(b, batch)});
  return record<MatmulNode>("matmul", oa.at, std::move(y), {&a, &b}, a, b);
}

}  // namespace

Tensor matmul(Operand oa, Operand ob) {
  const Tensor &a = tensor_of(oa, "matmul"), &b = tensor_of(ob, "matmul");
  const auto refuse = [&](const char* why) {
    throw Error(oa.at, fmt::format("matmul: {}, {} x {}", why, to_string(a.shape()), to_string(b.shape())));
  };
  if (a.dtype() != b.dtype()) refuse(fmt::format("operands of {} and {} do not mix", name_of(a.dtype()), name_of(b.dtype())).c_str());
  if (a.device() != b.device()) refuse(fmt::format("operands on {} and {}", name_of(a.device()), name_of(b.device())).c_str());
  if (a.dtype() == DType::boolean) refuse("not defined for bool");
  if (a.rank() == 0 || b.rank() == 0) refuse("a 0-d operand; use *");
  const int64_t inner = b.extent(b.rank() == 1 ? 0 : -2);
  if (a.extent(-1) != inner)
    refuse(b.rank() > 1 && a.extent(-1) == b.extent(-1) ? "inner sizes differ; did you mean transpose(b)?" : "inner sizes differ");
  if (b.rank() == 2 && a.rank() > 2 && a.is_contiguous() && a.numel() > 0) {
    // All rows are one matrix: then the gradient of b is one product, not a sum of one for each batch entry.
    Shape shape = a.shape();
    shape[a.rank() - 1] = b.extent(1);
    const Tensor flat = reshape(oa, {a.numel() / inner, inner});
    return reshape(Operand(product(Operand(flat, oa.at), ob), oa.at), shape);
  }
  const Tensor row = a.rank() == 1 ? unsqueeze(oa, 0) : a, column = b.rank() == 1 ? unsqueeze(ob, 1) : b;
  Tensor y = product(Operand(row, oa.at), Operand(column, ob.at));
  if (b.rank() == 1) y = squeeze(Operand(y, oa.at), {-1});
  if (a.rank() == 1) y = squeeze(Operand(y, oa.at), {b.rank() == 1 ? -1 : -2});
  return y;
}

}  // namespace scoregrad
