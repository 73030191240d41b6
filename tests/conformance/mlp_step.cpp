// small_mlp_dsm_step: one denoising step of a small network, first and second derivatives, three optimiser steps, and the other losses.
#include <fmt/format.h>

#include "losses/score_matching.h"
#include "nn/ema.h"
#include "nn/optimiser.h"
#include "tests/conformance/derivatives.h"
#include "tests/conformance/expectation.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

nn::Activation activation_of(const Field& name) {
  static const std::map<std::string, nn::Activation> known = {
      {"tanh", nn::tanh}, {"silu", nn::silu}, {"softplus", nn::softplus}, {"relu", nn::relu}, {"gelu", nn::gelu}};
  const auto found = known.find(name.text());
  if (found == known.end()) name.malformed(fmt::format("no activation is called \"{}\"", name.text()));
  return found->second;
}

// What the file gives: the batch and its noise.
struct Step {
  const Field& test;
  Tensor x, eps, sigma;  // [B, d], [B, d], [B]

  explicit Step(const Field& of) : test(of), x(of["x"].tensor()), eps(of["eps"].tensor()) {
    sigma = index_select(of["sigmas"].tensor(), 0, of["level_index"].indices());
  }
  Tensor score(const Named& parameters, const Tensor& xt) const {
    const Tensor level = unsqueeze(sigma, 1);
    return network(test["params"], parameters, activation_of(test["activation"]))(concat({xt, log(level)}, 1)) / level;
  }
  Tensor loss(const Named& parameters, const Tensor& at) const {
    const Tensor s = score(parameters, at + unsqueeze(sigma, 1) * eps);
    return mean(square(sigma) * losses::dsm(s, eps, sigma));
  }
};

Tensors values_of(const Named& named) {
  Tensors all;
  for (const auto& entry : named) all.push_back(entry.second);
  return all;
}

void derivatives_of(const Step& step, Values& values) {
  Named at = leaves(step.test["params"]);
  const Named parameters = at;
  at["x"] = step.x.detach().requires_grad();
  const Tensor loss = step.loss(parameters, at["x"]);
  values.add("loss", loss);
  values.add("score", step.score(parameters, step.x + unsqueeze(step.sigma, 1) * step.eps));
  Tensors tangents;
  for (const auto& entry : at) tangents.push_back(step.test["tangent"][entry.first].tensor());
  const Derivatives d = derivatives(loss, ones_like(loss), values_of(at), tangents);
  size_t i = 0;
  for (const auto& entry : at) {
    values.add("grad." + entry.first, d.gradients[i]);
    for (const Tensors& route : d.hessian_products) values.add("hvp." + entry.first, route[i]);
    ++i;
  }
}

// An optimiser by its settings, as one function that takes gradients.
std::function<void(const Tensors&)> optimiser_of(const Field& hyper, const Tensors& parameters) {
  const auto optional = [&](const char* key) { return hyper.has(key) ? hyper[key].number() : 0; };
  const double clip = optional("clip_global_norm");
  const auto clipped = [clip](const Tensors& gs) { return clip > 0 ? nn::clipped(gs, clip) : gs; };
  const auto number = [&](const char* key) { return hyper[key].number(); };
  if (!hyper.has("beta1")) {
    const auto sgd = std::make_shared<nn::SGD>(parameters, nn::SGDOptions{.rate = number("lr"), .momentum = optional("momentum")});
    return [=](const Tensors& gs) { sgd->step(clipped(gs)); };
  }
  const auto adam = std::make_shared<nn::AdamW>(
      parameters, nn::AdamWOptions{number("lr"), number("beta1"), number("beta2"), number("eps"), optional("weight_decay")});
  return [=](const Tensors& gs) { adam->step(clipped(gs)); };
}

void optimise(const Step& step, const std::string& name, Values& values) {
  const Field run = step.test["optimisers"][name];
  const std::string prefix = "optimisers." + name + ".";
  const Named parameters = leaves(step.test["params"]);
  const Tensors xs = values_of(parameters);
  // "ema_after_3_m0.9": the decay is in the key.
  std::map<std::string, nn::EMA> averages;
  for (const std::string& key : run.keys())
    if (key.rfind("ema_after_", 0) == 0) {
      const size_t m = key.find("_m");
      if (m == std::string::npos) run[key].malformed("the key must end in _m and the decay");
      averages.emplace(key, nn::EMA(xs, {.decay = std::strtod(key.c_str() + m + 2, nullptr), .corrected = false}));
    }
  const auto update = optimiser_of(run["hyper"], xs);
  std::vector<double> before;
  for (size_t i = 0; i < run["loss_before_each_step"].size(); ++i) {
    const Tensor loss = step.loss(parameters, step.x);
    before.push_back(loss.item());
    update(grad(loss, xs));
    for (auto& entry : averages) entry.second.update();
  }
  values.add(prefix + "loss_before_each_step", from(before, like(step.x)));
  values.add(prefix + "loss_after", step.loss(parameters, step.x).item());
  values.add(fmt::format("{}params_after_{}", prefix, before.size()), parameters);
  for (const auto& [key, average] : averages) {
    size_t i = 0;
    const Tensors values_now = average.values();
    for (const auto& entry : parameters) values.add(prefix + key + "." + entry.first, values_now[i++]);
  }
}

// At x itself, every row with its own sigma.
void score_matching(const Step& step, Values& values) {
  const Field tests = step.test["score_matching"];
  const Named parameters = leaves(step.test["params"]);
  const Tensor x = step.x.detach().requires_grad(), s = step.score(parameters, x);
  const auto along = [&](const char* v, auto loss) { return loss(s, x, tests[v].tensor(), Where::here()); };
  const Named all = {{"ism", losses::ism(s, x)},
                     {"ssm_rademacher", along("v_rademacher", losses::ssm)},
                     {"ssm_gauss", along("v_gauss", losses::ssm)},
                     {"ssm_vr", along("v_rademacher", losses::ssm_vr)}};
  for (const auto& [name, rows] : all) {
    const Tensor loss = mean(rows);
    values.add("score_matching." + name + ".loss", loss);
    const Tensors gs = grad(loss, values_of(parameters), {.allow_unused = true});
    size_t i = 0;
    for (const auto& entry : parameters) values.add("score_matching." + name + ".grad." + entry.first, gs[i++]);
  }
}

}  // namespace

void mlp_step(const Field& test, Values& values) {
  const Step step(test);
  derivatives_of(step, values);
  if (test.has("optimisers"))
    for (const std::string& name : test["optimisers"].keys()) optimise(step, name, values);
  if (test.has("score_matching")) score_matching(step, values);
}

}  // namespace conformance
