// A compiled step as one launch, on devices that can take calls down: the numbers of call by call, whatever moves, and call by call again
// where it cannot be.
#include <thread>

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

bool on_gpu() { return backend(default_device()).begin_graph != nullptr; }
const std::string expected_mode() { return on_gpu() ? "one launch" : "call by call"; }

// Noise from a key that moves on, a network with two layers, its gradient, momentum: what a training step is made of.
struct Training {
  Tensor w1 = 0.5 * normal({3, 16}, Key(1)), w2 = 0.5 * normal({16, 2}, Key(2)), m1 = zeros({3, 16}), m2 = zeros({16, 2});
  Tensor key = Key(3).tensor(), count = zeros({});

  Training() {
    w1.requires_grad();
    w2.requires_grad();
  }
  Tensors operator()(const Tensors& xs) {
    const Tensor x = xs[0] + 0.1 * normal(xs[0].shape(), Key(key));
    const Tensor loss = mean(square(matmul(tanh(matmul(x, w1)), w2) - xs[1]));
    const Tensors g = grad(loss, {w1, w2});
    const NoGrad plain;
    copy_(count, count + 1);
    copy_(m1, 0.9 * m1 + g[0]);
    copy_(m2, 0.9 * m2 + g[1]);
    copy_(w1, w1 - 0.1 * m1 / sqrt(count));
    copy_(w2, w2 - 0.1 * m2 / sqrt(count));
    copy_(key, Key(key).fold(uint64_t{1}).tensor());
    return {loss.detach(), x};
  }
  Tensors state() const { return {w1.detach(), w2.detach(), m1, m2, key, count}; }
};

}  // namespace

TEST_CASE("a training step as one launch: arguments and results move, keys advance, the bits are those of call by call") {
  Training one, many;
  CompiledStep together([&](const Tensors&xs) { return one(xs); }),
      apart([&](const Tensors&xs) { return many(xs); }, {.launch = OneLaunch::never});
  Tensors kept, want, arguments;  // all of them alive, so that every step has other addresses
  for (uint64_t i = 0; i < 12; ++i) {
    const Tensors xs{transpose(normal({3, 8}, Key(10).fold(i))), normal({8, 2}, Key(11).fold(i))};
    arguments.insert(arguments.end(), xs.begin(), xs.end());
    for (const Tensor& y : together(xs)) kept.push_back(y);
    for (const Tensor& y : apart(xs)) want.push_back(y);
    CHECK(contains(together.mode(xs), i < 2 ? "recorded" : expected_mode()));
    CHECK(contains(apart.mode(xs), i < 2 ? "recorded" : "call by call"));
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    CAPTURE(i);
    REQUIRE(same_bits(kept[i], want[i]));
    if (i % 2 && i > 2) REQUIRE_FALSE(same_bits(kept[i], kept[i - 2]));
  }
  for (size_t i = 0; i < one.state().size(); ++i) REQUIRE(same_bits(one.state()[i], many.state()[i]));
  CHECK(together.mode({zeros({1, 3}), zeros({1, 2})}) == "eager");
}

TEST_CASE("what a launch's kernels take for themselves is nobody else's as long as it lives") {
  const MemoryUse before = memory();
  {
    // The sums take tables, the products packed copies: scratch memory of several sizes.
    CompiledStep step(
        [](const Tensors& xs) {
          const Tensor a = slice(transpose(xs[0]), {{0, 40, 2}, {0, 3000, 2}});
          return Tensors{sum(square(xs[0])), sum(matmul(a, transpose(a)), {0}), max(xs[0] * 2)};
        },
        {.launch = OneLaunch::always});
    const auto x = [](uint64_t i) { return normal({3000, 40}, Key(5).fold(i)); };
    for (uint64_t i = 0; i < 5; ++i) step({x(i)});
    CHECK(contains(step.mode({x(0)}), expected_mode()));
    const Tensors want = step({x(9)});
    // Whatever the pool has to give is filled; a step must neither read nor write it.
    Tensors ours;
    for (int64_t n = 8; n <= 1 << 18; n = n * 5 / 4 + 1)
      for (int k = 0; k < 4; ++k) ours.push_back(full({n}, 7.0));
    const Tensors got = step({x(9)});
    for (size_t i = 0; i < want.size(); ++i) REQUIRE(same_bits(got[i], want[i]));
    for (const Tensor& t : ours) REQUIRE(sum(abs(t - 7)).item() == 0);
  }
  CHECK(memory().live == before.live);  // and it goes with the step, even while that may still run
}

