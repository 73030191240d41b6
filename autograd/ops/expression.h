// A partial read as a program: the second reading of the table's derivative column. An Expr stands for a register of the program being
// built, so that the same text, `y * (1 - y)`, serves tensors and registers.
#pragma once
#include "autograd/backend/program_builder.h"

namespace scoregrad {

struct Expr {
  ProgramBuilder* builder;
  ProgramBuilder::Value value;
  Expr(double number) : builder(nullptr), value{}, literal(number) {}
  Expr(ProgramBuilder* b, ProgramBuilder::Value v) : builder(b), value(v) {}
  double literal = 0;
  ProgramBuilder::Value in(ProgramBuilder* b) const { return builder ? value : b->number({literal, static_cast<int64_t>(literal)}); }
};

namespace expression {
inline Expr apply(Op op, const Expr& x) { return {x.builder, x.builder->apply(op, {x.value})}; }
inline Expr apply(Op op, const Expr& a, const Expr& b) {
  ProgramBuilder* p = a.builder ? a.builder : b.builder;
  return {p, p->apply(op, {a.in(p), b.in(p)})};
}
inline Expr apply(Op op, const Expr& m, const Expr& a, const Expr& b) {
  return {m.builder, m.builder->apply(op, {m.value, a.in(m.builder), b.in(m.builder)})};
}
}  // namespace expression

#define SG_UNARY(name, ...) \
  inline Expr name(const Expr& x) { return expression::apply(Op::name##_, x); }
#define SG_BINARY(name, ...) \
  inline Expr name(const Expr& a, const Expr& b) { return expression::apply(Op::name##_, a, b); }
#define SG_COMPARE SG_BINARY
#define SG_SELECT(name, ...) \
  inline Expr name(const Expr& m, const Expr& a, const Expr& b) { return expression::apply(Op::name##_, m, a, b); }
#include "autograd/backend/elementwise.def"

inline Expr operator-(const Expr& x) { return neg(x); }
inline Expr operator+(const Expr& a, const Expr& b) { return add(a, b); }
inline Expr operator-(const Expr& a, const Expr& b) { return sub(a, b); }
inline Expr operator*(const Expr& a, const Expr& b) { return mul(a, b); }
inline Expr operator/(const Expr& a, const Expr& b) { return div(a, b); }
inline Expr operator==(const Expr& a, const Expr& b) { return eq(a, b); }

}  // namespace scoregrad
