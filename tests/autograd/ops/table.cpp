// Every row of the elementwise table: its value against libm in double, its derivatives to second order, what it saves. A row that the
// table has and this file does not know fails.
#include <map>

#include "autograd/ops/partial.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

struct Expected {
  std::function<double(double, double, double)> value;  // operands in order; a select's mask is 0 or 1
  std::string saves;                                    // which of a, b, y (m: a mask) the rule needs
};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
// Newton's method on erf.
double erfinv_of(double y) {
  double x = y;
  for (int i = 0; i < 60; ++i) x -= (std::erf(x) - y) / (1.1283791670955126 * std::exp(-x * x));
  return x;
}
// psi and its derivatives by their recurrence up to 30 and the first terms of the asymptotic series.
double digamma_of(double x) {
  double sum = 0;
  for (; x < 30; ++x) sum -= 1 / x;
  const double z = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x - z / 12 + z * z / 120 - z * z * z / 252 + z * z * z * z / 240;
}
double polygamma_of(double n, double x) {
  if (n == 0) return digamma_of(x);
  double sum = 0;
  for (; x < 60; ++x) sum += std::pow(x, -n - 1);
  const double y = std::pow(x, -n - 1),
               tail = x * y / n + y / 2 + (n + 1) * y / x / 12 - (n + 1) * (n + 2) * (n + 3) * y / (x * x * x) / 720;
  return (static_cast<int>(n) % 2 == 0 ? -1 : 1) * std::tgamma(n + 1) * (sum + tail);
}
double ndtr_of(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double normal_pdf_of(double x) { return 0.3989422804014327 * std::exp(-0.5 * x * x); }
// The derivatives of y = e^(x^2) erfc(x) by y' = 2 x y - 2 / sqrt(pi), in long double because they cancel.
double erfcx_slope_of(double n, double x) {
  long double before = 1.12837916709551257389615890312154517L,
              y = std::exp(static_cast<long double>(x) * x) * std::erfc(static_cast<long double>(x));
  for (int k = 1; k <= static_cast<int>(n); ++k) {
    const long double next = (k > 1 ? 2 * (k - 1) : 1) * before - 2 * x * y;
    before = y, y = next;
  }
  return static_cast<double>(y);
}
double mod_of(double a, double b) { return a - b * std::floor(a / b); }

#define SG_F1(expression) [](double x, double, double) -> double { return expression; }
#define SG_F2(expression) [](double a, double b, double) -> double { return expression; }

const std::map<std::string, Expected> expected = {
    {"neg", {SG_F1(-x), ""}},
    {"abs", {SG_F1(std::abs(x)), "a"}},
    {"sign", {SG_F1(double(x > 0) - double(x < 0)), ""}},
    {"floor", {SG_F1(std::floor(x)), ""}},
    {"round", {SG_F1(std::nearbyint(x)), ""}},
    {"binade", {SG_F1(std::exp2(std::floor(std::log2(std::abs(x))))), ""}},
    {"heaviside", {SG_F1(x > 0), ""}},
    {"exp", {SG_F1(std::exp(x)), "y"}},
    {"expm1", {SG_F1(std::expm1(x)), "a"}},
    {"log", {SG_F1(std::log(x)), "a"}},
    {"log1p", {SG_F1(std::log1p(x)), "a"}},
    {"sqrt", {SG_F1(std::sqrt(x)), "y"}},
    {"rsqrt", {SG_F1(1 / std::sqrt(x)), "y"}},
    {"square", {SG_F1(x * x), "a"}},
    {"reciprocal", {SG_F1(1 / x), "y"}},
    {"sin", {SG_F1(std::sin(x)), "a"}},
    {"cos", {SG_F1(std::cos(x)), "a"}},
    {"tan", {SG_F1(std::tan(x)), "y"}},
    {"tanh", {SG_F1(std::tanh(x)), "a"}},
    {"sinh", {SG_F1(std::sinh(x)), "a"}},
    {"cosh", {SG_F1(std::cosh(x)), "a"}},
    {"asinh", {SG_F1(std::asinh(x)), "a"}},
    {"atan", {SG_F1(std::atan(x)), "a"}},
    {"sigmoid", {SG_F1(sigmoid_of(x)), "a"}},
    {"sigmoid_slope", {SG_F1(sigmoid_of(x) * sigmoid_of(-x)), "ay"}},
    {"softplus", {SG_F1(softplus_of(x)), "a"}},
    {"logsigmoid", {SG_F1(-softplus_of(-x)), "a"}},
    {"relu", {SG_F1(std::max(x, 0.0)), "a"}},
    {"silu", {SG_F1(x * sigmoid_of(x)), "a"}},
    {"silu_slope", {SG_F1(sigmoid_of(x) * (1 + x * sigmoid_of(-x))), "a"}},
    {"gelu", {SG_F1(0.5 * x * std::erfc(-x / std::sqrt(2.0))), "a"}},
    {"ndtr", {SG_F1(ndtr_of(x)), "a"}},
    {"normal_pdf", {SG_F1(normal_pdf_of(x)), "ay"}},
    {"log_ndtr", {SG_F1(std::log(ndtr_of(x))), "a"}},
    {"inverse_mills", {SG_F1(normal_pdf_of(x) / ndtr_of(x)), "a"}},
    {"inverse_mills_slope", {SG_F1(-normal_pdf_of(x) / ndtr_of(x) * (x + normal_pdf_of(x) / ndtr_of(x))), "ay"}},
    {"erf", {SG_F1(std::erf(x)), "a"}},
    {"erfc", {SG_F1(std::erfc(x)), "a"}},
    {"exp_minus_square", {SG_F1(std::exp(-x * x)), "ay"}},
    {"erfcx", {SG_F1(std::exp(x * x) * std::erfc(x)), "a"}},
    {"erfinv", {SG_F1(erfinv_of(x)), "y"}},
    {"lgamma", {SG_F1(std::lgamma(x)), "a"}},
    {"digamma", {SG_F1(digamma_of(x)), "a"}},
    {"logical_not", {SG_F1(x == 0), ""}},
    {"add", {SG_F2(a + b), ""}},
    {"sub", {SG_F2(a - b), ""}},
    {"gap", {SG_F2(a - b), ""}},
    {"mul", {SG_F2(a * b), "ab"}},
    {"div", {SG_F2(a / b), "by"}},
    {"xdivy", {SG_F2(a / b), "by"}},
    {"pow", {SG_F2(std::pow(a, b)), "ab"}},
    {"powlog", {SG_F2(std::pow(a, b) * std::log(a)), "aby"}},
    {"xlogy", {SG_F2(a == 0 ? 0 : a * std::log(b)), "ab"}},
    {"hypot", {SG_F2(std::hypot(a, b)), "ab"}},
    {"hypot_slope", {SG_F2(a / std::hypot(a, b)), "aby"}},
    {"rhypot", {SG_F2(1 / std::hypot(a, b)), "aby"}},
    {"atan2", {SG_F2(std::atan2(a, b)), "ab"}},
    {"atan2_slope", {SG_F2(b / (a * a + b * b)), "aby"}},
    {"logaddexp", {SG_F2(std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)))), "ab"}},
    {"maximum", {SG_F2(std::max(a, b)), "ab"}},
    {"minimum", {SG_F2(std::min(a, b)), "ab"}},
    {"share",
     {SG_F2(a > b    ? 1
            : a == b ? 0.5
                     : 0),
      ""}},
    {"mod", {SG_F2(mod_of(a, b)), "aby"}},
    {"polygamma", {SG_F2(polygamma_of(a, b)), "ab"}},
    {"erfcx_slope", {SG_F2(erfcx_slope_of(a, b)), "ab"}},
    {"logical_and", {SG_F2(a != 0 && b != 0), ""}},
    {"logical_or", {SG_F2(a != 0 || b != 0), ""}},
    {"lt", {SG_F2(a < b), ""}},
    {"le", {SG_F2(a <= b), ""}},
    {"gt", {SG_F2(a > b), ""}},
    {"ge", {SG_F2(a >= b), ""}},
    {"eq", {SG_F2(a == b), ""}},
    {"ne", {SG_F2(a != b), ""}},
    {"where", {[](double m, double a, double b) { return m != 0 ? a : b; }, "m"}},
};

