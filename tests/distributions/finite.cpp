#include "distributions/finite.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/mixture.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
const Tensor points = from({1, 2, -1, 0.5, 3, -2, 0, 0}, {4, 2}, f64);
const Tensor log_weights = from({0.1, -0.5, 0.3, 1.2}, f64);
const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64);
}  // namespace

TEST_CASE("a noised data set is the mixture with one point mass an observation, noised") {
  const FiniteData data{points, log_weights};
  const Mixture masses{log_weights, points, zeros({4, 2, 2}, f64)};
  const FiniteData got = data.noised(0.9, 0.5);
  const Mixture want = masses.noised(0.9, 0.5);
  CHECK(apart(got.score(x), want.score(x)) < 1e-13);
  CHECK(apart(got.log_density(x), want.log_density(x)) < 1e-13);
  CHECK(apart(got.posterior(x), want.posterior(x)) < 1e-13);
  CHECK(apart(got.noised(0.8, 0.3).score(x), want.noised(0.8, 0.3).score(x)) < 1e-13);
}

TEST_CASE("the score of a noised data set is the gradient of its log-density, and moves with points and weights") {
  const Tensor at = x.detach().requires_grad(), p = points.detach().requires_grad(), w = log_weights.detach().requires_grad();
  const FiniteData law = FiniteData{p, w}.noised(1, 0.7);
  CHECK(apart(grad(sum(law.log_density(at)), at), law.score(x).detach()) < 1e-13);
  const Mixture want = Mixture{w, p, zeros({4, 2, 2}, f64)}.noised(1, 0.7);
  const Tensors a = grad(sum(square(law.score(x))), {p, w}), b = grad(sum(square(want.score(x))), {p, w});
  CHECK(apart(a[0], b[0]) < 1e-12);
  CHECK(apart(a[1], b[1]) < 1e-12);
}

TEST_CASE("far from the origin the score loses no accuracy, far from the data it points at the nearest point") {
  const FiniteData near = FiniteData{points}.noised(1, 0.1), far = FiniteData{points + 1e6}.noised(1, 0.1);
  CHECK(apart(far.score(x + 1e6), near.score(x)) < 1e-6);  // 1e6 itself carries 1e-10, and 1/sigma^2 is 100
  CHECK(apart(near.score(from({100, -100}, {1, 2}, f64)), from({(3 - 100.0) / 0.01, (-2 + 100.0) / 0.01}, {1, 2}, f64)) < 1e-14);
}

TEST_CASE("equal weights are the default, and samples have the given probabilities") {
  CHECK(apart(FiniteData{points}.log_probabilities(), full({4}, -std::log(4.0), f64)) < 1e-15);
  const int64_t n = 20000;
  const std::vector<double> p = exp(FiniteData{points, log_weights}.log_probabilities()).to_vector<double>();
  for (const bool weighted : {false, true}) {
    const FiniteData data{points, weighted ? log_weights : Tensor{}};
    std::vector<double> seen(4);
    for (int64_t i : data.sample_index(n, Key(2)).to_vector<int64_t>()) seen.at(static_cast<size_t>(i)) += 1.0 / static_cast<double>(n);
    for (size_t i = 0; i < 4; ++i) {
      const double q = weighted ? p[i] : 0.25;
      CHECK(std::abs(seen[i] - q) < 5 * std::sqrt(q * (1 - q) / n));
    }
  }
  CHECK(FiniteData{points}.sample(6, Key(3)).shape() == Shape{6, 2});
}

TEST_CASE("points without noise have no score, and say so") {
  CHECK_THROWS_AS(FiniteData{points}.score(x), Error);
  CHECK_THROWS_AS(FiniteData{points}.noised(1, 1).score(zeros({1, 3}, f64)), Error);
  CHECK_THROWS_AS((FiniteData{stack({points, points})}.sample(3, Key(1))), Error);
}

TEST_CASE("points that lie close together beside one far away are told apart in float32, as in float64") {
  const Options f32{.dtype = float32};
  // At the middle of the first two; the third is 2000 away.
  const FiniteData p{from({-1000, -999.9375, 1000}, {3, 1}, f32), {}, scalar(0x1p-5, f32)};
  const Tensor at = from({-999.96875}, {1, 1}, f32);
  CHECK(apart(p.posterior(at), from({0.5, 0.5, 0}, {1, 3}, f32)) < 1e-7);
  CHECK(apart(p.score(at), zeros({1, 1}, f32)) < 1e-6);
  // The same across more dimensions than differences are taken in.
  const Tensor axis = concat({from({1}, {1, 1}, f32), zeros({1, 19}, f32)}, 1);
  const FiniteData wide{matmul(p.points, axis), {}, p.spread};
  CHECK(apart(wide.posterior(matmul(at, axis)), from({0.5, 0.5, 0}, {1, 3}, f32)) < 1e-5);
  const Tensor there = wide.log_density(matmul(at, axis));
  // log(2/3) - 1/2 - 10 log(2 pi 2^-10)
  CHECK(std::abs(there.item() - (std::log(2.0 / 3) - 0.5 - 10 * std::log(2 * std::acos(-1.0) / 1024))) < 1e-4);
}

TEST_CASE("few and many dimensions agree, in values and derivatives, where both are exact") {
  const auto padded = [](const Tensor& t) { return concat({t, zeros({t.extent(0), 9}, f64)}, 1); };  // 2 -> 11 dimensions
  const Tensor p = points.detach().requires_grad(), w = log_weights.detach().requires_grad(), at = x.detach().requires_grad();
  const FiniteData few = FiniteData{p, w}.noised(0.9, 0.6), many = FiniteData{padded(p), w}.noised(0.9, 0.6);
  const Tensor a = few.score(at), b = slice_axis(many.score(padded(at)), 1, 0, 2);
  CHECK(apart(a.detach(), b.detach()) < 1e-13);
  const Tensors ga = grad(sum(square(a)), {p, w, at}), gb = grad(sum(square(b)), {p, w, at});
  for (size_t i = 0; i < 3; ++i) CHECK(apart(ga[i], gb[i]) < 1e-12);
}
