// Score networks: parametrisations, preconditioning, energies.
#include "nn/score.h"

#include "autograd/graph/jacobian.h"
#include "nn/initialisation.h"
#include "tests/close.h"
#include "tests/nn/checked.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
using nn::Predicts;

// What a perfect network says about data N(0, data^2 I).
struct Gaussian {
  double data;
  Predicts predicts;
  Tensor operator()(const Tensor& x, double alpha, double sigma) const {
    return nn::prediction(predicts, -x / (alpha * alpha * data * data + sigma * sigma), x, alpha, sigma);
  }
};
}  // namespace

TEST_CASE("the four predictions of a Gaussian are its textbook ones, and turn back into the score") {
  const Tensor x = draw({4, 3});
  const double a = 0.8, s = 0.5, data = 1.5, v = a * a * data * data + s * s;
  const Tensor posterior = x * (a * data * data / v), noise = (x - a * posterior) / s;  // E[x0 | x], E[eps | x]
  CHECK(apart((Gaussian{data, Predicts::eps}(x, a, s)), noise) < 1e-14);
  CHECK(apart((Gaussian{data, Predicts::x0}(x, a, s)), posterior) < 1e-14);
  CHECK(apart((Gaussian{data, Predicts::v}(x, a, s)), a * noise - s * posterior) < 1e-14);
  for (Predicts what : {Predicts::score, Predicts::eps, Predicts::x0, Predicts::v})
    CHECK(apart(nn::score_from(what, Gaussian{data, what}(x, a, s), x, a, s), -x / v) < 1e-14);
}

TEST_CASE("a score network is its MLP's prediction turned into a score, level by level") {
  const Tensor x = draw({3, 2}), sigma = from({0.1, 1, 4}, f64), alpha = from({0.9, 0.6, 0.2}, f64), c = draw({3, 2}, -1, 1, 2);
  for (Predicts what : {Predicts::score, Predicts::eps, Predicts::x0, Predicts::v}) {
    const nn::ScoreMLP net({.inputs = 2, .condition = 2, .hidden = {8}}, what, Key(1), f64);
    const Tensor raw = net.net(x, log(sigma) / 4, c), wide = net.net(x, log(sigma / alpha) / 4, c);
    CHECK(apart(net(x, sigma, c), nn::score_from(what, raw, x, 1, unsqueeze(sigma, 1))) < 1e-14);
    CHECK(apart(net(x, sigma, c, alpha), nn::score_from(what, wide, x, unsqueeze(alpha, 1), unsqueeze(sigma, 1))) < 1e-14);
    CHECK(apart(slice_axis(net(x, sigma, c), 0, 1, 2), net(slice_axis(x, 0, 1, 2), scalar(1, f64), slice_axis(c, 0, 1, 2))) < 1e-14);
    CHECK(apart(net.net(x, scalar(0, f64), select(c, 0, 0)), net.net(x, scalar(0, f64), broadcast_to(select(c, 0, 0), {3, 2}))) == 0);
  }
  const nn::ScoreMLP net({.inputs = 2}, Predicts::eps, Key(1), f64);
  CHECK(nn::named_parameters(net)[0].first == "net.mlp.layers.0.weight");
  CHECK(contains(message_of([&] { net(x, draw({3, 1}, 1, 2, 0)); }), "noise levels"));
}

TEST_CASE("noise and condition reach a network by its input or by FiLM, and can be left out") {
  const Tensor x = draw({3, 4, 2}), noise = draw({3}), c = draw({3, 4, 5}, -1, 1, 2);
  for (bool film : {false, true}) {
    const nn::NoisyMLP net({.inputs = 2, .outputs = 3, .condition = 5, .hidden = {6, 6}, .features = 4, .film = film, .norm = true}, Key(1),
                           f64);
    CHECK(net(x, noise, c).shape() == Shape{3, 4, 3});
    CHECK(net.mlp.layers[0].weight.extent(1) == (film ? 2 : 11));
    const auto by_hand = [&] {
      const Tensor features = broadcast_to(reshape(net.features(unsqueeze(noise, 1)), {3, 1, 4}), {3, 4, 4});
      return film ? net.mlp(x, {.condition = concat({features, c}, -1)}) : net.mlp(concat({x, features, c}, -1));
    };
    CHECK(apart(net(x, noise, c), by_hand()) < 1e-15);
  }
  // A condition for each row is not taken for one for each place, even where there are as many of both.
  const nn::NoisyMLP rows({.inputs = 2, .condition = 1, .features = 2}, Key(1), f64);
  const Tensor square = draw({3, 3, 2}), each = draw({3, 1});
  CHECK(apart(rows(square, noise, each), rows(square, noise, broadcast_to(reshape(each, {3, 1, 1}), {3, 3, 1}))) == 0);
  const nn::NoisyMLP blind({.inputs = 2, .features = 0}, Key(1), f64);
  CHECK(apart(blind(x, noise), blind(x, noise + 1)) == 0);
}

