// Ops that read or write at positions held in an int64 tensor. gather and scatter_add, index_select and index_add are each other's
// adjoints.
#include <fmt/format.h>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

// Whole slices along one axis with an index [n], or single elements with an index of the result's rank.
enum class Unit { slices, elements };

const char* reading(Unit u) { return u == Unit::slices ? "index_select" : "gather"; }
const char* writing(Unit u) { return u == Unit::slices ? "index_add" : "scatter_add"; }

Tensor read(Unit u, Operand x, int64_t axis, const Tensor& index) {
  return u == Unit::slices ? index_select(x, axis, index) : gather(x, axis, index);
}
Tensor write(Unit u, Operand x, int64_t axis, const Tensor& index, Operand src) {
  return u == Unit::slices ? index_add(x, axis, index, src) : scatter_add(x, axis, index, src);
}

// Adds src into y, which has bytes of its own; `base` is what it holds, where that has a history.
Tensor added(Unit u, Where at, Tensor y, const Tensor& base, int axis, const Tensor& index, const Tensor& src);

struct ReadNode final : RuleNode {
  Unit unit;
  int axis;
  Saved index;
  ReadNode(const Tensor& y, Where line, Unit u, int along, const Tensor& where)
      : RuleNode(y, line, u == Unit::slices ? Primitive::index_select : Primitive::gather),
        unit(u),
        axis(along),
        index(Saved::operand(where)) {}
  std::string attributes() const override { return fmt::format("axis={}", axis); }
  int saved_count() const override { return 1; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    out[0] = added(unit, at, zeros(operands()[0]->shape, {dtype, device}), {}, axis, index.get(*this), g);
  }
  Tensor jvp(std::span<const Tensor> t) const override { return read(unit, t[0], axis, index.get(*this)); }
};

// Operands: what is written onto, and what is added.
struct WriteNode final : RuleNode {
  Unit unit;
  int axis;
  Saved index;
  Shape source;
  WriteNode(const Tensor& y, Where line, Unit u, int along, const Tensor& where, const Shape& src)
      : RuleNode(y, line, u == Unit::slices ? Primitive::index_add : Primitive::scatter_add),
        unit(u),
        axis(along),
        index(Saved::operand(where)),
        source(src) {}
  std::string attributes() const override { return fmt::format("axis={}", axis); }
  int saved_count() const override { return 1; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    if (wanted[0]) out[0] = g;
    if (wanted.size() > 1 && wanted[1]) out[1] = read(unit, g, axis, index.get(*this));
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    if (t.size() < 2 || !t[1].defined()) return t[0];
    return write(unit, t[0].defined() ? t[0] : zeros(shape, {dtype, device}), axis, index.get(*this), t[1]);
  }
};

Tensor added(Unit u, Where at, Tensor y, const Tensor& base, int axis, const Tensor& index, const Tensor& src) {
  if (u == Unit::slices)
    y.backend().call(at, calls::IndexAdd{y.view(), index.view(), src.view(), axis});
  else
    y.backend().call(at, calls::ScatterAdd{y.view(), index.view(), src.view(), axis});
  return record<WriteNode>(writing(u), at, std::move(y), {&base, &src}, u, axis, index, src.shape());
}

// Checks index against x; returns the shape that is read or written.
Shape checked(const char* op, Unit u, Where at, const Tensor& x, int axis, const Tensor& index) {
  if (defined(index, op, at).dtype() != DType::int64)
    throw Error(at, fmt::format("{}: the index is {}, it must be int64", op, name_of(index.dtype())));
  if (index.device() != x.device())
    throw Error(at, fmt::format("{}: x on {} and index on {}; use to(device)", op, name_of(x.device()), name_of(index.device())));
  Shape shape = x.shape();
  bool fits = index.rank() == (u == Unit::slices ? 1 : x.rank());
  if (u == Unit::slices && fits) shape[axis] = index.shape()[0];
  if (u == Unit::elements && fits) {
    shape = index.shape();
    for (int i = 0; i < x.rank(); ++i) fits = fits && (i == axis || shape[i] <= x.shape()[i]);
  }
  if (!fits)
    throw misfit(at, op, "the index", u == Unit::slices ? ExtentsText("[n]") : "at most " + with_letter(x.shape(), axis, "n"), index);
  return shape;
}

