// Images changed at random: what each may become, and how often.
#include "nn/augment.h"

#include <cmath>
#include <set>

#include "nn/loader.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

TEST_CASE("an image is itself or its mirror, half and half, and the same for the same key") {
  const Tensor x = normal({2000, 1, 2, 3}, Key(1)), y = nn::flipped(x, Key(2)), mirror = flip(x, {3});
  int64_t mirrored = 0;
  for (int64_t i = 0; i < 2000; ++i) {
    const bool same = apart(y[i], x[i]) == 0;
    CHECK((same || apart(y[i], mirror[i]) == 0));
    mirrored += !same;
  }
  CHECK(std::abs(static_cast<double>(mirrored) - 1000) < 4 * std::sqrt(500.0));
  CHECK(apart(nn::flipped(x, Key(2)), y) == 0);
}

TEST_CASE("an image is moved by up to so many pixels, by all of them equally often, with the value where nothing was") {
  const Tensor x = normal({2700, 2, 4, 5}, Key(1)), y = nn::shifted(x, 1, Key(2), -7);
  const Tensor framed = pad(x, {{}, {}, {1, 1}, {1, 1}}, -7);
  int64_t count[3][3] = {};
  for (int64_t i = 0; i < 2700; ++i) {
    int found = 0;
    for (int64_t a = 0; a < 3; ++a)
      for (int64_t b = 0; b < 3; ++b)
        if (apart(y[i], slice(framed[i], {{}, {a, a + 4}, {b, b + 5}})) == 0) ++found, ++count[a][b];
    CHECK(found == 1);
  }
  for (const auto& row : count)
    for (int64_t each : row) CHECK(std::abs(static_cast<double>(each) - 300) < 4 * std::sqrt(300.0));
  CHECK(apart(nn::shifted(x, 0, Key(3)), x) == 0);
}

TEST_CASE("a loader changes its batches by a key of the step: the same step gives the same batch") {
  const Tensor x = normal({10, 1, 4, 4}, Key(1)), label = arange(0, 10);
  nn::LoaderOptions how{.batch = 5};
  how.transform = [](Tensors rows, const Key& key) {
    rows[0] = nn::shifted(rows[0], 1, key);
    return rows;
  };
  nn::Loader changed({x, label}, how, Key(3)), again({x, label}, how, Key(3)), plain({x, label}, {.batch = 5}, Key(3));
  const Tensors one = changed.batch(7);
  CHECK(apart(again.batch(7)[0], one[0]) == 0);
  CHECK(apart(plain.batch(7)[1], one[1]) == 0);  // the rows are those of a loader without it
  CHECK(apart(plain.batch(7)[0], one[0]) > 0);
}

TEST_CASE("what are no images is refused") {
  CHECK(contains(message_of([] { nn::flipped(zeros({3, 4}), Key(1)); }), "flipped: [n, c, h, w] wanted, [3, 4] came"));
  CHECK(contains(message_of([] { nn::shifted(zeros({3, 4}), 1, Key(1)); }), "shifted: [n, c, h, w] wanted, [3, 4] came"));
  CHECK(contains(message_of([] { nn::shifted(zeros({1, 1, 3, 4}), -1, Key(1)); }), "up to -1 pixels"));
}