TEST_CASE("a step that waits for the device is replayed call by call, silently right and with the reason at hand") {
  const auto run = [](const compiled::Step& f, const Tensors& xs, const std::string& reason) {
    CompiledStep step(f, {.launch = OneLaunch::always});
    for (int i = 0; i < 8; ++i) {
      const Tensors got = step(xs), want = f(xs);
      for (size_t k = 0; k < want.size(); ++k) REQUIRE(same_bits(got[k], want[k]));
    }
    CHECK(contains(step.mode(xs), "call by call"));
    if (on_gpu()) CHECK(contains(step.mode(xs), reason));
  };
  const Tensor a = normal({4, 4}, Key(1), {.dtype = float64}), large = eye(40, {.dtype = float64}) * 3;
  run([](const Tensors& xs) { return Tensors{exp(matmul(xs[0], transpose(xs[0])) + 0.0), solve(xs[0], xs[0] + 1)}; }, {a}, "solve");
  run([](const Tensors& xs) { return Tensors{cholesky(xs[0] + 1)}; }, {large}, "cholesky");
}

TEST_CASE("a step that gathers is one launch; an index out of range is an error at the next value that is read") {
  CompiledStep step(
      [](const Tensors& xs) {
        return Tensors{index_select(xs[0], 0, xs[1]) * 2, index_select(xs[0], 1, indices({1, 0}))};
      },
      {.launch = OneLaunch::always});
  const auto read = [&](const Tensors& xs) { return step(xs)[0].to_vector<double>(); };
  for (int64_t i = 0; i < 7; ++i)
    REQUIRE(read({from({1, 2, 3, 4, 5, 6}, {3, 2}), indices({i % 3, 1})})[0] == static_cast<double>(4 * (i % 3) + 2));
  CHECK(contains(step.mode({zeros({3, 2}), indices({0, 0})}), expected_mode()));
  CHECK(contains(message_of([&] { read({zeros({3, 2}), indices({0, 3})}); }), "index 3 is out of range for axis 0 of shape [3, 2]"));
  CHECK(read({ones({3, 2}), indices({2, 2})})[3] == 2);
}

TEST_CASE("small factors and triangular systems are part of a launch; what is not positive definite is told at the next read") {
  CompiledStep step(
      [](const Tensors& xs) {
        const Tensor l = cholesky(xs[0]);
        return Tensors{l, triangular_solve(l, xs[0])};
      },
      {.launch = OneLaunch::always});
  const Tensor good = from({4, 2, 2, 10}, {2, 2}, {.dtype = float64}), bad = -good;
  const auto read = [&](const Tensor& x) { return step({x})[0].to_vector<double>(); };
  for (int i = 0; i < 6; ++i) REQUIRE(read(good) == std::vector<double>{2, 0, 1, 3});
  CHECK(contains(step.mode({good}), expected_mode()));
  for (int i = 0; i < 3; ++i) {
    const std::string message = message_of([&] { read(bad); });
    CHECK(contains(message, "cholesky: matrix of shape [2, 2] is not positive definite, its leading minor of order 1 is not"));
    // The triangular system has its own to say where it is not finite; nothing is left for a step that is right.
    REQUIRE(read(good) == std::vector<double>{2, 0, 1, 3});
  }
}

