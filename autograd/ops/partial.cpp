#include "autograd/ops/partial.h"

#include <string_view>
#include <type_traits>

#include "autograd/ops/expression.h"

namespace scoregrad {
namespace {

// What the table's `none` becomes where an expression is expected.
struct None {};
constexpr None none;

// What partials are written in besides the rows, for tensors and registers alike.
// x between -c and c.
template <class X>
X bounded(const X& x, double c) {
  return minimum(maximum(x, -c), c);
}
// x without its history.
Tensor constant_of(const Tensor& x) { return x.detach(); }
Expr constant_of(const Expr& x) { return x; }
// b a^(b - 1). Where b = 0 and powers of 1 / a would soon be infinite it is b / a, whose derivatives are 0 in a, and 1 / a in b.
template <class X>
X power_slope(const X& a, const X& b) {
  const X constant = lt(where(b == 0, abs(a), 1), 1e-8);
  return where(constant, xdivy(b, where(constant, constant_of(a), 1)), b * pow(a, where(constant, 0, b - 1)));
}

// Whether a partial's text mentions a variable: a one-letter name with no letter, digit or underscore beside it.
constexpr bool mentions(std::string_view text, char name) {
  const auto part_of_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == name && (i == 0 || !part_of_word(text[i - 1])) && (i + 1 == text.size() || !part_of_word(text[i + 1]))) return true;
  return false;
}

template <class Text>
Partial make(std::string_view text, Text expression, Tensor (*on_tensors)(const Tensor&, const Tensor&, const Tensor&, const Tensor&)) {
  Partial p{Partial::other, mentions(text, 'a') || mentions(text, 'x'), mentions(text, 'b'), mentions(text, 'y'), {}, on_tensors};
  ProgramBuilder builder;
  const auto in = [&] { return Expr(&builder, builder.operand()); };
  const Expr g = in(), a = in(), b = in(), y = in();
  const auto value = expression(a, b, y);
  if constexpr (std::is_same_v<decltype(value), const None>) {
    p.kind = Partial::none;
  } else {
    if (text == "1") p.kind = Partial::one;
    p.program = builder.finish({(g * value).value}, true);
  }
  return p;
}

Tensor times(const Tensor& g, Operand value) { return mul(g, value); }  // a number is a partial too: neg's is -1
Tensor times(const Tensor&, None) { return {}; }

struct Pair {
  Partial of[2];
};

}  // namespace

const Partial& partial(Op op, int operand) {
#define SG_READ(text, X, Y, Z)                                                                                                    \
  make(                                                                                                                           \
      #text, []([[maybe_unused]] const Expr& X, [[maybe_unused]] const Expr& Y, [[maybe_unused]] const Expr& Z) { return text; }, \
      []([[maybe_unused]] const Tensor& g, [[maybe_unused]] const Tensor& X, [[maybe_unused]] const Tensor& Y,                    \
         [[maybe_unused]] const Tensor& Z) { return times(g, text); })
  // clang-format off
  switch (op) {
#define SG_UNARY(name, value, partial, ...) \
  case Op::name##_: { static const Partial p = SG_READ(partial, x, unused, y); return p; }
#define SG_BINARY(name, value, da, db, ...) \
  case Op::name##_: { static const Pair p{{SG_READ(da, a, b, y), SG_READ(db, a, b, y)}}; return p.of[operand]; }
#define SG_COMPARE(name, ...) case Op::name##_: break;
#define SG_SELECT(name, ...) case Op::name##_: break;
#include "autograd/backend/elementwise.def"
    default: break;
  }
  // clang-format on
  static const Partial flat{Partial::none, false, false, false, {}, nullptr};
  return flat;
}

}  // namespace scoregrad
