// The floating rows of the elementwise table at 0, infinity, NaN, at tiny, huge and saturated operands: value, first and second derivatives
// in both types against special_points.inc, which special_points.py has written without knowledge of the rules. A row without points fails.
#include <limits>
#include <map>

#include "autograd/compile/compile.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/partial.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double ANY = -12345.678901234567;  // not stated

struct Point {
  std::string op;
  DType dtype;
  std::vector<double> at, want;  // want: y, dy, ddy or y, da, db, daa, dab, dbb
};
// As plain numbers: a list of vectors of this length is more than clang's warnings can walk.
struct Written {
  const char* op;
  DType dtype;
  size_t operands;
  double at[2], want[6];
};
constexpr Written written[] = {
#define SG_POINT1(op, type, x, y, dy, ddy) {#op, type, 1, {x, 0}, {y, dy, ddy, 0, 0, 0}},
#define SG_POINT2(op, type, a, b, y, da, db, daa, dab, dbb) {#op, type, 2, {a, b}, {y, da, db, daa, dab, dbb}},
#include "tests/autograd/ops/special_points.inc"
#undef SG_POINT1
#undef SG_POINT2
};
const std::vector<Point>& points() {
  static const std::vector<Point> all = [] {
    std::vector<Point> made;
    for (const Written& w : written) made.push_back({w.op, w.dtype, {w.at, w.at + w.operands}, {w.want, w.want + 3 * w.operands}});
    return made;
  }();
  return all;
}

// Relative errors in units of the type's epsilon: of values, first and second derivatives.
struct Tolerance {
  double of[3];
};
Tolerance tolerance(const std::string& op) {
  static const std::map<std::string, Tolerance> wide = {
      {"lgamma", {{8, 40, 32}}}, {"digamma", {{40, 32, 64}}}, {"inverse_mills_slope", {{8, 1000, 32}}}};
  const auto found = wide.find(op);
  return found == wide.end() ? Tolerance{{8, 16, 32}} : found->second;
}

void check(const char* what, const Tensor& got, const std::vector<const Point*>& at, size_t which, int order) {
  const std::vector<double> v = got.to_vector<double>();
  const bool single = at[0]->dtype == float32;
  const double eps = single ? 0x1p-23 : 0x1p-52, least = single ? 0x1p-126 : 0x1p-1022;
  for (size_t i = 0; i < at.size(); ++i) {
    const double want = at[i]->want[which];
    if (want == ANY) continue;
    const bool close = v[i] == want || (std::isnan(v[i]) && std::isnan(want)) ||
                       std::abs(v[i] - want) <= tolerance(at[i]->op).of[order] * eps * std::abs(want) + 4 * least;
    INFO(what << " of " << at[i]->op << " in " << name_of(at[i]->dtype) << " at " << at[i]->at[0] << ", "
              << (at[i]->at.size() > 1 ? at[i]->at[1] : 0) << ": got " << v[i] << ", want " << want);
    CHECK(close);
  }
}

Tensor column(const std::vector<const Point*>& at, size_t operand) {
  std::vector<double> v;
  for (const Point* p : at) v.push_back(p->at[operand]);
  return from(v, {static_cast<int64_t>(v.size())}, {at[0]->dtype}).requires_grad();
}
Tensor on(Op op, const Tensors& xs) { return xs.size() == 1 ? elementwise(op, xs[0]) : elementwise(op, xs[0], xs[1]); }
Tensor slope(const Tensor& y, const Tensor& x, bool again = true) {
  if (!y.tracked()) return zeros_like(x);
  return grad(y, x, {.seed = ones_like(y), .create_graph = again, .allow_unused = true});
}

