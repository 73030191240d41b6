#include "autograd/graph/gradient.h"

#include <cmath>

#include "autograd/ops/ops.h"
#include "tests/catch.h"

using namespace scoregrad;

TEST_CASE("three paths that meet above their tags all arrive, and add up to the gradient") {
  const Options f64{.dtype = float64};
  const Tensor phi = from({0.7, -1.1}, f64).requires_grad();
  const Tensor c = phi * 2 + 1;  // upstream of the tags: the labels must stay apart on the way down
  const Tensor y = sum(square(c.tag("a"))) + sum(3 * c.tag("b")) + sum(c * c * c) + sum(exp(c.tag("d")));
  const GradByPath g = grad_by_path(y, phi);
  REQUIRE(g.by_path.size() == 4);
  const std::vector<double> a = g.along("a").to_vector<double>(), b = g.along("b").to_vector<double>(),
                            d = g.along("d").to_vector<double>(), rest = g.along("").to_vector<double>(),
                            total = grad(y, phi).to_vector<double>(), at = c.to_vector<double>();
  for (size_t i = 0; i < 2; ++i) {
    CHECK(std::abs(a[i] - 4 * at[i]) < 1e-13);
    CHECK(b[i] == 6);
    CHECK(std::abs(d[i] - 2 * std::exp(at[i])) < 1e-13);
    CHECK(std::abs(rest[i] - 6 * at[i] * at[i]) < 1e-13);
    CHECK(std::abs(a[i] + b[i] + d[i] + rest[i] - total[i]) < 1e-12);
    CHECK(std::abs(g.total.to_vector<double>()[i] - total[i]) < 1e-12);
  }
}
