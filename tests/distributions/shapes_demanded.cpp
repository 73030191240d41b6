// Distributions demand the shapes of their parameters: weights of another length would integrate to something else than 1.
#include "distributions/encoder.h"
#include "distributions/half_space.h"
#include "distributions/mixture.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
const Tensor x = from({0.3, -1, 2}, {3, 1}, f64), means = from({-1, 1}, {2, 1}, f64), factors = ones({2, 1, 1}, f64);
}  // namespace

TEST_CASE("weights of another length are refused, by every function of a mixture and of finite data") {
  for (const Shape& wrong : {Shape{1}, Shape{3}, Shape{4}, Shape{}, Shape{2, 1}, Shape{4, 2}}) {
    const Mixture m{zeros(wrong, f64), means, factors};
    CHECK_THROWS_AS(m.log_density(x), Error);
    CHECK_THROWS_AS(m.score(x), Error);
    CHECK_THROWS_AS(m.posterior(x), Error);
    CHECK_THROWS_AS(m.evaluate(x), Error);
    CHECK_THROWS_AS(m.sample(5, Key(1)), Error);
    CHECK_THROWS_AS(m.noised(1, 0.5), Error);
    const FiniteData p{means, zeros(wrong, f64), scalar(0.5, f64)};
    CHECK_THROWS_AS(p.log_density(x), Error);
    CHECK_THROWS_AS(p.score(x), Error);
    CHECK_THROWS_AS(p.posterior(x), Error);
    CHECK_THROWS_AS(p.sample(5, Key(1)), Error);
    CHECK_THROWS_AS(p.noised(1, 0.5), Error);
  }
  const std::string said = message_of([] { Mixture{zeros({4}, f64), means, factors}.score(x); });
  CHECK(said.find("Mixture: [2] wanted for the log_weights, [4] came") != std::string::npos);
}

TEST_CASE("so are factors, spreads, codes, normals and points that do not fit") {
  CHECK_THROWS_AS((Mixture{zeros({2}, f64), means, ones({1, 1, 1}, f64)}.score(x)), Error);
  CHECK_THROWS_AS((Mixture{zeros({2}, f64), means, ones({2, 1, 2}, f64)}.sample(3, Key(1))), Error);
  CHECK_THROWS_AS((Gaussian{zeros({2}, f64), eye(1, f64)}.score(zeros({3, 2}, f64))), Error);
  CHECK_THROWS_AS((Gaussian{zeros({1}, f64), eye(2, f64)}.sample(3, Key(1))), Error);
  CHECK_THROWS_AS((Gaussian{zeros({1}, f64), eye(2, f64)}.noised(1, 1)), Error);
  CHECK_THROWS_AS((FiniteData{means, {}, ones({2}, f64)}.score(x)), Error);
  CHECK_THROWS_AS((FiniteData{means, {}, ones({1}, f64)}.score(x)), Error);
  CHECK_THROWS_AS((FiniteData{means, {}, ones({}, f64)}.score(zeros({3, 2}, f64))), Error);
  const NoisyEncoder q{.data = {means}, .encode = [](const Tensor& t) { return t; }, .tau = 0.5};
  CHECK_THROWS_AS(q.score(x, x, ones({3, 1}, f64), 1, 0.5), Error);
  CHECK_THROWS_AS(q.score(x, ones({3, 2}, f64), means, 1, 0.5), Error);
  CHECK_THROWS_AS((NoisyEncoder{q.data, q.encode, -0.1}.score(x, x, means, 1, 0.5)), Error);
  CHECK_THROWS_AS((NoisyEncoder{q.data, q.encode, ones({3}, f64)}.score(x, x, means, 1, 0.5)), Error);
  CHECK_THROWS_AS((LinearEncoder{Gaussian::standard(1, f64), ones({}, f64), ones({2}, f64)}.posterior()), Error);
  CHECK_THROWS_AS(half_space_mass({zeros({2}, f64), means, factors}, ones({2}, f64)), Error);
}

TEST_CASE("a mixture whose parts share a batch axis, or have none, still broadcasts over the batch") {
  const Tensor batch = broadcast_to(means, {3, 2, 1});
  const Mixture m{zeros({2}, f64), batch, factors};
  CHECK(m.log_density(broadcast_to(x, {3, 3, 1})).shape() == Shape{3, 3});
}
