// How a row of the table runs, and the one rule that differentiates all rows.
#include "autograd/ops/elementwise.h"

#include <fmt/format.h>

#include <string_view>

#include "autograd/ops/partial.h"
#include "autograd/ops/pass.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/create.h"

namespace scoregrad {
namespace {

// Strides with which x is read at the common shape: 0 where it is repeated.
void access(const Tensor& x, const Shape& shape, Access& a) {
  a.data = x.bytes();
  const Body& body = x.body();
  a.dtype = body.dtype;
  const Shape& s = body.shape;
  const Strides& t = body.strides;
  if (s == shape) {
    a.strides = t;
    return;
  }
  a.strides.rank = shape.rank;
  const int shift = shape.rank - s.rank;
  for (int i = 0; i < shift; ++i) a.strides.at[i] = 0;
  for (int i = 0; i < s.rank; ++i) a.strides.at[shift + i] = s.at[i] == 1 ? 0 : t.at[i];
}

[[noreturn]] void refuse_mix(Where at, const char* op, const Tensor& a, const Tensor& b) {
  if (a.device() != b.device())
    throw Error(at, fmt::format("{}: operands on {} and {}; use to(device)", op, name_of(a.device()), name_of(b.device())));
  throw Error(at,
              fmt::format("{}: operands of {} and {}; element types never mix, use to(dtype)", op, name_of(a.dtype()), name_of(b.dtype())));
}

// One call's operands: those that are tensors become the program's inputs, numbers its immediates.
struct Call {
  Where at;
  const char* name;
  const Operand* operands[3];
  int count;
  const Tensor* model = nullptr;  // the first operand that decides dtype and device

