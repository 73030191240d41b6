// Weighted sums of the library's per-sample losses.
#include "tests/conformance/expectation.h"

#include <fmt/format.h>

#include "losses/score_matching.h"

namespace conformance {

void Sums::add(const std::string& name, const Tensor& value) {
  const NoGrad plain;
  Tensor& sum = sums_[name];
  sum = sum.defined() ? sum + value : value.detach();
}

void Sums::add(const std::string& prefix, const Named& entries) {
  for (const auto& [name, value] : entries) add(prefix + "." + name, value);
}

void Sums::gradients(const Field& test, const std::string& field, const Named& losses, const Named& parameters) {
  Tensors xs;
  for (const auto& entry : parameters) xs.push_back(entry.second);
  for (const std::string& loss : test[field].keys()) {
    if (!losses.count(loss)) continue;
    size_t i = 0;
    const Tensors gs = grad(losses.at(loss), xs, {.allow_unused = true});
    for (const auto& entry : parameters) add(fmt::format("{}.{}.{}", field, loss, entry.first), gs[i++]);
  }
}

void Sums::paths(const Field& test, const std::string& field, const Named& losses, const Tensor& x,
                 const std::vector<std::string>& labels) {
  for (const std::string& loss : test[field].keys()) {
    if (!losses.count(loss)) continue;
    const GradByPath g = grad_by_path(losses.at(loss), x, {.allow_unused = true});
    add(fmt::format("{}.{}.total", field, loss), g.total);
    for (const std::string& label : labels) add(fmt::format("{}.{}.{}", field, loss, label), g.along(label));
  }
}

void Sums::into(Values& values) const {
  for (const auto& [name, value] : sums_) values.add(name, value);
}

Tensor weighted(const Tensor& weights, const Tensor& f) { return sum(weights * f); }

Named losses_of(const Block& b, double sigma) {
  const auto mean_of = [&](const Tensor& f) { return weighted(b.weights, f); };
  Named all = {{"dsm", mean_of(losses::dsm(b.s, b.eps, sigma))},
               {"esm", mean_of(losses::esm(b.s, b.target))},
               {"ism", mean_of(losses::ism(b.s, b.xt))},
               {"c2", mean_of(losses::c2(b.target))},
               {"c3", mean_of(losses::c3(b.eps, sigma))},
               {"half_norm", mean_of(losses::c2(b.s))},
               {"sds", mean_of(losses::sds(b.s, b.eps, sigma, b.xt))},
               {"vsd_kl", mean_of(losses::vsd(b.s, b.target, b.xt))}};
  if (b.fixed_target.defined()) all["esm_detached_target"] = mean_of(losses::esm(b.s, b.fixed_target));
  return all;
}

Tensor tracked(Tensor x) {
  if (!x.tracked()) x.requires_grad();
  return x;
}

quadrature::Nodes exact_nodes(int64_t dims, Options options) {
  if (dims > 20) throw Unsupported(fmt::format("an exact sum over 2^{} nodes", dims));
  return product(quadrature::gauss_hermite(2), dims, options);
}

Named losses_of(const Gaussian& p, const Gaussian& target, const Score& s, double alpha, double sigma) {
  const int64_t d = p.dim();
  const quadrature::Nodes nodes = exact_nodes(2 * d, like(p.mean));
  const Tensor eps = slice_axis(nodes.z, 1, d, 2 * d), xt = tracked(alpha * p.at(slice_axis(nodes.z, 1, 0, d)) + sigma * eps);
  const Gaussian q = target.noised(alpha, sigma);
  return losses_of({nodes.weights, eps, xt, s(xt), q.score(xt), q.detached().score(xt)}, sigma);
}

Named leaves(const Field& object, const std::vector<std::string>& names) {
  Named all;
  for (const std::string& name : names.empty() ? object.keys() : names) all[name] = object[name].tensor().requires_grad();
  return all;
}

nn::MLP network(const Field& object, const Named& parameters, nn::Activation activation) {
  nn::MLP net;
  net.activation = activation;
  const auto at = [&](const std::string& name) {
    if (!parameters.count(name)) object[name];  // says that it is missing
    return parameters.at(name);
  };
  for (size_t i = 1; 2 * i <= parameters.size() || net.layers.empty(); ++i)
    net.layers.emplace_back(at(fmt::format("W{}", i)), at(fmt::format("b{}", i)));
  return net;
}

Tensor gradient(const Tensor& y, const Tensor& x) { return y.tracked() ? grad(y, x, {.allow_unused = true}) : zeros_like(x); }

}  // namespace conformance
