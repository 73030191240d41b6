// Real input: some hundred images, a network that encodes each into two noisy numbers, and the exact law of the data given the code.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "autograd/files/idx.h"
#include "autograd/files/npy.h"
#include "examples/verify/families.h"
#include "nn/mlp.h"
#include "nn/optimiser.h"
#include "report/chart.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double tau = 0.5;
const std::vector<double> levels = {2, 4, 8};
constexpr const char* debian = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";

/// The first images of a file as rows of numbers from 0 to 1.   [n, d]
Tensor load(const std::string& path, int64_t limit, int64_t count, Options o) {
  const Tensor all = std::filesystem::path(path).extension() == ".npy" ? load_npy(path) : load_idx(path, float32, limit);
  if (all.rank() < 2 || all.extent(0) < 2)
    throw Error(Where::here(), fmt::format("verify: '{}' holds an array of shape {}, not images", path, to_string(all.shape())));
  const Tensor some = slice_axis(all, 0, 0, std::min(count, all.extent(0)));
  const Tensor rows = reshape(some, {some.extent(0), -1}).to(o.dtype).to(o.device);
  const double top = max(rows).item();
  return top > 1 ? rows / 255 : rows;
}

struct World {
  FiniteData data;
  Tensor centre;           // the mean image
  nn::MLP encoder, score;  // code f(x) [n, 2]; the mean image given the code
  Tensor gain;             // of the code, 1

  Tensor encode(const Tensor& x) const { return gain * (4 * encoder(x - centre)); }
  NoisyEncoder setup() const {
    return {data, [this](const Tensor& x) { return encode(x); }, tau};
  }
  // The score of N(image(c), (sigma^2 + 0.05) I).
  Tensor model(const Tensor& xt, const Tensor& c, double sigma) const { return (centre + score(c) - xt) / (sigma * sigma + 0.05); }
};
World made(const Tensor& images, const Key& key, Options o) {
  const int64_t d = images.extent(1);
  return {{images},
          mean(images, {0}),
          {{d, 32, 2}, nn::tanh, key.fold("encoder"), o},
          {{2, 32, d}, nn::tanh, key.fold("score"), o},
          ones({}, o).requires_grad()};
}

// E tr Cov(x | x_t, c) / (2 sigma^4) = C3 - C2 and E |Cov(t, f(x) | x_t, c)|^2 / tau^2 = dC2/d gain, both from the posterior alone.
struct ByPosterior {
  Values mmse, gain;
};
ByPosterior by_posterior(const World& world, double sigma, int64_t samples, const Key& key) {
  const NoGrad off;
  const NoisyEncoder setup = world.setup();
  const Tensor codes = setup.codes(), &x = world.data.points;
  const int64_t blocks = 32, n = samples / blocks;
  std::vector<double> mmse, gain;
  for (int64_t b = 0; b < blocks; ++b) {
    const Key k = key.fold(b);
    const Tensor index = world.data.sample_index(n, k.fold("index"));
    const Tensor c = index_select(codes, 0, index) + tau * normal({n, 2}, k.fold("eta"), like(x));
    const Tensor xt = index_select(x, 0, index) + sigma * normal({n, x.extent(1)}, k.fold("eps"), like(x));
    const Tensor r = setup.posterior(xt, c, codes, 1, sigma), mean_x = matmul(r, x), mean_f = matmul(r, codes);
    const Tensor spread = matmul(r, sum(square(x), {1}, true)) - sum(square(mean_x), {1}, true);  // tr Cov(x | x_t, c)
    mmse.push_back(mean(spread).item() / (2 * std::pow(sigma, 4)));
    double squares = 0;
    for (int64_t j = 0; j < 2; ++j) {  // t = (x - x_t)/sigma^2, whose covariance with f is that of x over sigma^2
      const Tensor weights = r * (transpose(slice_axis(codes, 1, j, j + 1)) - slice_axis(mean_f, 1, j, j + 1));
      squares += mean(sum(square(matmul(weights, x)), {1})).item();
    }
    gain.push_back(squares / (std::pow(sigma, 4) * tau * tau));
  }
  const auto summed = [&](const std::vector<double>& v) {
    double m = 0, s = 0;
    for (double e : v) m += e / static_cast<double>(v.size());
    for (double e : v) s += (e - m) * (e - m);
    Values out(m);
    out.error = {std::sqrt(s / static_cast<double>(v.size() * (v.size() - 1)))};
    out.freedom = blocks - 1;
    return out;
  };
  return {summed(mmse), summed(gain)};
}

