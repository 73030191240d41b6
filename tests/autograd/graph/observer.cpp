// Anomaly mode, and what messages say.
#include "autograd/graph/observer.h"

#include "autograd/graph/checkpoint.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

std::string here(int line) { return std::string("tests/autograd/graph/observer.cpp:") + std::to_string(line); }

}  // namespace

TEST_CASE("anomaly names the first value that is not finite, where it is, and the user's line") {
  const Tensor x = from({1, 0, 2, 3}, {2, 2}, {float64}).requires_grad();
  const Anomaly watch;
  const int line = __LINE__ + 1;
  const std::string text = message_of([&] { exp(log(x) * 2); });
  CHECK(contains(text, "anomaly: log computed -inf at [0, 1] of [2, 2]"));
  CHECK(contains(text, here(line)));
}

TEST_CASE("anomaly names the caller of a composition, not its inside") {
  const Tensor x = from({1e200, 1}, {float64}).requires_grad();
  const Anomaly watch;
  const int line = __LINE__ + 1;
  const std::string text = message_of([&] { var(x); });
  CHECK(contains(text, "anomaly: square computed inf at [0]"));
  CHECK(contains(text, here(line)));
}

TEST_CASE("anomaly names the op whose cotangent is not finite, with the line of the forward op") {
  const Tensor x = from({0, 4}, {float64}).requires_grad();
  const int line = __LINE__ + 1;
  const Tensor y = sqrt(x);
  const Tensor loss = sum(y);
  const Anomaly watch;
  const std::string text = message_of([&] { grad(loss, x); });
  CHECK(contains(text, "anomaly: the gradient of sqrt with respect to its operand 0 is inf at [0] of [2]"));
  CHECK(contains(text, here(line)));
}

TEST_CASE("anomaly says that a select does not keep nan out of a gradient, and what does") {
  const Tensor x = from({-1, 0, 4}, {float64}).requires_grad();
  {
    const Anomaly watch;
    CHECK(contains(message_of([&] { where(x > 0, sqrt(x), x); }), "anomaly: sqrt computed"));
    CHECK(
        contains(message_of([&] { where(x > 0, sqrt(x), x); }), "its gradient stays nan: give the op an operand inside its domain first"));
  }
  const Tensor root = sqrt(relu(x)), loss = sum(where(x > 0, root, 0));
  CHECK(std::isnan(grad(loss, x).to_vector<double>()[1]));  // so does every engine
  {
    const Anomaly watch;
    const std::string text = message_of([&] { grad(loss, x); });
    CHECK(contains(text, "the gradient of sqrt with respect to its operand 0 is"));
    CHECK(contains(text, "from a gradient of 0, as where() gives to what it drops, times a slope that is not finite"));
    CHECK(contains(text, "sqrt(where(x > 0, x, 1))"));
  }
  check_close(grad(sum(where(x > 0, sqrt(where(x > 0, x, 1)), x)), x), {1, 1, 0.25});
}

TEST_CASE("anomaly looks into checkpoints, and lets finite computations pass with the same bits") {
  const Tensor x = draw({3}, 0.5, 2).requires_grad();
  const auto f = [](const Tensor& t) { return sum(log(t) * sqrt(t)); };
  const std::vector<double> plain = grad(f(x), x).to_vector<double>();
  {
    const Anomaly watch;
    CHECK(grad(checkpoint(f, x), x).to_vector<double>() == plain);
    CHECK(contains(message_of([&] { checkpoint([](const Tensor& t) { return log(t - t); }, x); }), "anomaly: log computed -inf"));
  }
  CHECK_NOTHROW(log(x - x));
}

