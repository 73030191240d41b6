// Law: an exact decomposition of Gaussians keeps its digits at small noise, however narrow and turned the covariance is, and says where it
// cannot. What is right are closed forms in long double: S = F F' + sigma^2 I, s = W x_t + u.
#include <cmath>

#include "losses/decomposition.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::losses;
using namespace scoregrad::distributions;

namespace {

const Options f64{.dtype = float64};
using Real = long double;

struct Matrix {
  Real a, b, c, d;
  friend Matrix operator*(const Matrix& x, const Matrix& y) {
    return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
  }
  friend Matrix operator*(Real k, const Matrix& x) { return {k * x.a, k * x.b, k * x.c, k * x.d}; }
  friend Matrix operator+(const Matrix& x, const Matrix& y) { return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d}; }
};
Matrix transposed(const Matrix& x) { return {x.a, x.c, x.b, x.d}; }
Matrix inverted(const Matrix& x) {
  const Real det = x.a * x.d - x.b * x.c;
  return {x.d / det, -x.b / det, -x.c / det, x.a / det};
}
Real trace_of(const Matrix& x) { return x.a + x.d; }
Real square_of(const Matrix& x) { return x.a * x.a + x.b * x.b + x.c * x.c + x.d * x.d; }
const Matrix one{1, 0, 0, 1};
Matrix turned(double angle) { return {std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)}; }
Matrix as_matrix(const Tensor& x) {
  const std::vector<double> v = x.to_vector<double>();
  return {v[0], v[1], v[2], v[3]};
}

// Largest error of a term's value and of its gradients in the factor, relative to what is larger of gradient and loss, and whether the
// stated errors bound them.
struct Errors {
  double largest = 0;
  bool bounded = true;
  void add(double got, double stated, Real want, Real size) {
    const auto error = static_cast<double>(std::abs(got - want));
    largest = std::max(largest, error / static_cast<double>(size));
    bounded = bounded && error <= stated;
  }
  void add(const Term& term, Real value, const Matrix& slope, bool has_value = true) {
    if (has_value) add(term.value.mean, term.value.error, value, std::abs(value));
    const Gradient& g = term.gradient.at("F").total;
    const std::vector<double> got = g.mean[0].to_vector<double>(), stated = g.error[0].to_vector<double>();
    const Real want[] = {slope.a, slope.b, slope.c, slope.d}, size = std::max(std::sqrt(square_of(slope)), std::abs(value));
    for (size_t i = 0; i < 4; ++i) add(got[i], stated[i], want[i], size);
  }
};

Errors errors(const Decomposition& d, const Matrix& f, const Matrix& w, const std::vector<double>& mean, double sigma) {
  const Matrix data = f * transposed(f), s = data + Real(sigma) * sigma * one, precision = inverted(s), m = w + precision;
  const Real r0 = w.a * mean[0] + w.b * mean[1], r1 = w.c * mean[0] + w.d * mean[1], r = (r0 * r0 + r1 * r1) / 2;
  const Matrix noise = Real(sigma) * w + 1 / Real(sigma) * one, by_c2 = Real(-1) * (precision * (precision * f));
  const Matrix by_dsm = transposed(w) * (w * f);
  Errors e;
  e.add(d.dsm, trace_of(w * data * transposed(w)) / 2 + square_of(noise) / 2 + r, by_dsm);
  e.add(d.esm, trace_of(m * s * transposed(m)) / 2 + r, by_dsm + by_c2);
  e.add(d.ism, trace_of(w * s * transposed(w)) / 2 + r + trace_of(w), by_dsm);
  e.add(d.c2, trace_of(precision) / 2, by_c2);
  e.add(d.c3, 1 / (Real(sigma) * sigma), {0, 0, 0, 0});
  e.add(d.sds, 0, Real(-1) * (w * f), false);
  e.add(d.vsd, 0, Real(-1) * (m * f), false);
  return e;
}

Decomposition decomposed(const Matrix& f, const Matrix& w, const Tensor& mean, double sigma, Tensor& factor) {
  const auto tensor_of = [](const Matrix& x) {
    return from({static_cast<double>(x.a), static_cast<double>(x.b), static_cast<double>(x.c), static_cast<double>(x.d)}, {2, 2}, f64);
  };
  factor = tensor_of(f).requires_grad();
  const Tensor weight = tensor_of(w);
  const Score score = [&](const Tensor& xt) { return matmul(xt, transpose(weight)); };
  return decompose(score, InputDistribution{Gaussian{mean, factor}},
                   {.sigma = sigma, .rule = quadrature::gauss_hermite(3), .wrt = {{"F", factor}}});
}

}  // namespace