// Trains network and encoder together, the network by DSM and the encoder by either loss; C3 - C2 every few steps, from common noise.
struct Training {
  std::vector<double> step, mmse;
};
Training train(Run& run, const Tensor& images, bool explicitly) {
  const double sigma = 4;
  const int steps = run.quick() ? 60 : 300;
  const int64_t batch = 96;
  World world = made(images, Key(3), run.options());
  const NoisyEncoder setup = world.setup();
  const Tensors theta = nn::parameters(world.score), phi = nn::parameters(world.encoder);
  nn::Adam learn_theta(theta, {.rate = 3e-3}), learn_phi(phi, {.rate = 3e-3});
  Training out;
  for (int i = 0; i <= steps; ++i) {
    if (i % (steps / 20) == 0) {
      out.step.push_back(i);
      out.mmse.push_back(by_posterior(world, sigma, 1024, Key(11)).mmse.value[0]);
    }
    run.progress(static_cast<double>(i) / steps);
    const Key k = run.key("training").fold(i);
    const Tensor index = world.data.sample_index(batch, k.fold("index")), codes = setup.codes();
    const Tensor eps = normal({batch, images.extent(1)}, k.fold("eps"), run.options());
    const Tensor c = index_select(codes, 0, index) + tau * normal({batch, 2}, k.fold("eta"), run.options());
    const Tensor xt = index_select(images, 0, index) + sigma * eps, s = world.model(xt, c, sigma);
    const Tensor denoise = mean(dsm(s, eps, sigma));
    const Tensor loss = explicitly ? mean(esm(s, setup.score(xt, c, codes, 1, sigma))) : denoise;
    const Tensors g_theta = grad(denoise, theta), g_phi = grad(loss, phi);
    learn_theta.step(g_theta);
    learn_phi.step(g_phi);
  }
  return out;
}

}  // namespace

void check_images(const Plan& plan) { load(plan.data, plan.data_limit, 2, {}); }