Tensor on(Op op, const Tensors& x) {
  return x.size() == 1 ? elementwise(op, x[0]) : x.size() == 2 ? elementwise(op, x[0], x[1]) : elementwise(op, x[0], x[1], x[2]);
}

// Operands of the row's own range; a select's mask is bool.
Tensors operands(const Row& r, const std::vector<Shape>& shapes, DType dtype) {
  Tensors xs;
  for (int i = 0; i < arity(r.form); ++i) {
    const bool mask = r.form == Form::select && i == 0;
    xs.push_back(draw(shapes[static_cast<size_t>(i)], r.lo, r.hi, 3 * i + 1, mask ? boolean : dtype));
    if (r.types == Types::N && dtype == int64 && std::string(r.name) == "mod" && i == 1) xs.back() = maximum(xs.back(), 1);
    if ((std::string(r.name) == "polygamma" || std::string(r.name) == "erfcx_slope") && i == 0) xs.back() = round(xs.back());  // the order
  }
  return xs;
}

// Element k of the broadcast result, by the schoolbook.
double element(const Tensor& x, const Shape& shape, int64_t k) {
  int64_t at = 0, stride = 1;
  const std::vector<double> v = x.to_vector<double>();
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t extent = x.shape().back(i), index = k % shape.back(i);
    k /= shape.back(i);
    at += (extent == 1 ? 0 : index) * stride;
    stride *= extent;
  }
  return v[static_cast<size_t>(at)];
}

