// Random numbers: the same bits on every device, for any offset, from a key in the call or in memory.
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

struct Stream {
  Random kind;
  DType dtype;
};
constexpr Stream streams[] = {{Random::uniform, DType::float32},
                              {Random::uniform, DType::float64},
                              {Random::normal, DType::float32},
                              {Random::normal, DType::float64},
                              {Random::bits, DType::int64}};

}  // namespace

TEST_CASE("uniforms, normals and words have the reference's bits at every offset") {
  if (!device()) return;
  Dice dice(71);
  for (const Stream& s : streams)
    for (int n = trials(12); n > 0; --n) {
      const Shape shape = n % 3 == 0 ? Shape{5000 + dice.below(9)} : random_shape(dice, 0, 3, 700);
      const uint64_t offset =
          dice.of<uint64_t>({0, 1, 2, 3, 4, 7, 1000003, (uint64_t{1} << 32) * 4 - 2, (uint64_t{1} << 34) + 1, dice.word() >> 3});
      const uint64_t word = dice.word();
      const Twin at(dice, s.dtype, shape, Layout::contiguous), key(dice, int64, {2}, Layout::contiguous, {0, 4294967296.0, false});
      const Twin from_memory(dice, s.dtype, shape, Layout::contiguous);
      on_both([&](const Backend& b, Side side) {
        b.call({}, calls::Draw{s.kind, at.on(side), {{static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)}, nullptr}, offset});
        b.call({}, calls::Draw{s.kind, from_memory.on(side), {{1, 2}, static_cast<const int64_t*>(key.on(side).data)}, offset});
      });
      INFO("kind " << static_cast<int>(s.kind) << " offset " << offset);
      REQUIRE(at.difference() == "");
      REQUIRE(from_memory.difference() == "");
    }
}

TEST_CASE("folded keys have the reference's bits") {
  if (!device()) return;
  Dice dice(72);
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{7}, Shape{3, 5}, Shape{1000}}) {
    Shape pairs = shape;
    pairs.push_back(2);
    const Twin data(dice, int64, shape, Layout::contiguous, {-9e18, 9e18, true}),
        key(dice, int64, {2}, Layout::contiguous, {0, 4294967296.0, false});
    const Twin a(dice, int64, pairs, Layout::contiguous), b(dice, int64, pairs, Layout::contiguous);
    on_both([&](const Backend& on, Side side) {
      on.call({}, calls::Fold{a.on(side), {{7, 9}, nullptr}, data.on(side)});
      on.call({}, calls::Fold{b.on(side), {{1, 2}, static_cast<const int64_t*>(key.on(side).data)}, data.on(side)});
    });
    REQUIRE(a.difference() == "");
    REQUIRE(b.difference() == "");
  }
}
