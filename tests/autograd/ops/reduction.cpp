// Values of reductions against loops in double, and what happens at their edges.
#include <limits>

#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

using Fold = std::function<double(const std::vector<double>&)>;

// Reduces `axes` (sorted) of x by collecting each result's elements in row-major order.
std::vector<double> folded(const Tensor& x, const Axes& axes, const Fold& f) {
  const std::vector<double> v = x.to_vector<double>();
  std::vector<std::vector<double>> groups;
  Shape s = x.shape();
  int64_t count = 1;
  for (int i = 0; i < s.rank; ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) count *= s[i];
  groups.resize(static_cast<size_t>(count));
  for (int64_t k = 0; k < x.numel(); ++k) {
    int64_t rest = k, at = 0, stride = 1;
    for (int i = s.rank - 1; i >= 0; --i) {
      const int64_t index = rest % s[i];
      rest /= s[i];
      if (std::find(axes.begin(), axes.end(), i) != axes.end()) continue;
      at += index * stride;
      stride *= s[i];
    }
    groups[static_cast<size_t>(at)].push_back(v[static_cast<size_t>(k)]);
  }
  std::vector<double> out;
  for (const auto& g : groups) out.push_back(f(g));
  return out;
}

double total(const std::vector<double>& v) {
  double s = 0;
  for (double x : v) s += x;
  return s;
}
double average(const std::vector<double>& v) { return total(v) / static_cast<double>(v.size()); }
double spread(const std::vector<double>& v, double correction) {
  double s = 0;
  for (double x : v) s += (x - average(v)) * (x - average(v));
  return s / (static_cast<double>(v.size()) - correction);
}

}  // namespace

TEST_CASE("reductions have the value of a loop, over any axes and strides") {
  const std::vector<std::pair<std::function<Tensor(const Tensor&, const Axes&, bool)>, Fold>> ops = {
      {[](const Tensor& x, const Axes& a, bool k) { return sum(x, a, k); }, total},
      {[](const Tensor& x, const Axes& a, bool k) { return prod(x, a, k); },
       [](const std::vector<double>& v) {
         double p = 1;
         for (double x : v) p *= x;
         return p;
       }},
      {[](const Tensor& x, const Axes& a, bool k) { return max(x, a, k); },
       [](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }},
      {[](const Tensor& x, const Axes& a, bool k) { return min(x, a, k); },
       [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }},
      {[](const Tensor& x, const Axes& a, bool k) { return mean(x, a, k); }, average},
      {[](const Tensor& x, const Axes& a, bool k) { return var(x, a, 0, k); }, [](const auto& v) { return spread(v, 0); }},
      {[](const Tensor& x, const Axes& a, bool k) { return norm(x, a, k); },
       [](const std::vector<double>& v) {
         double s = 0;
         for (double x : v) s += x * x;
         return std::sqrt(s);
       }},
      {[](const Tensor& x, const Axes& a, bool k) { return logsumexp(x, a, k); },
       [](const std::vector<double>& v) {
         double s = 0;
         for (double x : v) s += std::exp(x);
         return std::log(s);
       }},
  };
  for (const auto& [op, fold] : ops)
    for (const Tensor& x : {draw({2, 3, 4}), scattered(draw({2, 3, 4})), draw({1, 1, 1}), draw({5, 70, 1})})
      for (const Axes& axes : {Axes{0}, Axes{1}, Axes{2}, Axes{0, 2}, Axes{1, 2}, Axes{0, 1, 2}}) {
        check_close(op(x, axes, false), folded(x, axes, fold));
        CHECK(op(x, axes, true).rank() == 3);
        check_close(op(to(x, float32), axes, false), folded(x, axes, fold), 2e-5);
      }
  check_close(var(draw({6})), {spread(draw({6}).to_vector<double>(), 1)});
  CHECK(sum(scalar(3)).item() == 3);
  CHECK(max(scalar(3)).item() == 3);
}

