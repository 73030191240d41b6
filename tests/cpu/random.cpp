#include "autograd/ops/random.h"
#include "autograd/backend/philox.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"

using namespace scoregrad;

TEST_CASE("philox gives the published answers") {
  struct Answer {
    PhiloxBlock counter;
    uint32_t key[2];
    PhiloxBlock block;
  };
  const Answer answers[] = {
      // the known-answer vectors that Salmon et al. publish with Random123
      {{{0, 0, 0, 0}}, {0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{~0u, ~0u, ~0u, ~0u}}, {~0u, ~0u}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, {0xa4093822, 0x299f31d0}, {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Answer& a : answers) {
    const PhiloxBlock got = philox(a.counter, a.key);
    for (int i = 0; i < 4; ++i) CHECK(got.word[i] == a.block.word[i]);
  }
}

TEMPLATE_TEST_CASE("a draw cut into chunks has the same bits", "", float, double) {
  const Options o{DTypeOf<TestType>::value};
  for (auto draw : {uniform, normal}) {
    const auto whole = draw({1001}, Key(5), o, 0, {}).template to_vector<TestType>();
    for (int64_t cut : {1, 2, 3, 5, 64, 999}) {
      const auto head = draw({cut}, Key(5), o, 0, {}).template to_vector<TestType>();
      const auto tail = draw({1001 - cut}, Key(5), o, static_cast<uint64_t>(cut), {}).template to_vector<TestType>();
      CHECK(std::equal(head.begin(), head.end(), whole.begin()));
      CHECK(std::equal(tail.begin(), tail.end(), whole.begin() + cut));
    }
  }
}

TEST_CASE("draws have the moments of their laws") {
  const int64_t n = 1 << 18;
  const double root = 512;  // sqrt(n); each bound is five standard errors
  const Options o{float64};
  const Tensor u = uniform({n}, Key(1), o), z = normal({n}, Key(2), o), r = rademacher({n}, Key(3), o);
  CHECK(std::abs(mean(u).item() - 0.5) < 5 * std::sqrt(1. / 12) / root);
  CHECK(min(u).item() >= 0);
  CHECK(max(u).item() < 1);
  CHECK(std::abs(mean(z).item()) < 5 / root);
  CHECK(std::abs(mean(z * z).item() - 1) < 5 * std::sqrt(2.) / root);
  CHECK(std::abs(mean(z * z * z * z).item() - 3) < 5 * std::sqrt(96.) / root);
  CHECK(std::abs(mean(r).item()) < 5 / root);
  CHECK(sum(r * r).item() == static_cast<double>(n));
  const Tensor even = slice(z, {{0, n, 2}}), odd = slice(z, {{1, n, 2}});
  CHECK(std::abs(mean(even * odd).item()) < 5 / std::sqrt(static_cast<double>(n) / 2));
}

TEST_CASE("keys that fold differently give different numbers, on the host and in a tensor alike") {
  const Key key(9);
  CHECK(uniform({4}, key.fold(1)).to_vector<float>() != uniform({4}, key.fold(2)).to_vector<float>());
  CHECK(uniform({4}, key.fold("a")).to_vector<float>() != uniform({4}, key.fold("b")).to_vector<float>());
  CHECK(uniform({4}, key).to_vector<float>() != uniform({4}, key.fold(0)).to_vector<float>());
  const Key in_tensor(key.tensor());
  CHECK(uniform({4}, in_tensor.fold(7)).to_vector<float>() == uniform({4}, key.fold(7)).to_vector<float>());
}

TEST_CASE("a permutation holds every index once") {
  const auto p = sort(permutation(1000, Key(4)), 0).values.to_vector<int64_t>();
  for (int64_t i = 0; i < 1000; ++i) CHECK(p[static_cast<size_t>(i)] == i);
  const auto q = integers(-3, 4, {10000}, Key(5));
  CHECK(min(q).item() == -3);
  CHECK(max(q).item() == 3);
}