  Call(Where line, Op op, const Operand* a, const Operand* b = nullptr, const Operand* c = nullptr)
      : at(line),
        name(row(op).name),
        operands{a, b, c},
        count(c   ? 3
              : b ? 2
                  : 1) {
    const int first = row(op).form == Form::select ? 1 : 0;  // a select's mask is bool and decides nothing
    for (int i = first; i < count; ++i) {
      if (operands[i]->is_number()) continue;
      const Tensor& x = operands[i]->tensor();
      if (!x.defined()) defined(x, name, at);
      if (!model) {
        model = &x;
        continue;
      }
      const Body &body = x.body(), &first_body = model->body();
      if (body.dtype != first_body.dtype || body.storage->device != first_body.storage->device) refuse_mix(at, name, *model, x);
    }
    if (!model) throw Error(at, fmt::format("{}: at least one operand must be a tensor", name));
    if (first == 1) {
      if (operands[0]->is_number() || defined(operands[0]->tensor(), name, at).dtype() != DType::boolean)
        throw Error(at, fmt::format("{}: the mask must be a bool tensor", name));
      if (operands[0]->tensor().device() != model->device()) refuse_mix(at, name, *model, operands[0]->tensor());
    }
    if (!accepts(row(op).types, model->dtype())) throw Error(at, fmt::format("{}: not defined for {}", name, name_of(model->dtype())));
  }
  Shape shape() const {
    Shape s = model->shape();
    for (int i = 0; i < count; ++i)
      if (!operands[i]->is_number() && &operands[i]->tensor() != model && operands[i]->tensor().shape() != s)
        s = broadcast_shapes(at, name, s, operands[i]->tensor().shape());
    return s;
  }
  bool tracked() const {
    for (int i = 0; i < count; ++i)
      if (!operands[i]->is_number() && operands[i]->tensor().tracked()) return true;
    return false;
  }
  Untracked why_untracked() const {
    Untracked why = Untracked::constant;
    for (int i = 0; i < count; ++i)
      if (!operands[i]->is_number()) why = std::max(why, scoregrad::why_untracked(operands[i]->tensor()));
    return why;
  }
};

// One or two tensors of the result's shape: what most calls are.
Tensor run_alike(Op op, const Call& call) {
  const Body &a = call.operands[0]->tensor().body(), &b = call.operands[call.count - 1]->tensor().body();
  Tensor y = allocate(call.at, a.shape, row(op).form == Form::compare ? DType::boolean : a.dtype, a.storage->device);
  const auto result = static_cast<uint16_t>(call.count);
  const Access inputs[2] = {{call.operands[0]->tensor().bytes(), a.dtype, a.strides},
                            {call.operands[call.count - 1]->tensor().bytes(), b.dtype, b.strides}};
  const Instr code{op, result, 0, static_cast<uint16_t>(call.count - 1), 0};
  const Access output{y.bytes(), y.dtype(), y.strides()};
  y.backend().call(call.at, calls::Elementwise{{a.dtype, call.count, 0, nullptr, 1, &code, 1, &result}, a.shape, inputs, &output});
  return y;
}

Tensor run(Op op, const Call& call) {
  if (call.count < 3 && !call.operands[0]->is_number() && !call.operands[call.count - 1]->is_number() &&
      call.operands[0]->tensor().shape() == call.operands[call.count - 1]->tensor().shape())
    return run_alike(op, call);
  const Shape shape = call.shape();
  const DType dtype = call.model->dtype();
  Tensor y = allocate(call.at, shape, row(op).form == Form::compare ? DType::boolean : dtype, call.model->device());
  Access inputs[3];
  Immediate immediates[3];
  uint16_t registers[3] = {};
  int input_count = 0, immediate_count = 0;
  for (int i = 0; i < call.count; ++i)
    if (!call.operands[i]->is_number()) {
      access(call.operands[i]->tensor(), shape, inputs[input_count]);
      registers[i] = static_cast<uint16_t>(input_count++);
    }
  for (int i = 0; i < call.count; ++i)
    if (call.operands[i]->is_number()) {
      immediates[immediate_count] = call.operands[i]->number(dtype, call.name);
      registers[i] = static_cast<uint16_t>(input_count + immediate_count++);
    }
  const auto result = static_cast<uint16_t>(input_count + immediate_count);
  const Instr code{op, result, registers[0], registers[1], registers[2]};
  const Program program{dtype, input_count, immediate_count, immediates, 1, &code, 1, &result};
  const Access output{y.bytes(), y.dtype(), y.strides()};
  y.backend().call(call.at, calls::Elementwise{program, shape, inputs, &output});
  return y;
}

// g * partial in one pass, when nobody will differentiate it. The result has the broadcast shape of all that it reads.
Tensor fused(const Partial& p, const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y, const Shape& shape) {
  const Tensor* values[4] = {&g, p.uses_a ? &a : &g, p.uses_b ? &b : &g, p.uses_y ? &y : &g};
  Access inputs[4];
  access(g, shape, inputs[0]);
  for (int i = 1; i < 4; ++i)
    if (values[i] == &g)
      inputs[i] = inputs[0];
    else
      access(*values[i], shape, inputs[i]);
  Tensor out = allocate({}, shape, g.dtype(), g.device());
  const Access output{out.bytes(), out.dtype(), out.strides()};
  out.backend().call({}, calls::Elementwise{p.program.program(g.dtype()), shape, inputs, &output});
  return out;
}

struct ElementwiseNode final : Node {
  Op code;
  Saved a, b, y;
  ElementwiseNode(const Tensor& result, Where line, Op op) : Node(result, line), code(op) {}

  const char* op() const override { return row(code).name; }
  int saved_count() const override { return (a ? 1 : 0) + (b ? 1 : 0) + (y ? 1 : 0); }