TEST_CASE("reductions of nothing: sums and products have a value, extremes are refused") {
  const Tensor x = zeros({0, 3}, {float64});
  check_close(sum(x, {0}), {0, 0, 0});
  check_close(prod(x, {0}), {1, 1, 1});
  check_close(logsumexp(x, {0}), {-inf, -inf, -inf});
  check_close(norm(x, {0}), {0, 0, 0});
  check_close(mean(x, {0}), {not_a_number, not_a_number, not_a_number});
  CHECK(max(x, {1}).shape() == Shape{0});
  CHECK(contains(message_of([&] { max(x, {0}); }), "max: axis 0 of shape [0, 3] has no elements"));
  CHECK_THROWS_AS(argmax(x, 0), Error);
  Tensor leaf = zeros({0, 3}, {float64}).requires_grad();
  CHECK(grad(sum(prod(leaf, {0})), leaf).shape() == Shape{0, 3});
}

TEST_CASE("ties of max and min share the gradient; NaN goes through") {
  const Tensor x = from({1, 3, 3, 2, 2, 2}, {2, 3}, {float64}).requires_grad();
  check_close(grad(sum(max(x, {1})), x), {0, 0.5, 0.5, 1 / 3.0, 1 / 3.0, 1 / 3.0});
  check_close(grad(sum(min(x, {1})), x), {1, 0, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0});
  check_close(max(from({1, not_a_number, 3}, {float64})), {not_a_number});
  check_close(argmax(from({1, 3, 3}, {float64}), 0), {1});
  check_close(argmin(from({2, 1, 1}, {float64}), -1, true), {1});
}

TEST_CASE("the gradient of a product is right where elements are zero: none, one, two") {
  for (const std::vector<double>& v : {std::vector<double>{2, 3, 4, 5}, {2, 0, 4, 5}, {2, 0, 0, 5}, {0, 0, 0, 5}}) {
    const Tensor x = from(v, {float64}).requires_grad();
    const Tensor g = grad(prod(x), x, {.create_graph = true});
    std::vector<double> want(4, 1), second(4, 0);
    for (size_t i = 0; i < 4; ++i)
      for (size_t j = 0; j < 4; ++j)
        if (i != j) want[i] *= v[j];
    check_close(g, want);
    for (size_t i = 0; i < 4; ++i)  // the sum of row i of the Hessian: products of all but two
      for (size_t j = 0; j < 4; ++j) {
        double p = i == j ? 0 : 1;
        for (size_t k = 0; k < 4; ++k)
          if (k != i && k != j) p *= v[k];
        second[i] += p;
      }
    check_close(grad(sum(g), x), second);
  }
}

TEST_CASE("norm has gradient 0 at 0, where its second derivatives are not finite") {
  const Tensor x = from({0, 0, 3, 4}, {2, 2}, {float64}).requires_grad();
  const Tensor y = norm(x, {1});
  check_close(y, {0, 5});
  const Tensor g = grad(sum(y), x, {.create_graph = true});
  check_close(g, {0, 0, 0.6, 0.8});
  const std::vector<double> second = grad(sum(g * from({1, 2, 1, 0}, {2, 2}, {float64})), x).to_vector<double>();
  CHECK_FALSE(std::isfinite(second[0]));
  check_close({second[2], second[3]}, {0.128, -0.096});
}

TEST_CASE("logsumexp neither overflows nor loses rows of -inf, in value and gradient") {
  const Tensor x = from({1000, 1001, -inf, -inf, -inf, 2, -1000, -1001}, {4, 2}, {float64}).requires_grad();
  const double step = std::log1p(std::exp(-1.0)), p = 1 / (1 + std::exp(-1.0));
  check_close(logsumexp(x, {1}), {1001 + step, -inf, 2, -1000 + step});
  check_close(grad(sum(where(logsumexp(x, {1}) > -1e300, logsumexp(x, {1}), 0)), x), {1 - p, p, 0, 0, 0, 1, p, 1 - p});
  check_close(grad(sum(logsumexp(x, {1})), x), {1 - p, p, 0, 0, 0, 1, p, 1 - p});
  check_close(logsumexp(from({inf, 1}, {float64})), {inf});
  check_close(logsumexp(from({not_a_number, 1}, {float64})), {not_a_number});
  check_close(softmax(from({1000, 1001, -inf}, {float64})), {1 - p, p, 0});
  check_close(log_softmax(from({-1000, -1001, -inf}, {float64})), {-step, -1 - step, -inf});
}

