#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEST_CASE("many running sums are the same for any number of threads") {
  const Array<float> in = std::move(Array<float>({300, 400}).fill_random(1));
  for (int axis : {0, 1}) {
    Array<float> first({300, 400});
    cpu_backend().call({}, calls::CumSum{first.view, in.view, axis});
    with_threads([&] {
      Array<float> again({300, 400});
      cpu_backend().call({}, calls::CumSum{again.view, in.view, axis});
      require_same_bits(first, again);
    });
  }
}

TEST_CASE("a running sum of a million float32 keeps its digits") {
  Array<float> in({1000000}), out({1000000});
  cpu_backend().call({}, calls::Fill{in.view, {0.1, 0}});
  cpu_backend().call({}, calls::CumSum{out.view, in.view, 0});
  CHECK(out.at({999999}) == static_cast<float>(1e6 * static_cast<double>(0.1f)));
}