  Tensor through(const Tensor& g, int operand) const {
    const Partial& p = partial(code, operand);
    if (p.kind == Partial::none) return {};
    if (p.kind == Partial::one) return g;
    const Tensor va = p.uses_a ? a.get(*this) : Tensor(), vb = p.uses_b ? b.get(*this) : Tensor(), vy = p.uses_y ? y.get(*this) : Tensor();
    return mode.recording ? p.on_tensors(g, va, vb, vy) : fused(p, g, va, vb, vy, shape);
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    for (size_t i = 0; i < out.size(); ++i)
      if (wanted[i]) out[i] = through(g, static_cast<int>(i));
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    Tensor sum;
    for (size_t i = 0; i < t.size(); ++i) {
      if (!t[i].defined()) continue;
      const Tensor part = through(t[i], static_cast<int>(i));
      if (part.defined()) sum = sum.defined() ? add(sum, part) : part;
    }
    return sum;
  }
};

// A select has no row of partials: the gradient goes where the mask points.
struct SelectNode final : Node {
  Saved mask;
  using Node::Node;
  const char* op() const override { return "where"; }
  int saved_count() const override { return 1; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    const Tensor m = mask.get(*this);
    if (wanted.size() > 1 && wanted[1]) out[1] = where(m, g, 0);
    if (wanted.size() > 2 && wanted[2]) out[2] = where(m, 0, g);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const auto tangent = [&](size_t i) { return i < t.size() && t[i].defined() ? Operand(t[i]) : Operand(0); };
    return where(mask.get(*this), tangent(1), tangent(2));
  }
};

// A number that a partial mentions is kept as a 0-d tensor.
Saved keep(const Operand& x, const Call& call) {
  if (!x.is_number()) return Saved::operand(x.tensor());
  return Saved::operand(scalar(x.number(call.model->dtype(), call.name).f, like(*call.model), call.at));
}

Node* make_node(Op op, const Call& call, const Tensor& result) {
  if (row(op).form == Form::select) {
    auto* n = new SelectNode(result, call.at);
    n->mask = Saved::operand(call.operands[0]->tensor());
    for (int i = 1; i < 3; ++i)
      if (!call.operands[i]->is_number()) n->set_operand(i, call.operands[i]->tensor());
    return n;
  }
  auto* n = new ElementwiseNode(result, call.at, op);
  for (int i = 0; i < call.count; ++i) {
    if (call.operands[i]->is_number() || !call.operands[i]->tensor().tracked()) {
      n->set_operand(i, {});
      continue;
    }
    n->set_operand(i, call.operands[i]->tensor());
    const Partial& p = partial(op, i);
    if (p.uses_a && !n->a) n->a = keep(*call.operands[0], call);
    if (p.uses_b && !n->b) n->b = keep(*call.operands[1], call);
    if (p.uses_y && !n->y) n->y = Saved::result(result);
  }
  return n;
}

Tensor finish(Op op, const Call& call) {
  Tensor y = run(op, call);
  const bool tracked = row(op).form != Form::compare && is_floating(y.dtype()) && call.tracked();
  if (tracked && mode.recording)
    y.body().producer = Ref<Node>(make_node(op, call, y));
  else
    y.body().why = call.why_untracked();
  if (mode.observer) announce(call.name, call.at, y);
  return y;
}

}  // namespace

Tensor elementwise(Op op, Operand x) { return finish(op, Call(x.at, op, &x)); }
Tensor elementwise(Op op, Operand a, Operand b) {
  // A square is one product, and what the square of a norm needs to have a second derivative at 0 (cofactor).
  if (op == Op::pow_ && b.is_number() && !a.is_number() && a.tensor().defined() && is_floating(a.tensor().dtype()) &&
      b.number(a.tensor().dtype(), "pow").f == 2)
    return elementwise(Op::square_, a);
  return finish(op, Call(a.at, op, &a, &b));
}
Tensor elementwise(Op op, Operand mask, Operand a, Operand b) { return finish(op, Call(mask.at, op, &mask, &a, &b)); }

#define SG_UNARY(name, ...) \
  Tensor name(Operand x) { return elementwise(Op::name##_, x); }
#define SG_BINARY(name, ...) \
  Tensor name(Operand a, Operand b) { return elementwise(Op::name##_, a, b); }
#define SG_COMPARE SG_BINARY
#define SG_SELECT(name, ...) \
  Tensor name(Operand mask, Operand a, Operand b) { return elementwise(Op::name##_, mask, a, b); }
#include "autograd/backend/elementwise.def"

namespace {

Tensor& rebind(Op op, const char* written, Tensor& a, const Operand& b) {
  if (a.is_leaf())
    throw Error(b.at,
                fmt::format("{}: the left side is a leaf that requires a gradient and would lose its name to another tensor; write into it "
                            "with add_ or mul_ under NoGrad, or name the result anew",
                            written));
  return a = elementwise(op, Operand(a, b.at.file, b.at.line), b);
}

}  // namespace

Tensor& operator+=(Tensor& a, Operand b) { return rebind(Op::add_, "+=", a, b); }
Tensor& operator-=(Tensor& a, Operand b) { return rebind(Op::sub_, "-=", a, b); }
Tensor& operator*=(Tensor& a, Operand b) { return rebind(Op::mul_, "*=", a, b); }
Tensor& operator/=(Tensor& a, Operand b) { return rebind(Op::div_, "/=", a, b); }

namespace {

// The same record, or one of the same norm of the same operand.
bool same_value(const Node* a, const Node* b) {
  if (a == b || !a || !b) return a == b;
  const std::string_view op = a->op();
  return op == "norm" && op == b->op() && a->operands()[0].get() == b->operands()[0].get() && a->shape == b->shape &&
         a->attributes() == b->attributes();
}

}  // namespace

Tensor cofactor(const Node* product, const Node* factor, int depth) {
  const auto* n = dynamic_cast<const ElementwiseNode*>(product);
  if (!n || depth == 0) return {};
  const auto operand = [&](size_t i) { return i < n->operands().size() ? n->operands()[i].get() : nullptr; };
  const auto of = [&](size_t i) { return cofactor(operand(i), factor, depth - 1); };
  if (n->code == Op::mul_) {
    for (size_t i = 0; i < 2; ++i) {
      const Saved& other = i == 0 ? n->b : n->a;
      if (!operand(i) || !other) continue;
      if (same_value(operand(i), factor)) return other.get(*n);
      if (const Tensor part = of(i); part.defined()) return mul(part, other.get(*n));
    }
  } else if (n->code == Op::add_) {
    const Tensor a = of(0), b = a.defined() ? of(1) : Tensor();
    if (b.defined()) return add(a, b);
  } else if (n->code == Op::neg_) {
    if (const Tensor a = of(0); a.defined()) return neg(a);
  }
  return {};
}

Tensor run_program(Where at, const ProgramBuilder::Finished& program, std::initializer_list<const Tensor*> operands, const Shape& shape) {
  std::vector<Access> inputs;
  for (const Tensor* x : operands) access(*x, shape, inputs.emplace_back());
  const Tensor& model = **operands.begin();
  Tensor y = allocate(at, shape, model.dtype(), model.device());
  const Access output{y.bytes(), y.dtype(), y.strides()};
  y.backend().call(at, calls::Elementwise{program.program(model.dtype()), shape, inputs.data(), &output});
  return y;
}

namespace {

// All elements of its memory, row by row or column by column: as gradients of weights lie that are read transposed.
bool fills_memory(const Tensor& x) {
  if (x.is_contiguous() || x.rank() < 2) return x.is_contiguous();
  Shape shape = x.shape();
  Strides strides = x.strides();
  std::swap(shape[x.rank() - 1], shape[x.rank() - 2]);
  std::swap(strides[x.rank() - 1], strides[x.rank() - 2]);
  return is_contiguous(shape, strides);
}

}  // namespace

Tensor accumulate(Tensor a, const Tensor& b) {
  if (mode.recording || !a.sole_owner() || !fills_memory(a) || a.tracked() || a.shape() != b.shape()) return add(a, b);
  Access inputs[2];
  access(a, a.shape(), inputs[0]);
  access(b, a.shape(), inputs[1]);
  const uint16_t result = 2;
  const Instr code{Op::add_, result, 0, 1, 0};
  a.backend().call({}, calls::Elementwise{{a.dtype(), 2, 0, nullptr, 1, &code, 1, &result}, a.shape(), inputs, inputs});
  return a;
}

}  // namespace scoregrad