TEST_CASE("running sums, any and all") {
  check_close(cumsum(from({1, 2, 3, 4, 5, 6}, {2, 3}, {float64}), 1), {1, 3, 6, 4, 9, 15});
  check_close(cumsum(from({1, 2, 3, 4, 5, 6}, {2, 3}, {float64}), 0), {1, 2, 3, 5, 7, 9});
  const Tensor m = from({1, 0, 0, 0, 1, 1}, {3, 2}, {boolean});
  check_close(any(m, {1}), {1, 0, 1});
  check_close(all(m, {1}), {0, 0, 1});
  CHECK(any(m).item() == 1);
  CHECK(all(m).item() == 0);
  CHECK(any(m).dtype() == boolean);
  CHECK_THROWS_AS(any(draw({2})), Error);
  CHECK_THROWS_AS(sum(m), Error);
}

TEST_CASE("activations keep their tails: no overflow in a gradient") {
  const Tensor x = from({-800, -1, 0, 1, 800}, {float64}).requires_grad();
  check_close(elu(x), {-1, std::expm1(-1), 0, 1, 800});
  check_close(grad(sum(elu(x)), x), {0, std::exp(-1), 1, 1, 1});
  check_close(grad(sum(elu(x, 2)), x), {0, 2 * std::exp(-1), 2, 1, 1});
  check_close(leaky_relu(x, 0.1), {-80, -0.1, 0, 1, 800});
  check_close(clamp(x, -1, inf), {-1, -1, 0, 1, 800});
  check_close(clamp(from({not_a_number}, {float64}), -1, 1), {not_a_number});
}

TEST_CASE("normalisations have mean 0 and variance 1 before weight and bias") {
  const Tensor x = draw({4, 6}), w = draw({6}, 0.5, 2), b = draw({6}, -1, 1, 1);
  const Tensor plain = layer_norm(x, ones({6}, {float64}), zeros({6}, {float64}), 0);
  check_close(mean(plain, {1}), {0, 0, 0, 0});
  check_close(var(plain, {1}, 0), {1, 1, 1, 1});
  check_close(layer_norm(x, w, b), layer_norm(x, ones({6}, {float64}), zeros({6}, {float64})) * w + b);
  const Tensor image = draw({2, 6, 3, 5});
  const Tensor grouped = group_norm(image, 2, ones({6}, {float64}), zeros({6}, {float64}), 0);
  check_close(mean(reshape(grouped, {4, 45}), {1}), {0, 0, 0, 0});
  check_close(group_norm(image, 3, w, b),
              group_norm(image, 3, ones({6}, {float64}), zeros({6}, {float64})) * reshape(w, {6, 1, 1}) + reshape(b, {6, 1, 1}));
}

TEST_CASE("clamp takes tensors: beyond a bound the gradient is the bound's, and the upper one wins") {
  const Tensor x = from({-2, 0, 2, 5}, {float64}).requires_grad(), lo = from({-1, -1, 3, 0}, {float64}).requires_grad(),
               hi = scalar(4, {float64}).requires_grad();
  const Tensor y = clamp(x, lo, hi);
  check_close(y, {-1, 0, 3, 4});
  const Tensors g = grad(sum(y), {x, lo, hi});
  check_close(g[0], {0, 1, 0, 0});
  check_close(g[1], {1, 0, 1, 0});
  check_close(g[2], {1});
  check_close(clamp(x.detach(), 1, from({0, 3, 3, 3}, {float64})), {0, 1, 2, 3});
  check_gradients([](const Tensors& v) { return clamp(v[0], v[1], v[2]); }, {draw({3, 4}, -3, 3), draw({4}, -2, -1), draw({3, 1}, 1, 2)});
  CHECK(clamp(indices({1, 5, 9}), 2, indices({6})).to_vector<int64_t>() == std::vector<int64_t>{2, 5, 6});
}

TEST_CASE("stddev is the root of the variance, also where it is zero") {
  const Tensor x = draw({3, 5});
  check_close(stddev(x), sqrt(var(x)));
  check_close(stddev(x, {1}, 0, true), sqrt(var(x, {1}, 0, true)));
  CHECK(stddev(ones({4}, {float64})).item() == 0);
  const Tensor same = ones({3}, {float64}).requires_grad();
  check_close(grad(stddev(same), same), {0, 0, 0});
  check_gradients([](const Tensors& v) { return stddev(v[0], {1}); }, {x});
  CHECK(contains(message_of([] { stddev(indices({1, 2})); }), "stddev: not defined for int64"));
}