void images(Run& run) {
  const std::string path = run.plan().data.empty() ? debian : run.plan().data;
  if (std::error_code unknown; run.plan().data.empty() && !std::filesystem::exists(path, unknown)) {
    run.skip("images/data", "real images", "no data: apt-get install dataset-fashion-mnist, or name a file with --data");
    return;
  }
  const auto data = once([&] { return load(path, run.plan().data_limit, run.quick() ? 60 : 200, run.options()); });
  const auto world = once([&] { return made(data(), Key(3), run.options()); });
  const int64_t samples = std::max<int64_t>(1024, run.samples() / 128);
  const auto decomposed = [&](double sigma) {
    const World& w = world();
    const nn::Linear &first = w.score.layers.front(), &last = w.encoder.layers.back();
    return decompose([&w, sigma](const Tensor& xt, const Tensor& c) { return w.model(xt, c, sigma); }, w.setup(),
                     {.sigma = sigma,
                      .samples = samples,
                      .wrt = {{"phi", Tensors{last.weight, last.bias}}, {"theta", Tensors{first.weight, first.bias}}, {"gain", w.gain}},
                      .trace = Trace::none,
                      .block = 256,
                      .progress = run.watcher()},
                     run.key("images"));
  };
  const auto at = once([&] {
    std::vector<Decomposition> all;
    for (const double sigma : levels) all.push_back(decomposed(sigma));
    return all;
  });
  const auto posterior = once([&] {
    std::vector<ByPosterior> all;
    for (const double sigma : levels) all.push_back(by_posterior(world(), sigma, samples, run.key("posterior")));
    return all;
  });
  const Kind q = Kind::quadrature;
  const auto total = [](const Decomposition& d, const Term& t, const char* name) { return Values(t.gradient.at(name).total).of(d); };

  for (size_t i = 0; i < levels.size(); ++i) {
    const double sigma = levels[i];
    const std::string tail = fmt::format("-sigma-{}", sigma), in = fmt::format(", σ = {}", sigma);
    run.statement("images/losses" + tail, "DSM, ESM, C2 and C3 on images" + in)
        .from("d/(2σ²)", q, [&, sigma] { return Values(static_cast<double>(data().extent(1)) / (2 * sigma * sigma)); })
        .equals("C3", q, [&, i] { return Values(at()[i].c3.value).of(at()[i]); })
        .equals("DSM − ESM + C2", q,
                [&, i] { return Values(at()[i].dsm.value).of(at()[i]) - Values(at()[i].esm.value) + Values(at()[i].c2.value); })
        .equals("C2 + denoising error", q, [&, i] { return Values(at()[i].c2.value).of(at()[i]) + posterior()[i].mmse; });
    run.statement("images/identity" + tail, "DSM − (ESM − C2 + C3) = 0, from the same samples" + in)
        .from("zero", q, [] { return Values(0.0); })
        .equals("Monte Carlo", q, [&, i] { return Values(at()[i].residual.value).of(at()[i]); });
    run.statement("images/theta" + tail, "Theorem 1: ∇θ DSM − ∇θ ESM = 0 for the network's first layer" + in)
        .from("zero", q, [&, i] { return 0 * Values(at()[i].dsm.gradient.at("theta").total.mean); })
        .equals("same samples", q, [&, i] { return total(at()[i], at()[i].residual, "theta"); });
    run.statement("images/phi" + tail, "Theorem 2: ∇φ DSM − (∇φ ESM − ∇φ C2) = 0 for the encoder's last layer" + in)
        .from("zero", q, [&, i] { return 0 * Values(at()[i].dsm.gradient.at("phi").total.mean); })
        .equals("same samples", q, [&, i] { return total(at()[i], at()[i].residual, "phi"); });
    run.statement("images/gain" + tail, "f → (1 + δ) f: dC2/dδ = E |Cov(t, f(x) | x_t, c)|² / τ² > 0" + in)
        .from("posterior covariance", q, [&, i] { return posterior()[i].gain; })
        .equals("autodiff of C2", q, [&, i] { return total(at()[i], at()[i].c2, "gain"); })
        .differs("zero", [] { return Values(0.0); });
  }

  const auto by_dsm = once([&] { return train(run, data(), false); });
  const auto by_esm = once([&] { return train(run, data(), true); });
  run.statement("images/training",
                "trained by DSM an encoder raises the score's norm, that is, it lowers C3 − C2, and further than trained by ESM")
      .from("C3 − C2 at the start, after ESM", q,
            [&] {
              return 100 * Values{by_dsm().mmse.front(), by_esm().mmse.back()};
            })
      .below("after DSM (× 100)", [&] {
        return 100 * Values{by_dsm().mmse.back(), by_dsm().mmse.back()};
      });

  run.figure("images/losses", [&] {
    report::Figure f{.caption = fmt::format("{} images of {}: losses and gradients over σ; δ is the gain of the code", data().extent(0),
                                            std::filesystem::path(path).filename().string()),
                     .alt = "One row for each noise level, with standard errors. φ is the encoder's last layer."};
    f.data.head = {"σ", "DSM", "ESM", "C2", "C3", "|∇φ DSM|", "|∇φ ESM|", "|∇φ C2|", "dDSM/dδ", "dESM/dδ", "dC2/dδ"};
    const auto shown = [](double v, double e) { return fmt::format("{:.5g} ± {:.1g}", v, e); };
    for (size_t i = 0; i < levels.size(); ++i) {
      const Decomposition& d = at()[i];
      std::vector<std::string> row{fmt::format("{}", levels[i])};
      for (const Term* t : {&d.dsm, &d.esm, &d.c2, &d.c3}) row.push_back(shown(t->value.mean, t->value.error));
      for (const Term* t : {&d.dsm, &d.esm, &d.c2}) row.push_back(fmt::format("{:.3g}", t->gradient.at("phi").total.norm()));
      for (const Term* t : {&d.dsm, &d.esm, &d.c2}) {
        const Values g = t->gradient.at("gain").total;
        row.push_back(shown(g.value[0], g.error[0]));
      }
      f.data.rows.push_back(row);
    }
    return f;
  });
  run.figure("images/norm", [&] {
    report::LineChart chart{
        .caption = "Images: E‖s*‖² while an encoder is trained by each loss (σ = 4; it cannot exceed d/σ²)",
        .alt = "Trained by DSM the encoder raises the score's norm throughout; trained by ESM the norm comes to rest at a lower value.",
        .x_label = "training step",
        .y_label = "E‖s*‖²",
        .lines = {}};
    for (const Training* t : {&by_dsm(), &by_esm()}) {
      report::Line line{t == &by_dsm() ? "DSM" : "ESM", t->step, t->mmse};
      for (double& y : line.y) y = static_cast<double>(data().extent(1)) / 16 - 2 * y;  // 2 C2 = 2 C3 - 2 (C3 - C2)
      chart.lines.push_back(line);
    }
    return draw(chart);
  });
}

}  // namespace scoregrad::verify
