// Blocks of pixels as channels: where each number goes, and back.
#include "nn/pixels.h"

#include "autograd/ops/random.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

TEST_CASE("a block of pixels becomes channels in the order of its rows, behind those of the channel before") {
  const Tensor x = reshape(arange(0, 16), {1, 2, 2, 4});
  const Tensor want = from({0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15}, {1, 8, 1, 2});
  CHECK(apart(nn::space_to_depth(x, 2), want) == 0);
}

TEST_CASE("back and forth is the same") {
  const Tensor x = normal({2, 3, 6, 9}, Key(1));
  for (int64_t k : {1, 3}) CHECK(apart(nn::depth_to_space(nn::space_to_depth(x, k), k), x) == 0);
}

TEST_CASE("extents that are no multiples are refused") {
  CHECK(contains(message_of([] {
                   nn::space_to_depth(zeros({1, 1, 5, 4}), 2);
                 }),
                 "space_to_depth: [n, c, h, w] with h and w multiples of 2"));
  CHECK(contains(message_of([] { nn::depth_to_space(zeros({1, 3, 5, 4}), 2); }), "c a multiple of 4 wanted, [1, 3, 5, 4] came"));
  CHECK(contains(message_of([] { nn::space_to_depth(zeros({5, 4}), 2); }), "[5, 4] came"));
}
