#include <thread>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEST_CASE("two host threads compute at the same time what each computes alone") {
  const Backend& b = cpu_backend();
  const Array<float> x = std::move(Array<float>({400, 300}).fill_random(1)), w = std::move(Array<float>({300, 200}).fill_random(2));
  const auto compute = [&](Array<float>& product, Array<float>& sums, Array<float>& turned) {
    b.call({}, calls::Matmul{product.view, x.view, w.view});
    b.call({}, calls::Reduce{Reduction::sum, sums.view, x.view, {0}});
    View t = x.view;
    t.shape = {300, 400};
    t.strides = {1, 300};
    b.call({}, calls::Copy{turned.view, t});
  };
  Array<float> product({400, 200}), sums({1, 300}), turned({300, 400});
  compute(product, sums, turned);
  std::vector<std::thread> threads;
  std::vector<int> agreed(4, 0);
  for (int& agrees : agreed)
    threads.emplace_back([&] {
      bool same = true;
      for (int round = 0; round < 5; ++round) {
        Array<float> p({400, 200}), s({1, 300}), t({300, 400});
        compute(p, s, t);
        for_each_index(p.view.shape, [&](const Dims& i) { same = same && same_bits(p.at(i), product.at(i)); });
        for_each_index(s.view.shape, [&](const Dims& i) { same = same && same_bits(s.at(i), sums.at(i)); });
        for_each_index(t.view.shape, [&](const Dims& i) { same = same && same_bits(t.at(i), turned.at(i)); });
      }
      agrees = same;
    });
  for (std::thread& t : threads) t.join();
  for (int agrees : agreed) CHECK(agrees == 1);
}
