#include "losses/population.h"

#include <fmt/format.h>

#include "losses/set_ups.h"

namespace scoregrad::losses {
namespace {

void check_level(const Level& level, Where at) {
  for (const Number* n : {&level.alpha, &level.sigma})
    if (!n->is_single() || !(n->value(at) > 0))
      throw Error(at, "population: alpha and sigma must be single positive numbers (a number or a 0-d tensor)");
}

void check_tau(const Number& tau, Where at) {
  if (!tau.is_single() || !(tau.value(at) > 0))
    throw Error(at,
                "population: an encoder without noise (tau = 0) and with distinct codes has q(x_t | c) = q(x_t | x), where C2 = C3 and "
                "nothing is biased; tau must be a single positive number");
}

template <class Setup>
Population sampled(const Setup& setup, const Level& level, Where at) {
  check_level(level, at);
  Population p = set_up(setup, level, at);
  if (p.weights_move)
    throw Error(at, "population: samples carry no gradient to the weights of a law; use decompose, which sums over what they weigh");
  return p;
}

}  // namespace

Rows Rows::some(const Tensor& which) const {
  const auto part = [&](const Tensor& of) { return of.defined() ? index_select(of, 0, which) : of; };
  return {part(x), part(eps),    part(xt),     part(t),       part(scatter), part(moving),
          part(c), part(target), part(weight), part(partner), part(index),   level};
}

Population population(const Generated& setup, const Level& level, Where at) { return sampled(setup, level, at); }
Population population(const FreeCondition& setup, const Level& level, Where at) { return sampled(setup, level, at); }
Population population(const InputDistribution& setup, const Level& level, Where at) { return sampled(setup, level, at); }
Population population(const distributions::LinearEncoder& setup, const Level& level, Where at) {
  check_tau(setup.tau, at);
  return sampled(setup, level, at);
}
Population population(const distributions::NoisyEncoder& setup, const Level& level, Where at) {
  check_tau(setup.tau, at);
  return sampled(setup, level, at);
}

Population population(const SampledGenerated& setup, const Level& level, Where at) {
  check_level(level, at);
  Population p;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    Rows rows = noised(setup.sample(n, key.fold("x")), level, key);
    if (setup.c.defined()) rows.c = broadcast_to(unsqueeze(setup.c, 0), {n, setup.c.extent(0)});
    return rows;
  };
  p.others = [=](const Rows&, int64_t k, const Key& key) -> Candidates { return {setup.sample(k, key)}; };
  return p;
}

Population population(const SampledEncoder& setup, const Level& level, Where at) {
  check_level(level, at);
  check_tau(setup.tau, at);
  Population p;
  p.c_is_drawn = true;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    const Tensor x = setup.sample(n, key.fold("x")), code = setup.encode(x);
    Rows rows = noised(x, level, key);
    rows.c = code + setup.tau.like(x) * normal(code.shape(), key.fold("eta"), like(x));
    return rows;
  };
  p.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Tensor x = setup.sample(k, key);
    return {x, log_code_weight(rows.c, setup.encode(x), setup.tau),
            select(log_code_weight(rows.c, unsqueeze(setup.encode(rows.x), 1), setup.tau), 1, 0)};
  };
  return p;
}

Population posterior_centred(const Population& p, const ConditionalScore& s, double width, Where at) {
  if (!p.log_density) throw Error(at, "posterior_centred: this population's density is not known");
  if (!(width > 0)) throw Error(at, fmt::format("posterior_centred: a width of {}", width));
  Population out = p;
  out.exchangeable = false;
  out.others_in_all = Population::unlimited;
  out.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Tensor a = rows.level.alpha.like(rows.xt), sigma = rows.level.sigma.like(rows.xt);
    // Any centre gives the right answer. One that moves with x_t keeps the weights as they are when x_t moves: far less scatter in
    // gradients.
    const Tensor centre = (rows.xt + square(sigma) * s(rows.xt, rows.c)) / a;
    const Tensor z = normal({rows.count(), k, rows.xt.extent(1)}, key, like(centre));
    const Tensor x = unsqueeze(centre, 1) + width * sigma / a * z;
    return {x, p.log_density(rows, x) + 0.5 * sum(square(z), {-1})};
  };
  return out;
}

}  // namespace scoregrad::losses