void check_row(Op op, const std::vector<const Point*>& at) {
  const size_t operands = at[0]->at.size();
  Tensors xs;
  for (size_t i = 0; i < operands; ++i) xs.push_back(column(at, i));
  const Tensor y = on(op, xs);
  check("value", y, at, 0, 0);
  const size_t second[2][2] = {{operands + 1, operands + 2}, {operands + 2, operands + 3}};
  for (size_t i = 0; i < operands; ++i) {
    const std::string by = operands == 1 ? "" : i == 0 ? " by a" : " by b";
    const Tensor d = slope(y, xs[i]);
    check(("derivative" + by).c_str(), d, at, 1 + i, 1);
    check(("fused derivative" + by).c_str(), slope(y, xs[i], false), at, 1 + i, 1);
    check(("forward derivative" + by).c_str(), pushforward(y, {xs[i]}, {ones_like(y)}), at, 1 + i, 1);
    for (size_t k = 0; k < operands; ++k) {
      const std::string twice = by + (operands == 1 ? "" : k == 0 ? " and a" : " and b");
      check(("second derivative" + twice).c_str(), slope(d, xs[k]), at, second[i][k], 2);
      if (d.tracked())
        check(("second derivative, forward over reverse," + twice).c_str(), pushforward(d, {xs[k]}, {ones_like(d)}), at, second[i][k], 2);
    }
  }
}

std::map<std::string, std::vector<const Point*>> by_row(DType dtype) {
  std::map<std::string, std::vector<const Point*>> out;
  for (const Point& p : points())
    if (p.dtype == dtype) out[p.op].push_back(&p);
  return out;
}

}  // namespace

TEST_CASE("every floating row has its special points, in both types") {
  for (DType dtype : {float32, float64}) {
    const auto known = by_row(dtype);
    for (const Row& r : rows) {
      if (r.form == Form::compare || r.form == Form::select || !accepts(r.types, dtype)) continue;
      CAPTURE(r.name, name_of(dtype));
      const auto found = known.find(r.name);
      CHECK((found != known.end() && found->second.size() > 3));
    }
  }
}

TEST_CASE("at special points every row has the value and the derivatives of the mathematics") {
  for (DType dtype : {float32, float64}) {
    const auto known = by_row(dtype);
    for (int k = 0; k < op_count; ++k) {
      const auto found = known.find(rows[k].name);
      if (found != known.end()) check_row(static_cast<Op>(k), found->second);
    }
  }
}

TEST_CASE("a compiled step that was recorded at ordinary operands has the eager bits at special ones") {
  int64_t compared = 0;
  for (DType dtype : {float32, float64}) {
    const auto known = by_row(dtype);
    for (int k = 0; k < op_count; ++k) {
      const auto found = known.find(rows[k].name);
      if (found == known.end()) continue;
      const std::vector<const Point*>& at = found->second;
      const Op op = static_cast<Op>(k);
      const auto all = [op](const Tensors& in) {
        Tensors xs;
        for (const Tensor& x : in) xs.push_back(alias(x.detach()).requires_grad());
        Tensors out{on(op, xs)};
        for (const Tensor& x : xs) out.push_back(slope(out[0], x));
        for (size_t i = 0; i < xs.size(); ++i) out.push_back(slope(out[1 + i], xs[i]));
        for (Tensor& x : out) x = x.detach();
        return out;
      };
      Tensors special, usual;
      for (size_t i = 0; i < at[0]->at.size(); ++i) {
        special.push_back(column(at, i).detach());
        usual.push_back(full(special[i].shape(), i == 0 ? 0.3 : 0.7, like(special[i])));
      }
      CompiledStep step(all);
      for (int call = 0; call < 5; ++call) step(usual);
      REQUIRE(step.replayed() > 0);
      const Tensors got = step(special), want = all(special);
      for (size_t i = 0; i < want.size(); ++i) {
        const std::vector<double> a = got[i].to_vector<double>(), b = want[i].to_vector<double>();
        for (size_t j = 0; j < a.size(); ++j, ++compared) {
          CAPTURE(rows[k].name, name_of(dtype), i, at[j]->at[0], a[j], b[j]);
          CHECK(((std::isnan(a[j]) && std::isnan(b[j])) || (a[j] == b[j] && std::signbit(a[j]) == std::signbit(b[j]))));
        }
      }
    }
  }
  CHECK(compared > 5000);
}

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The Hessian of a scalar function by rows, reverse over reverse.
std::vector<double> hessian_of(const Function& f, const Tensor& at) {
  const Tensor x = alias(at.detach()).requires_grad(), g = grad(f(x), x, {.create_graph = true});
  std::vector<double> second;
  for (int64_t i = 0; i < x.numel(); ++i)
    for (double v : grad(select(g, 0, i), x, {.allow_unused = true}).to_vector<double>()) second.push_back(v);
  return second;
}
std::vector<double> slope_of(const Function& f, const Tensor& at) {
  const Tensor x = alias(at.detach()).requires_grad();
  const std::vector<double> plain = grad(f(x), x).to_vector<double>();
  check_close(grad(f(x), x, {.create_graph = true}), plain, at.dtype() == float32 ? 2e-6 : 1e-14);
  return plain;
}

}  // namespace