void check_value(Op op, const Tensors& xs, double tolerance) {
  const Tensor y = on(op, xs);
  std::vector<double> want;
  Shape shape = xs[0].shape();
  for (const Tensor& x : xs) shape = broadcast_shapes({}, "test", shape, x.shape());
  REQUIRE(y.shape() == shape);
  const bool is_bool = row(op).form == Form::compare || row(op).types == Types::B;
  CHECK(y.dtype() == (is_bool ? boolean : xs.back().dtype()));
  for (int64_t k = 0; k < numel(shape); ++k) {
    double v[3] = {};
    for (size_t i = 0; i < xs.size(); ++i) v[i] = element(xs[i], shape, k);
    want.push_back(expected.at(row(op).name).value(v[0], v[1], v[2]));
  }
  check_close(y, want, tolerance);
}

}  // namespace

TEST_CASE("the test of the table knows every row, and no other") {
  for (const Row& r : rows) {
    CAPTURE(r.name);
    CHECK(expected.count(r.name) == 1);
  }
  CHECK(expected.size() == static_cast<size_t>(op_count));
}

TEST_CASE("every row has the value of libm, whatever the strides, shapes and element type") {
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    CAPTURE(r.name);
    for (DType dtype : {float64, float32, int64, boolean}) {
      if (!accepts(r.types, dtype)) continue;
      CAPTURE(name_of(dtype));
      const double tolerance = dtype == float32 ? 2e-5 : 1e-12;
      check_value(op, operands(r, {{3, 5}, {3, 5}, {3, 5}}, dtype), tolerance);
      check_value(op, operands(r, {{3, 1}, {2, 1, 5}, {1}}, dtype), tolerance);
      check_value(op, operands(r, {{}, {4}, {2, 1}}, dtype), tolerance);
      check_value(op, operands(r, {{1}, {1}, {1}}, dtype), tolerance);
      check_value(op, operands(r, {{0, 3}, {1}, {3}}, dtype), tolerance);
      check_value(op, operands(r, {{700}, {700}, {700}}, dtype), tolerance);
      Tensors xs = operands(r, {{4, 6}, {4, 6}, {4, 6}}, dtype);
      for (Tensor& x : xs) x = scattered(x);
      check_value(op, xs, tolerance);
    }
  }
}