TEST_CASE("an argument that the step writes is written, and one that is its state as well is seen to change") {
  CompiledStep writes(
      [](const Tensors& xs) {
        copy_(xs[0], tanh(xs[0]) + xs[1]);
        return Tensors{sum(xs[0])};
      },
      {.launch = OneLaunch::always});
  for (int i = 0; i < 7; ++i) {
    const Tensor x = normal({5, 2}, Key(7).fold(static_cast<uint64_t>(i))), y = ones({5, 2}) * i, want = tanh(x) + y;
    const Tensor total = writes({x, y})[0];
    REQUIRE(same_bits(x, want));
    REQUIRE(same_bits(total, sum(want)));
  }
  CHECK(contains(writes.mode({zeros({5, 2}), zeros({5, 2})}), expected_mode()));

  const Tensor w = ones({3});
  CompiledStep reads(
      [&](const Tensors& xs) {
        copy_(w, w + 1);
        return Tensors{xs[0] * 10 + w};
      },
      {.launch = OneLaunch::always});
  for (int i = 0; i < 6; ++i) REQUIRE(reads({zeros({3})})[0].to_vector<double>()[1] == i + 2);
  REQUIRE(reads({w})[0].to_vector<double>()[0] == 88);
  REQUIRE(reads({zeros({3})})[0].to_vector<double>()[2] == 9);
}

TEST_CASE("part of a large tensor is copied in as that part") {
  const Tensor data = normal({100000, 2}, Key(4));
  CompiledStep step([](const Tensors& xs) { return Tensors{flip(xs[0], {0}) * 2 + 1}; }, {.launch = OneLaunch::always});
  const Tensor part = slice(data, {{500, 508}});
  const Tensor want = flip(part, {0}) * 2 + 1;
  for (int i = 0; i < 6; ++i) REQUIRE(same_bits(step({part})[0], want));
  if (on_gpu()) CHECK(step.held_bytes() < 1024);
}

TEST_CASE("by itself a step becomes one launch where the copies pay") {
  CompiledStep few([](const Tensors& xs) { return Tensors{tanh(xs[0]) + 1}; });
  CompiledStep large([](const Tensors& xs) { return Tensors{cumsum(cumsum(cumsum(cumsum(cumsum(xs[0], 0), 0), 0), 0), 0)}; });
  for (int i = 0; i < 4; ++i) {
    few({ones({4})});
    large({ones({1 << 20})});
  }
  CHECK(contains(few.mode({ones({4})}), on_gpu() ? "do not pay" : name_of(default_device())));
  CHECK(contains(large.mode({ones({1 << 20})}), on_gpu() ? "do not pay" : name_of(default_device())));
}

TEST_CASE("another precision of products makes another launch") {
  const Tensor w = normal({32, 32}, Key(1));
  const auto f = [&](const Tensors& xs) { return Tensors{matmul(tanh(matmul(xs[0], w)), w)}; };
  CompiledStep together(f, {.launch = OneLaunch::always}), apart(f, {.launch = OneLaunch::never});
  const Tensor x = normal({8, 32}, Key(2));
  for (const MatmulPrecision p : {MatmulPrecision::full, MatmulPrecision::tf32, MatmulPrecision::full}) {
    set_matmul_precision(p);
    for (int i = 0; i < 6; ++i) CHECK(same_bits(together({x})[0], apart({x})[0]));
  }
}

TEST_CASE("threads capture and compute at the same time without getting into each other's graphs") {
  std::vector<std::string> said(3);
  std::vector<std::thread> team;
  for (size_t t = 0; t < said.size(); ++t)
    team.emplace_back([&, t] {
      try {
        for (uint64_t round = 0; round < 6; ++round) {
          Training one, eager;
          CompiledStep step([&](const Tensors& xs) { return one(xs); });
          for (uint64_t i = 0; i < 6; ++i) {
            const Tensors xs{normal({8, 3}, Key(t).fold(i)), normal({8, 2}, Key(t + 50).fold(i))};
            const Tensors got = step(xs), want = eager(xs);
            if (!same_bits(got[0], want[0]) || !same_bits(got[1], want[1])) said[t] = "other numbers";
          }
        }
      } catch (const Error& e) {
        said[t] = e.what();
      }
    });
  for (std::thread& t : team) t.join();
  for (const std::string& s : said) CHECK(s == "");
}
