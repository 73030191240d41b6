#include "nn/loader.h"

#include <algorithm>

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

TEST_CASE("an epoch shows every row once, rows of all tensors together, and each epoch in another order") {
  const Tensor x = arange(0, 10), y = 10 * arange(0, 10);
  nn::Loader loader({x, y}, {.batch = 4}, Key(1));
  CHECK(loader.batches() == 3);
  std::vector<std::vector<double>> epochs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<double> seen;
    for (int i = 0; i < 3; ++i) {
      const Tensors rows = loader.batch(epoch * 3 + i);
      CHECK(rows[0].shape() == Shape{i == 2 ? 2 : 4});  // the last batch has what is left
      CHECK(apart(10 * rows[0], rows[1]) == 0);
      for (double v : rows[0].to_vector<double>()) seen.push_back(v);
    }
    epochs.push_back(seen);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == x.to_vector<double>());
  }
  CHECK(epochs[0] != epochs[1]);
}

TEST_CASE("a batch depends on the key and the step alone") {
  nn::Loader a({arange(0, 50)}, {.batch = 8}, Key(1)), b({arange(0, 50)}, {.batch = 8}, Key(1)), c({arange(0, 50)}, {.batch = 8}, Key(2));
  for (int64_t step : {40, 3, 41, 0}) CHECK(apart(a.batch(step)[0], b.batch(step)[0]) == 0);
  CHECK(apart(b.batch(40)[0], a.batch(40)[0]) == 0);
  CHECK(apart(a.batch(5)[0], c.batch(5)[0]) > 0);
}

TEST_CASE("without shuffling the rows come in order, and an incomplete batch can be left out") {
  nn::Loader loader({arange(0, 7)}, {.batch = 3, .shuffle = false, .drop_last = true}, Key(1));
  CHECK(loader.batches() == 2);
  CHECK(loader.batch(1)[0].to_vector<double>() == std::vector<double>{3, 4, 5});
  CHECK(loader.batch(2)[0].to_vector<double>() == std::vector<double>{0, 1, 2});
}

TEST_CASE("data that make no batch are refused") {
  CHECK_THROWS_AS(nn::Loader({}, {}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Loader({ones({3}), ones({4})}, {}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Loader({ones({})}, {}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Loader({ones({0, 2})}, {}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Loader({ones({3})}, {.batch = 0}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Loader({ones({3})}, {.batch = 4, .drop_last = true}, Key(1)), Error);
  nn::Loader loader({ones({3})}, {}, Key(1));
  CHECK_THROWS_AS(loader.batch(-1), Error);
}