TEST_CASE("norm is right in the whole range of its type, and the square of a norm has the Hessian of a sum of squares at 0") {
  for (const auto& [dtype, scale] :
       {std::pair{float32, 1e30}, {float32, 1e-30}, {float32, 1e38 / 2}, {float64, 1e200}, {float64, 1e-200}}) {
    const Tensor x = from({3 * scale, 4 * scale, 0, -12 * scale / 2}, {2, 2}, {dtype});
    const std::vector<double> y = norm(x, {1}).to_vector<double>();
    CHECK(std::abs(y[0] / scale - 5) < 2e-6);
    CHECK(std::abs(y[1] / scale - 6) < 2e-6);
    check_close(slope_of([](const Tensor& t) { return sum(norm(t, {1})); }, x), {0.6, 0.8, 0, -1}, 2e-7);
  }
  const Tensor zero = zeros({3}, {float64});
  CHECK(norm(zero).item() == 0);
  check_close(slope_of([](const Tensor& t) { return norm(t); }, zero), {0, 0, 0});
  CHECK_FALSE(std::isfinite(hessian_of([](const Tensor& t) { return norm(t); }, zero)[0]));  // a cone has none
  const std::vector<double> two{2, 0, 0, 0, 2, 0, 0, 0, 2};
  check_close(hessian_of([](const Tensor& t) { return square(norm(t)); }, zero), two, 0);
  check_close(hessian_of([](const Tensor& t) { return norm(t) * norm(t); }, zero), two, 0);
  check_close(hessian_of([](const Tensor& t) { return pow(norm(t), 2); }, zero), two, 0);
  check_close(hessian_of([](const Tensor& t) { return norm(t) * norm(t) * norm(t); }, zero), std::vector<double>(9), 0);
  check_close(hessian_of([](const Tensor& t) { return square(square(norm(t))); }, zero), std::vector<double>(9), 0);
  CHECK(std::abs(hessian_of([](const Tensor& t) { return cos(sqrt(square(norm(t)) + 1)); }, zero)[0] + std::sin(1.0)) < 1e-15);
  // What is smooth but not written in the square says that it does not know.
  for (const Function& f :
       {Function([](const Tensor& t) { return pow(norm(t), 4); }), Function([](const Tensor& t) { return cos(norm(t)); })}) {
    check_close(slope_of(f, zero), {0, 0, 0}, 0);
    CHECK(std::isnan(hessian_of(f, zero)[0]));
  }
}

TEST_CASE("implicit score matching of a half squared norm is -d at its centre") {
  const Tensor x = zeros({4}, {float64}).requires_grad();
  const Tensor score = -grad(0.5 * square(norm(x)), x, {.create_graph = true});
  double divergence = 0;
  for (int64_t i = 0; i < 4; ++i) divergence += grad(select(score, 0, i), x).to_vector<double>()[static_cast<size_t>(i)];
  CHECK(divergence + 0.5 * sum(square(score)).item() == -4);
  const Function energy = [](const Tensor& t) { return 0.5 * square(norm(t)); };
  check_close(hvp(energy, zeros({4}, {float64}), ones({4}, {float64})), {1, 1, 1, 1}, 0);  // forward over reverse
  const Function lengths = [](const Tensor& t) { return sum(square(norm(t, {1}))); };
  check_close(hvp(lengths, zeros({2, 2}, {float64}), ones({2, 2}, {float64})), {2, 2, 2, 2}, 0);
}

TEST_CASE("powers with exponents in a tensor have all their derivatives at 0") {
  for (DType dtype : {float32, float64}) {
    const Tensor x = zeros({5}, {dtype}).requires_grad(), n = from({0, 1, 2, 3, 4}, {dtype});
    const std::vector<std::vector<double>> want{{0, 1, 0, 0, 0}, {0, 0, 2, 0, 0}, {0, 0, 0, 6, 0}, {0, 0, 0, 0, 24}, {0, 0, 0, 0, 0}};
    Tensor y = pow(x, n);
    for (const std::vector<double>& order : want) {
      y = grad(y, x, {.seed = ones_like(y), .create_graph = true, .allow_unused = true});
      check_close(y, order, 0);
    }
  }
}