TEST_CASE("preconditioning is table 1 of Karras et al., and keeps inputs and targets at variance one") {
  const nn::Preconditioned<nn::NoisyMLP> net{nn::NoisyMLP({.inputs = 2, .hidden = {8}}, Key(1), f64), 0.7};
  const Tensor x = draw({3, 2}), sigma = from({0.01, 1, 50}, f64), s = unsqueeze(sigma, 1);
  const Tensor total = square(s) + 0.49, raw = net.net(x / sqrt(total), log(sigma) / 4);
  const Tensor denoised = 0.49 / total * x + s * 0.7 / sqrt(total) * raw;
  CHECK(apart(net.denoised(x, sigma), denoised) < 1e-14);
  CHECK(apart(net(x, sigma), (denoised - x) / square(s)) < 1e-10);
  CHECK(apart(net(x, scalar(1, f64)), net(x, ones({3}, f64))) < 1e-15);
  // With F = 0 the denoised data are the best linear guess: exact for data N(0, data^2 I).
  nn::initialise_(net, nn::zero, Key(1));
  CHECK(apart(net(x, sigma), -x / total) < 1e-14);
}

TEST_CASE("an energy network's score is minus the gradient of its energy, with a symmetric Jacobian") {
  const nn::EnergyMLP net({.inputs = 3, .condition = 2, .hidden = {6}, .activation = nn::tanh}, Key(1), f64);
  const Tensor x = draw({4, 3}), sigma = from({0.3, 0.5, 1, 2}, f64), c = draw({4, 2}, -1, 1, 2);
  CHECK(net.energy(x, sigma, c).shape() == Shape{4});
  const Tensor s = net(x, sigma, c);
  CHECK(grad(sum(square(s)), nn::parameters(net)).size() == 3);  // s depends on every parameter
  const double h = 1e-5;
  for (int64_t j = 0; j < 3; ++j) {
    const Tensor step = h * select(eye(3, f64), 0, j);
    CHECK(apart(select(s, 1, j), (net.energy(x - step, sigma, c) - net.energy(x + step, sigma, c)) / (2 * h)) < 1e-9);
  }
  const Tensor j = jacobian([&](const Tensor& y) { return net(unsqueeze(y, 0), scalar(0.5, f64), select(c, 0, 1)); }, select(x, 0, 1));
  const Tensor square_form = reshape(j, {3, 3});
  CHECK(apart(square_form, transpose(square_form)) < 1e-13);
  CHECK(max(abs(square_form)).item() > 1e-3);
}

TEST_CASE("an energy network may be called while nothing is recorded, and then leaves nothing recorded") {
  const nn::EnergyMLP net({.inputs = 2, .hidden = {4}}, Key(1));
  const Tensor x = draw({3, 2}, -2, 2, 0, float32), sigma = ones({});
  const Tensor recorded = net(x, sigma);
  CHECK(recorded.tracked());
  const NoGrad guard;
  CHECK_FALSE(net(x, sigma).tracked());
  CHECK(apart(net(x, sigma), recorded) == 0);
}

TEST_CASE("the condition of an energy network is held while x moves, even where it was computed from x") {
  const nn::EnergyMLP net({.inputs = 2, .condition = 2, .hidden = {4}}, Key(1), f64);
  Tensor x = draw({3, 2});
  const Tensor want = net(x, ones({}, f64), square(x));
  x.requires_grad();
  CHECK(apart(net(x, ones({}, f64), square(x)), want) == 0);
}

TEST_CASE("denoising score matching through an energy has the right gradient in parameters, condition and data, to second order") {
  const nn::EnergyMLP net({.inputs = 2, .condition = 1, .hidden = {5}, .features = 2, .activation = nn::softplus}, Key(1), f64);
  const Tensor x = draw({4, 2}), eps = draw({4, 2}, -1, 1, 3), sigma = from({0.3, 0.5, 1, 2}, f64), c = draw({4, 1}, -1, 1, 2);
  const auto loss = [&](const nn::EnergyMLP& m, const Tensors& v) {
    const Tensor s = m(v[0] + unsqueeze(sigma, 1) * eps, sigma, v[1]);
    return 0.5 * sum(square(unsqueeze(sigma, 1) * s + eps), {-1});
  };
  check_module(net, loss, {x, c});
  // Against central differences of the loss itself, without the checker.
  const Tensor weight = net.net.mlp.layers[0].weight, direction = draw(weight.shape(), -1, 1, 8);
  const Tensor g = grad(sum(loss(net, {x, c})), weight);
  const auto moved = [&](double by) {
    const Tensor before = clone(weight.detach());
    copy_(weight.detach(), before + by * direction);
    const double value = sum(loss(net, {x, c})).item();
    copy_(weight.detach(), before);
    return value;
  };
  CHECK(apart(sum(g * direction).item(), (moved(1e-5) - moved(-1e-5)) / 2e-5) < 1e-8);
}

TEST_CASE("score networks and preconditioning differentiate to second order in parameters, x, c and sigma") {
  const Tensor x = draw({3, 2}), sigma = from({0.4, 1, 2}, f64), c = draw({3, 1}, -1, 1, 2);
  const auto forward = [](const auto& m, const Tensors& v) { return m(v[0], v[1], v[2]); };
  for (bool film : {false, true})
    check_module(nn::ScoreMLP({.inputs = 2, .condition = 1, .hidden = {4}, .features = 2, .film = film}, Predicts::v, Key(1), f64), forward,
                 {x, sigma, c});
  const nn::NoisyMLPOptions small{.inputs = 2, .condition = 1, .hidden = {4}, .features = 2};
  check_module(nn::Preconditioned<nn::NoisyMLP>{nn::NoisyMLP(small, Key(1), f64), 0.5}, forward, {x, sigma, c});
  check_module(nn::Preconditioned<nn::NoisyMLP>{nn::NoisyMLP(small, Key(1)), 0.5}, forward,
               {x.to(float32), sigma.to(float32), c.to(float32)}, {.order = 1, .directions = 1});
}
