// Cross entropy and accuracy: against sums by hand, against the divergence that smoothing means, and their refusals.
#include "nn/classification.h"

#include <cmath>

#include "autograd/graph/gradcheck.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/random.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::nn;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("cross entropy is the log of the sum of exponentials less the label's logit, row by row") {
  const Tensor logits = from({1, 2, 0.5, -1, 0, 3}, {2, 3}, f64), labels = indices({1, 0});
  const double first = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(0.5)) - 2;
  const double second = std::log(std::exp(-1.0) + 1 + std::exp(3.0)) + 1;
  CHECK(apart(cross_entropy(logits, labels), from({first, second}, f64)) < 1e-14);
  CHECK(apart(cross_entropy(reshape(logits, {1, 2, 3}), reshape(labels, {1, 2})), from({first, second}, {1, 2}, f64)) < 1e-14);
}

TEST_CASE("smoothed labels are the mixture of the label with a uniform law") {
  const Tensor logits = normal({5, 4}, Key(1), f64), labels = indices({0, 3, 2, 2, 1});
  for (double s : {0.1, 1.0}) {
    const Tensor target = (1 - s) * one_hot(labels, 4, float64) + s / 4;
    CHECK(apart(cross_entropy(logits, labels, {.smoothing = s}), -sum(target * log_softmax(logits), {-1})) < 1e-14);
  }
}

TEST_CASE("its gradient is softmax less the label, its second derivative holds, and ignored rows have none") {
  const Tensor logits = normal({4, 3}, Key(2), f64).requires_grad(), labels = indices({0, -1, 2, 1});
  const Tensor loss = cross_entropy(logits, labels, {.ignored = -1});
  CHECK(loss.to_vector<double>()[1] == 0);
  const Tensor g = grad(sum(loss), logits);
  const Tensor counts = from({1, 0, 1, 1}, {4, 1}, f64), classes = indices({0, 0, 2, 1});
  CHECK(apart(g, counts * (softmax(logits.detach()) - one_hot(classes, 3, float64))) < 1e-14);
  const Functions f = [&](const Tensors& in) { return cross_entropy(in[0], labels, {.smoothing = 0.2, .ignored = -1}); };
  const GradcheckReport report = gradcheck(f, {logits.detach()});
  INFO(report.text);
  CHECK(report.passed);
}

TEST_CASE("a class that is certain costs nothing, one that is impossible costs all") {
  const double inf = INFINITY;
  const Tensor logits = from({0, -inf, 800, 0}, {2, 2}, f64);
  const auto loss = cross_entropy(logits, indices({0, 1})).to_vector<double>();
  CHECK(loss[0] == 0);
  CHECK(loss[1] == 800);
  CHECK(cross_entropy(logits, indices({1, 0})).to_vector<double>()[0] == inf);
}

TEST_CASE("accuracy counts the rows that are right, without the ignored ones") {
  const Tensor logits = from({1, 2, 0, 5, 1, 0, 0, 1, 9, 3, 2, 1}, {4, 3}, f64);
  CHECK(accuracy(logits, indices({1, 0, 2, 2})).item() == 0.75);
  CHECK(accuracy(logits, indices({1, 0, 7, 7}), 7).item() == 1);
  CHECK(std::isnan(accuracy(logits, indices({7, 7, 7, 7}), 7).item()));
}

TEST_CASE("what does not fit is refused") {
  const Tensor logits = zeros({2, 3});
  CHECK(contains(message_of([&] { cross_entropy(logits, indices({1, 2, 0})); }), "cross_entropy: [2] wanted for the labels, [3] came"));
  CHECK(contains(message_of([&] { cross_entropy(logits, zeros({2})); }), "int64 [2] wanted"));
  CHECK(contains(message_of([&] { cross_entropy(logits, indices({1, 3})); }), "cross_entropy"));
  CHECK(contains(message_of([&] { cross_entropy(logits, indices({1, 2}), {.smoothing = 1.5}); }), "1.5"));
  CHECK(contains(message_of([&] { accuracy(logits, indices({1})); }), "accuracy: [2] wanted for the labels"));
}