TEST_CASE("entropy's p log p has an infinite slope at 0, of the right sign") {
  const Tensor p = from({0, 0.5}, {float64}).requires_grad(), y = xlogy(p, p);
  check_close(y, {0, 0.5 * std::log(0.5)});
  const Tensor d = grad(sum(y), p, {.create_graph = true});
  check_close(d, {-INF, 1 + std::log(0.5)});
  check_close(grad(sum(d), p), {INF, 2});
}

TEST_CASE("logsumexp and softmax at infinities") {
  const auto row = [](double a, double b) { return from({a, b}, {float64}); };
  const auto lse = [](const Tensor& t) { return logsumexp(t); };
  CHECK(logsumexp(row(INF, 1)).item() == INF);
  check_close(slope_of(lse, row(INF, 1)), {1, 0});
  check_close(slope_of(lse, row(INF, INF)), {0.5, 0.5});
  check_close(slope_of(lse, row(INF, -INF)), {1, 0});
  check_close(slope_of(lse, row(-INF, 1)), {0, 1});
  check_close(slope_of(lse, row(-INF, -INF)), {0, 0});
  check_close(hessian_of(lse, row(INF, 1)), {0, 0, 0, 0});
  check_close(softmax(row(INF, 1)), {1, 0});
  check_close(softmax(row(1, -INF)), {1, 0});
  check_close(softmax(row(INF, INF)), {0.5, 0.5});
  check_close(softmax(row(-INF, -INF)), {not_a_number, not_a_number});  // shares of nothing
  check_close(slope_of([](const Tensor& t) { return select(softmax(t), 0, 0); }, row(INF, 1)), {0, 0});
  check_close(log_softmax(row(INF, 1)), {0, -INF});
  check_close(log_softmax(row(not_a_number, 1)), {not_a_number, not_a_number});
}

TEST_CASE("spreads and norms of numbers that lie close together, and of huge ones") {
  check_close(var(from({1e7, 1e7 + 1, 1e7 + 2, 1e7 + 3})), {5.0 / 3}, 1e-6);
  check_close(var(from({1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3}, {float64})), {5.0 / 3}, 1e-14);
  const Tensor one = ones({4}), none = zeros({4}), u = from({1, -2, 0.5, 3});
  for (double scale : {1.0, 1e30, 1e18, 1e-2}) {
    const double start = scale == 1 ? 1e7 : 0, eps = 1e-5;
    const Tensor x = from({start, start + scale, start + 2 * scale, start + 3 * scale}, {1, 4});
    const double rate = 1 / std::sqrt(1.25 * scale * scale + eps);
    std::vector<double> n, g;
    const double weight[] = {1, -2, 0.5, 3};
    double mean_u = 0, mean_nu = 0;
    for (int i = 0; i < 4; ++i) n.push_back((i - 1.5) * scale * rate), mean_u += weight[i] / 4, mean_nu += n.back() * weight[i] / 4;
    for (size_t i = 0; i < 4; ++i) g.push_back((weight[i] - mean_u - n[i] * mean_nu) * rate * scale);
    CAPTURE(scale);
    check_close(layer_norm(x, one, none, eps), n, 1e-6);
    check_close(slope_of([&](const Tensor& t) { return sum(layer_norm(t * scale, one, none, eps) * u); }, x / scale), g, 1e-5);
    const Tensor image = reshape(x, {1, 2, 2});
    check_close(group_norm(image, 1, ones({2}), zeros({2}), eps), n, 1e-6);
  }
  // Second derivatives do not depend on where the numbers lie.
  const Function f = [&](const Tensor& t) { return sum(square(layer_norm(t, one, none) * u)); };
  const Tensor near = from({0, 1, 2, 3}, {1, 4}), far = near + 1e7, v = reshape(u, {1, 4});
  check_close(hvp(f, far, v), hvp(f, near, v).to_vector<double>(), 1e-5);
}
