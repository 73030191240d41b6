// Every row of the elementwise table: its value against libm in double, its derivatives to second order, what it saves. A row that the
// table has and this file does not know fails.
#include "autograd/ops/partial.h"
#include "tests/autograd/check.h"
#include "tests/row_reference.h"

using namespace scoregrad;

namespace {

const std::map<std::string, row_reference::RowReference>& reference_rows = row_reference::rows;

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
    want.push_back(static_cast<double>(reference_rows.at(row(op).name).value(v[0], v[1], v[2])));
  }
  check_close(y, want, tolerance);
}

}  // namespace

TEST_CASE("the test of the table knows every row, and no other") {
  for (const Row& r : rows) {
    CAPTURE(r.name);
    CHECK(reference_rows.count(r.name) == 1);
  }
  CHECK(reference_rows.size() == static_cast<size_t>(op_count));
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
    const std::string& saves = reference_rows.at(r.name).saves;
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