TEST_CASE("observers nest, and are silent about what they compute themselves") {
  struct Counter final : Observer {
    int values = 0, cotangents = 0;
    void computed(const char*, Where, const Tensor& y) override {
      ++values;
      exp(y);
    }
    void swept(const Node&, const Tensor& g) override {
      ++cotangents;
      exp(g);
    }
  };
  const Tensor x = draw({3}).requires_grad();
  Counter outer;
  {
    Counter inner;
    grad(sum(exp(x)), x);
    CHECK(inner.values >= 3);
    CHECK(inner.cotangents == 3);
    CHECK(outer.values == 0);
  }
  exp(x);
  CHECK(outer.values == 1);
}

TEST_CASE("a message names the op, the shapes and the user's line, through compositions too") {
  const auto says = [](int line, const std::function<void()>& f, const std::vector<std::string>& parts) {
    const std::string text = message_of(f);
    CAPTURE(text);
    CHECK(contains(text, here(line)));
    for (const std::string& part : parts) CHECK(contains(text, part));
  };
  const Tensor a = draw({2, 3}), b = draw({4}), i = indices({0, 5});
  says(__LINE__, [&] { a + b; }, {"add", "[2, 3]", "[4]"});
  says(__LINE__, [&] { matmul(a, b); }, {"matmul", "[2, 3]", "[4]"});
  says(__LINE__, [&] { a.to(float32) + a; }, {"add", "float32", "float64"});
  says(__LINE__, [&] { sum(a, {2}); }, {"sum", "axis 2"});
  says(__LINE__, [&] { mean(a, {5}); }, {"mean"});
  says(__LINE__, [&] { mean(i); }, {"mean", "int64"});
  says(__LINE__, [&] { softmax(a, 7); }, {"softmax"});
  says(__LINE__, [&] { concat({a, b}, 0); }, {"concat", "[2, 3]", "[4]"});
  says(__LINE__, [&] { concat({a, b, a}, 1); }, {"concat"});
  says(__LINE__, [&] { stack({a, b}); }, {"stack", "[2, 3]", "[4]"});
  says(__LINE__, [&] { layer_norm(a, b, b); }, {"layer_norm", "[2, 3]", "[4]"});
  says(__LINE__, [&] { group_norm(a, 2, b, b); }, {"group_norm"});
  says(__LINE__, [&] { index_select(a, 0, i); }, {"index_select", "5"});
  says(__LINE__, [&] { gather(a, 0, i); }, {"gather: at most [n, 3] wanted for the index, [2] came"});
  says(__LINE__, [&] { index_select(a, 0, b); }, {"index_select", "int64"});
  says(__LINE__, [&] { one_hot(i, 3); }, {"one_hot: index 5"});
  says(__LINE__, [&] { embedding(a, i); }, {"embedding: index 5"});
  says(__LINE__, [&] { solve(a, b); }, {"solve", "[2, 3]"});
  says(__LINE__, [&] { cholesky(a); }, {"cholesky", "[2, 3]"});
  says(__LINE__, [&] { inverse(zeros({2, 2}, {float64})); }, {"singular"});
  says(__LINE__, [&] { einsum("ij,jk->ik", {a, b}); }, {"einsum", "operand 1 is jk", "[4]"});
  says(__LINE__, [&] { einsum("ij,ik->jk", {a, draw({3, 2})}); }, {"einsum", "'i' is 2 in operand 0 and 3 in operand 1"});
  says(__LINE__, [&] { reshape(a, {4}); }, {"reshape", "[2, 3]", "[4]"});
  says(__LINE__, [&] { clamp(a, 2, 1); }, {"clamp"});
  says(__LINE__, [&] { pad(a, {{1, 1}}); }, {"pad", "[2, 3]"});
  says(__LINE__, [&] { i + 0.5; }, {"add", "0.5", "int64"});
  says(__LINE__, [&] { where(a, a, a); }, {"where", "bool"});
  says(__LINE__, [&] { dot(a, draw({4, 3})); }, {"[2, 3]", "[4, 3]"});
  says(__LINE__, [&] { outer(b, b.to(float32)); }, {"float32", "float64"});
  says(__LINE__, [&] { layer_norm(a, ones({3}), ones({3})); }, {"float32", "float64"});
  says(__LINE__, [&] { group_norm(a, 1, ones({3}), ones({3})); }, {"float32", "float64"});
  says(__LINE__, [&] { einsum("ij,jk->ik", {a, ones({3, 2})}); }, {"float32", "float64"});
  says(__LINE__, [&] { any(a > 0, {4}); }, {"axis 4"});
  says(__LINE__, [&] { all(a > 0, {4}); }, {"axis 4"});
  says(__LINE__, [&] { clamp(i, 0.5, 2); }, {"clamp", "0.5", "int64"});
}