Tensor do_read(Unit u, const Operand& x, int64_t axis, const Tensor& index) {
  const char* op = reading(u);
  const Tensor& t = tensor_of(x, op);
  const int along = normal_axis(x.at, op, axis, t.rank());
  Tensor y = allocate(x.at, checked(op, u, x.at, t, along, index), t.dtype(), t.device());
  if (u == Unit::slices)
    y.backend().call(x.at, calls::IndexSelect{y.view(), t.view(), index.view(), along});
  else
    y.backend().call(x.at, calls::Gather{y.view(), t.view(), index.view(), along});
  return record<ReadNode>(op, x.at, std::move(y), {&t}, u, along, index);
}

Tensor do_write(Unit u, const Operand& x, int64_t axis, const Tensor& index, const Operand& src) {
  const char* op = writing(u);
  const Tensor &t = tensor_of(x, op), &s = tensor_of(src, op);
  const int along = normal_axis(x.at, op, axis, t.rank());
  const Shape wanted = checked(op, u, x.at, t, along, index);
  if (s.shape() != wanted || s.dtype() != t.dtype() || s.device() != t.device())
    throw misfit(x.at, op, "src", kind_of(t.dtype(), wanted), kind_of(s));
  Tensor y = allocate(x.at, t.shape(), t.dtype(), t.device());
  y.backend().call(x.at, calls::Copy{y.view(), t.view()});
  return added(u, x.at, std::move(y), t, along, index, s);
}

}  // namespace

Tensor gather(Operand x, int64_t axis, const Tensor& index) { return do_read(Unit::elements, x, axis, index); }
Tensor index_select(Operand x, int64_t axis, const Tensor& index) { return do_read(Unit::slices, x, axis, index); }
Tensor scatter_add(Operand x, int64_t axis, const Tensor& index, Operand src) { return do_write(Unit::elements, x, axis, index, src); }
Tensor index_add(Operand x, int64_t axis, const Tensor& index, Operand src) { return do_write(Unit::slices, x, axis, index, src); }

Tensor embedding(Operand weight, const Tensor& index) {
  const Tensor& w = tensor_of(weight, "embedding");
  if (w.rank() != 2) throw misfit(weight.at, "embedding", "the table", "[n, d]", w);
  check_rank(defined(index, "embedding", weight.at).rank() + 1, "embedding", weight.at);
  const CallerScope line(weight.at, "embedding");
  Shape shape = index.shape();
  shape.push_back(w.shape()[1]);
  return reshape(index_select(weight, 0, reshape(index, {index.numel()})), shape);
}

Tensor one_hot(const Tensor& index, int64_t classes, DType dtype, Where at) {
  check_rank(defined(index, "one_hot", at).rank() + 1, "one_hot", at);
  const CallerScope line(at, "one_hot");
  Shape shape = index.shape();
  shape.push_back(classes);
  const Tensor none = zeros(shape, {dtype, index.device()}, at);
  const Tensor place = unsqueeze(Operand(index, at.file, at.line), -1);
  return scatter_add(Operand(none, at.file, at.line), -1, place, ones(place.shape(), {dtype, index.device()}, at));
}

Sorted sort(Operand x, int64_t axis, bool descending) {
  const Tensor& t = tensor_of(x, "sort");
  const int along = normal_axis(x.at, "sort", axis, t.rank());
  Tensor values = allocate(x.at, t.shape(), t.dtype(), t.device());
  const Tensor order = allocate(x.at, t.shape(), DType::int64, t.device());
  values.backend().call(x.at, calls::Sort{values.view(), order.view(), t.view(), along, descending});
  values = record<ReadNode>("sort", x.at, std::move(values), {&t}, Unit::elements, along, order);  // the sorted values are a gather
  return {values, order};
}

}  // namespace scoregrad
