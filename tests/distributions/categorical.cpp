#include "distributions/categorical.h"

#include <cmath>

#include "distributions/mixture.h"
#include "tests/catch.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
constexpr double never = -INFINITY;
}

TEST_CASE("a category of probability 0 is never drawn, wherever it stands") {
  for (const DType type : {float32, float64}) {
    const Options o{.dtype = type};
    std::vector<double> w(40, 0.0);
    for (size_t i = 0; i < 5; ++i) w[i] = w[39 - i] = w[20 + i] = never;
    const Tensor drawn = categorical(from(w, o), 1 << 18, Key(1));
    CHECK(min(drawn).item() == 5);
    CHECK(max(drawn).item() == 34);
    CHECK_FALSE(any(logical_and(drawn >= int64_t{20}, drawn < int64_t{25})).item());
    const Tensor last = categorical(from({0, -1e4}, o), 1 << 20, Key(2));
    CHECK(max(last).item() == 0);
    CHECK(min(categorical(from({never, never, 0}, o), 1000, Key(2))).item() == 2);
  }
}

TEST_CASE("categories come as often as they should, in each row of a batch") {
  const Tensor w = log(from({0.1, 0.2, 0.7, 0.5, 0, 0.5}, {2, 3}, {.dtype = float64}));
  const Tensor drawn = categorical(w, 100000, Key(3));
  const double p[2][3] = {{0.1, 0.2, 0.7}, {0.5, 0, 0.5}};
  for (int row = 0; row < 2; ++row)
    for (int k = 0; k < 3; ++k) {
      const double share = mean((select(drawn, 0, row) == int64_t{k}).to(float64)).item();
      CHECK(std::abs(share - p[row][k]) <= 5 * std::sqrt(p[row][k] * (1 - p[row][k]) / 100000));
    }
}

TEST_CASE("weights that are no weights draw nothing that an index accepts") {
  const Options f64{.dtype = float64};
  const Tensor drawn = categorical(from({0, NAN, 1, never, never, never, 0, 1, 2}, {3, 3}, f64), 10, Key(1));
  CHECK(max(slice_axis(drawn, 0, 0, 2)).item() == -1);
  CHECK(min(slice_axis(drawn, 0, 2, 3)).item() >= 0);
  const Mixture m{from({0, NAN}, f64), zeros({2, 1}, f64), ones({2, 1, 1}, f64)};
  CHECK_THROWS_AS(m.sample(5, Key(1)), Error);
  CHECK_THROWS_AS(categorical(scalar(1, f64), 3, Key(1)), Error);
}