TEST_CASE("an undefined operand, or a result of too many axes, is an error that names the op and the user's line") {
  const auto says = [](const char* op, int line, const std::function<void()>& f) {
    const std::string text = message_of(f);
    CAPTURE(text);
    CHECK(contains(text, op));
    CHECK(contains(text, here(line)));
  };
  const Tensor none, a = ones({2, 2}), full = ones({1, 1, 1, 1, 1, 1, 1, 1}), i = reshape(indices({0}), full.shape());
  says("add", __LINE__, [&] { none + 1; });
  says("mul", __LINE__, [&] { a* none; });
  says("where", __LINE__, [&] { where(none, a, a); });
  says("sum", __LINE__, [&] { sum(none); });
  says("matmul", __LINE__, [&] { matmul(a, none); });
  says("concat", __LINE__, [&] { concat({a, none}, 0); });
  says("stack", __LINE__, [&] { stack({a, none}); });
  says("einsum", __LINE__, [&] { einsum("ij,jk->ik", {a, none}); });
  says("gather", __LINE__, [&] { gather(a, 0, none); });
  says("embedding", __LINE__, [&] { embedding(a, none); });
  says("copy_", __LINE__, [&] { copy_(none, a); });
  says("add_", __LINE__, [&] { add_(a, none); });
  says("unsqueeze", __LINE__, [&] { unsqueeze(full, 0); });
  says("stack", __LINE__, [&] { stack({full, full}); });
  says("diag", __LINE__, [&] { diag(full); });
  says("one_hot", __LINE__, [&] { one_hot(i, 2); });
  says("embedding", __LINE__, [&] { embedding(a, i); });
  says("einsum", __LINE__, [&] { einsum("abcdefgh,ij->abcdefghij", {full, a}); });
}

TEST_CASE("an error inside a composition names its caller first, then the place inside; a checkpoint's function speaks for itself") {
  {
    const CallerScope scope(Where{"caller.cpp", 7});
    const Error inside({"inside.cpp", 3}, "message"), nowhere({}, "message"), same({"caller.cpp", 7}, "message");
    CHECK(std::string(inside.what()) == "message [at caller.cpp:7, in inside.cpp:3]");
    CHECK(inside.where().line == 7);
    CHECK(std::string(nowhere.what()) == "message [at caller.cpp:7]");
    CHECK(std::string(same.what()) == "message [at caller.cpp:7]");
  }
  CHECK(std::string(Error({"inside.cpp", 3}, "message").what()) == "message [at inside.cpp:3]");
  const Tensor x = draw({3}).requires_grad();
  const int line = __LINE__ + 1;
  const std::string text = message_of([&] { checkpoint([](const Tensor& t) { return matmul(t, ones({2})); }, x); });
  CAPTURE(text);
  CHECK(contains(text, here(line) + "]"));
}

TEST_CASE("nodes of a composition and of a rule name the user's line") {
  const Tensor x = draw({3}, 0.5, 2).requires_grad();
  const int line = __LINE__ + 1;
  const Tensor y = logsumexp(x);
  Node* const root = y.node();
  for (const Node* n : reachable({&root, 1}))
    if (!n->is_leaf()) CHECK(n->at.line == line);
  const Tensor g = grad(y, x, {.create_graph = true});
  Node* const gradient = g.node();
  for (const Node* n : reachable({&gradient, 1}))
    if (!n->is_leaf()) CHECK(n->at.line == line);
}