TEST_CASE("values and gradients hold 1e-9 at sigma from 1e-3 to 1e2, for deviations from 1e-6 to 1 in any direction") {
  for (int i = 0; i < 60; ++i) {
    const Key key = Key(51).fold(i);
    const std::vector<double> u = uniform({8}, key.fold("law"), f64).to_vector<double>();
    const double sigma = i % 2 ? 1e-3 : std::pow(10, -3 + 5 * u[0]), wide = std::pow(10, -6 * u[1]),
                 narrow = i % 3 ? 1e-6 : std::pow(10, -6 * u[2]);
    const Matrix f = turned(6 * u[3]) * Matrix{wide, 0, 0, narrow} * turned(6 * u[4]);
    const Matrix w = as_matrix(normal({4}, key.fold("w"), f64) / (1 + sigma));
    const Tensor mean = normal({2}, key.fold("mean"), f64);
    Tensor factor;
    const Decomposition d = decomposed(f, w, mean, sigma, factor);
    const Errors e = errors(d, as_matrix(factor), w, mean.to_vector<double>(), sigma);
    CAPTURE(i, sigma, wide, narrow, e.largest, d.integration);
    CHECK(d.exact);
    CHECK(e.largest < 1e-9);
    CHECK(e.bounded);
  }
}

TEST_CASE("gradients in the mean are within their stated error beside a direction without width, at small sigma") {
  for (int i = 2500; i < 3000; ++i) {  // 2557 and 2903 broke the bound when means near the origin were not counted
    const Key key = Key(53).fold(i);
    const std::vector<double> u = uniform({5}, key.fold("law"), f64).to_vector<double>();
    const double sigma = i % 2 ? 1e-3 : 3e-3;
    const Matrix f = turned(6 * u[1]) * Matrix{std::pow(10, -6 * u[2]), 0, 0, i % 3 ? 1e-6 : 0} * turned(6 * u[3]);
    const Matrix w = as_matrix(normal({4}, key.fold("w"), f64) / (1 + sigma));
    const Tensor mean = (1e-4 * normal({2}, key.fold("mean"), f64)).detach().requires_grad(),
                 weight = from({{double(w.a), double(w.b)}, {double(w.c), double(w.d)}}, f64);
    const Tensor factor = from({{double(f.a), double(f.b)}, {double(f.c), double(f.d)}}, f64);
    const Score score = [&](const Tensor& xt) { return matmul(xt, transpose(weight)); };
    const Decomposition d = decompose(score, InputDistribution{Gaussian{mean, factor}},
                                      {.sigma = sigma, .rule = quadrature::gauss_hermite(3), .wrt = {{"m", mean}}});
    // DSM, ESM and ISM see the mean in |W m|^2 / 2, C2 does not.
    const std::vector<double> m = mean.to_vector<double>();
    const Real r0 = w.a * m[0] + w.b * m[1], r1 = w.c * m[0] + w.d * m[1], slope[] = {w.a * r0 + w.c * r1, w.b * r0 + w.d * r1};
    for (const Term* term : {&d.dsm, &d.esm, &d.ism, &d.c2}) {
      const Gradient& g = term->gradient.at("m").total;
      const std::vector<double> got = g.mean[0].to_vector<double>(), stated = g.error[0].to_vector<double>();
      for (size_t k = 0; k < 2; ++k) {
        const auto off = static_cast<double>(std::abs(got[k] - (term == &d.c2 ? Real(0) : slope[k])));
        CAPTURE(i, sigma, k, off, stated[k]);
        CHECK(off <= stated[k]);
      }
    }
  }
}

TEST_CASE("a law whose mean lies far beyond 1e5 deviations of x_t from the origin is not exact in float64, and says so") {
  const Matrix f{1e-6, 0, 0, 2e-6}, w{-0.4, 0.1, 0.1, -0.3};
  for (const double distance : {1e2, 1e3}) {
    const Tensor mean = from({distance, -0.3 * distance}, f64);
    Tensor factor;
    const Decomposition d = decomposed(f, w, mean, 1e-3, factor);
    const Errors e = errors(d, as_matrix(factor), w, mean.to_vector<double>(), 1e-3);
    CAPTURE(distance, e.largest, d.integration);
    CHECK(e.bounded);
    CHECK(d.exact == (distance < 250));
    CHECK(contains(to_string(d), "NOT CONVERGED") == (distance > 250));
  }
}

TEST_CASE("a turned factor with deviations of 1e-6 beside 1 is exact at sigma = 1e-3, 1e-6 beside 20 only without its gradient") {
  const Matrix w{-0.4, 0.1, 0.1, -0.3};
  for (const double wide : {1.0, 20.0}) {
    const Matrix f = turned(0.7) * Matrix{wide, 0, 0, 1e-6} * turned(0.2);
    Tensor factor;
    const Decomposition d = decomposed(f, w, zeros({2}, f64), 1e-3, factor);
    const Errors e = errors(d, as_matrix(factor), w, {0, 0}, 1e-3);
    CAPTURE(wide, e.largest, d.integration);
    CHECK(e.bounded);
    CHECK(d.exact == (wide == 1));
    const Tensor mean = zeros({2}, f64).requires_grad();
    const Score score = [](const Tensor& xt) { return -xt; };
    CHECK(decompose(score, InputDistribution{Gaussian{mean, factor.detach()}},
                    {.sigma = 1e-3, .rule = quadrature::gauss_hermite(3), .wrt = {{"mean", mean}}})
              .exact);
  }
}
