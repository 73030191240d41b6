#include "tests/cpu/arrays.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

Array<int64_t> random_indices(const Shape& shape, int64_t extent, Layout layout, unsigned seed) {
  Array<int64_t> index(shape, layout);
  std::mt19937 random(seed);
  for_each_index(shape, [&](const Dims& i) { index.at(i) = static_cast<int64_t>(random() % static_cast<unsigned>(extent)); });
  return index;
}

}  // namespace

TEST_CASE("an index out of range names op, index and extent, and nothing is written") {
  const Array<float> in = std::move(Array<float>({4, 3}).fill_random(1));
  for (int64_t bad : {int64_t{4}, int64_t{-1}, int64_t{1} << 62}) {
    Array<int64_t> index({2, 3}), line({2});
    index.at({1, 2}) = line.at({1}) = bad;
    Array<float> out({2, 3}), sums({4, 3});
    const std::string expected = "index " + std::to_string(bad) + " is out of range for axis 0 of shape [4, 3], extent 4";
    const Where at = Where::here();
    const Backend& b = cpu_backend();
    for (const std::string& message : {message_of([&] {
                                         b.call(at, calls::Gather{out.view, in.view, index.view, 0});
                                       }),
                                       message_of([&] {
                                         b.call(at, calls::IndexSelect{out.view, in.view, line.view, 0});
                                       }),
                                       message_of([&] {
                                         b.call(at, calls::ScatterAdd{sums.view, index.view, out.view, 0});
                                       }),
                                       message_of([&] {
                                         b.call(at, calls::IndexAdd{sums.view, line.view, out.view, 0});
                                       })}) {
      INFO(message);
      CHECK(message.find(expected) != std::string::npos);
      CHECK(message.find("index.cpp") != std::string::npos);
    }
    for_each_index(out.view.shape, [&](const Dims& i) { CHECK(out.at(i) == 0); });
  }
  CHECK(message_of([&] {
          cpu_backend().call({}, calls::Gather{Array<float>({1}).view, Array<float>({0}).view, Array<int64_t>({1}).view, 0});
        }).find("extent 0") != std::string::npos);
}

TEST_CASE("many additions to few rows are the same for any number of threads") {
  const Array<float> in = std::move(Array<float>({3000, 100}).fill_random(1));
  const Array<int64_t> line = random_indices({3000}, 5, Layout::contiguous, 2);
  Array<float> first({5, 100});
  cpu_backend().call({}, calls::IndexAdd{first.view, line.view, in.view, 0});
  with_threads([&] {
    Array<float> again({5, 100});
    cpu_backend().call({}, calls::IndexAdd{again.view, line.view, in.view, 0});
    require_same_bits(first, again);
  });
}