TEST_CASE("every row's gradient and gradient of the gradient are those of its value") {
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    if (r.form == Form::compare || !accepts(r.types, float64)) continue;
    const bool flat = r.form != Form::select && partial(op, 0).kind == Partial::none;  // in the first operand
    if (flat && (r.form == Form::unary || partial(op, 1).kind == Partial::none)) continue;
    CAPTURE(r.name);
    const auto check = [&](const Tensors& xs, const GradcheckOptions& options = {}) {
      if (flat)
        check_gradients([&](const Tensors& x) { return on(op, {xs[0], x[0]}); }, {xs[1]}, options);
      else
        check_gradients([op](const Tensors& x) { return on(op, x); }, xs, options);
    };
    check(operands(r, {{3, 4}, {3, 4}, {3, 4}}, float64));
    check(operands(r, {{2, 1, 3}, {4, 1}, {3}}, float64));
    Tensors xs = operands(r, {{3, 4}, {3, 4}, {3, 4}}, float64);
    for (Tensor& x : xs) x = scattered(x);
    check(xs, {.directions = 1});
    check(operands(r, {{5}, {5}, {5}}, float32), {.order = 1});
  }
}

TEST_CASE("rows without a gradient give none, and say so by zeros or an error") {
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    if (r.form == Form::select || !accepts(r.types, float64)) continue;
    if (r.form != Form::compare && partial(op, 0).kind != Partial::none) continue;
    CAPTURE(r.name);
    Tensors xs = operands(r, {{3}, {3}, {3}}, float64);
    xs[0].requires_grad();
    const Tensor y = on(op, xs);
    if (r.form == Form::compare)
      CHECK_FALSE(y.tracked());
    else
      check_close(grad(sum(y), xs[0], {.allow_unused = true}), {0, 0, 0});
  }
}

TEST_CASE("a row saves what its partials mention, and nothing else") {
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    if (r.form == Form::compare || !accepts(r.types, float64)) continue;
    CAPTURE(r.name);
    const std::string& saves = expected.at(r.name).saves;
    Tensors xs = operands(r, {{3}, {3}, {3}}, float64);
    for (Tensor& x : xs)
      if (is_floating(x.dtype())) x.requires_grad();
    const Tensor y = on(op, xs);
    REQUIRE(y.tracked());
    CHECK(y.node()->saved_count() == static_cast<int>(saves.size()));
    if (r.form == Form::select) continue;
    const auto mentioned = [&](bool Partial::*use) { return partial(op, 0).*use || (r.form == Form::binary && partial(op, 1).*use); };
    CHECK(mentioned(&Partial::uses_a) == contains(saves, "a"));
    CHECK(mentioned(&Partial::uses_b) == contains(saves, "b"));
    CHECK(mentioned(&Partial::uses_y) == contains(saves, "y"));
  }
}

TEST_CASE("only what the tracked operand's partial mentions is saved") {
  const Tensor a = draw({3}).requires_grad(), b = draw({3});
  CHECK(mul(a, b).node()->saved_count() == 1);
  CHECK(mul(a, 2).node()->saved_count() == 1);
  CHECK(add(a, b).node()->saved_count() == 0);
  CHECK(div(a, b).node()->saved_count() == 1);
}

TEST_CASE("at kinks: relu, abs and clamp, maximum and minimum share ties") {
  const auto slope = [](const Functions& f, Tensor x) {
    x.requires_grad();
    return grad(sum(f({x})), x);
  };
  check_close(slope([](const Tensors& x) { return relu(x[0]); }, from({-1, 0, 1}, {float64})), {0, 0, 1});
  check_close(slope([](const Tensors& x) { return abs(x[0]); }, from({-1, 0, 1}, {float64})), {-1, 0, 1});
  check_close(slope([](const Tensors& x) { return clamp(x[0], -1, 1); }, from({-2, -1, 0, 1, 2}, {float64})), {0, 1, 1, 1, 0});
  check_close(slope([](const Tensors& x) { return maximum(x[0], 0); }, from({-1, 0, 1}, {float64})), {0, 0.5, 1});
  check_close(slope([](const Tensors& x) { return minimum(x[0], 0); }, from({-1, 0, 1}, {float64})), {1, 0.5, 0});
  check_close(slope([](const Tensors& x) { return pow(x[0], 0); }, from({0, 2}, {float64})), {0, 0});
  check_close(slope([](const Tensors& x) { return pow(x[0], 2); }, from({0, -3}, {float64})), {0, -6});
}
