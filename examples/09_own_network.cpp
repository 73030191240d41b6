// Your own network: a struct that lists its fields. Then four networks learn the score of the same noised data, and the exact score says
// how well: one of your own, one that predicts the noise, one that is preconditioned, one that is minus the gradient of an energy.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace dist = sg::distributions;
namespace nn = sg::nn;

// s = gain (a(x, sigma) - x) / (0.2 + sigma^2), a an MLP with residuals: members are what it is made of, `fields` names them, once.
struct Pull {
  nn::FourierFeatures features;
  nn::MLP net;
  sg::Tensor gain;

  Pull(const sg::Key& key, sg::Options options)
      : features(1, 8, 1, key.fold("features"), options),
        net({2 + 8, 32, 32, 2}, {.activation = nn::silu, .norm = true, .residual = true}, key.fold("net"), options),
        gain(sg::ones({2}, options).requires_grad()) {}

  sg::Tensor operator()(const sg::Tensor& x, const sg::Tensor& sigma) const {
    const sg::Tensor level = sg::unsqueeze(sigma, 1);
    return gain * (net(sg::concat({x, features(sg::log(level))}, 1)) - x) / (0.2 + sg::square(level));
  }
  static void fields(auto& m, auto visit) {
    visit("features", m.features);
    visit("net", m.net);
    visit("gain", m.gain);
  }
};

int main() {
  const sg::Options wide{sg::float64};
  const sg::Key key(3);
  const dist::Mixture law{.log_weights = sg::zeros({2}, wide),
                          .means = sg::from({-1.5, 0, 1.5, 0.5}, {2, 2}, wide),
                          .factors = sg::stack({0.5 * sg::eye(2, wide), 0.3 * sg::eye(2, wide)})};

  const auto error_at = [&](const auto& net, double sigma) {  // E |s - s*|^2 / E |s*|^2
    const sg::NoGrad guard;
    const sg::Tensor xt = law.sample(2000, key.fold("test")) + sigma * sg::normal({2000, 2}, key.fold("noise"), wide);
    const sg::Tensor exact = law.noised(1, sigma).score(xt), s = net(xt, sg::full({2000}, sigma, wide));
    return (sg::mean(sg::square(s - exact)) / sg::mean(sg::square(exact))).item();
  };
  const auto learn = [&](const char* name, const auto& net) {
    const auto parameters = nn::parameters(net);
    nn::Adam adam(parameters, {.rate = 5e-3});
    for (int step = 0; step < 300; ++step) {
      const sg::Key now = key.fold(step);
      const sg::Tensor sigma = sg::exp(sg::uniform({256}, now.fold("level"), wide) * 3.5 - 2.5);  // 0.08 to 2.7
      const sg::Tensor eps = sg::normal({256, 2}, now.fold("eps"), wide), x = law.sample(256, now.fold("x"));
      const sg::Tensor s = net(x + sg::unsqueeze(sigma, 1) * eps, sigma);
      adam.step(sg::grad(sg::mean(sg::square(sigma) * sg::losses::dsm(s, eps, sigma)), parameters));
    }
    int64_t count = 0;
    for (const sg::Tensor& p : parameters) count += p.numel();
    fmt::print("{:15}{:5} parameters   error at sigma 0.1: {:.2f}   0.5: {:.2f}   2: {:.2f}\n", name, count, error_at(net, 0.1),
               error_at(net, 0.5), error_at(net, 2));
  };

  const Pull own(key.fold("own"), wide), before = nn::clone(own);
  for (const auto& [name, p] : nn::named_parameters(own)) fmt::print("{:22}{}\n", name, sg::to_string(p.shape()));
  fmt::print("\n");
  learn("your own", own);
  fmt::print("{:15}                   a clone from before: {:.2f}\n", "", error_at(before, 0.1));
  const nn::NoisyMLPOptions shape{.inputs = 2, .hidden = {32, 32}, .features = 8};
  learn("predicts eps", nn::ScoreMLP(shape, nn::Predicts::eps, key.fold("eps"), wide));
  learn("preconditioned", nn::Preconditioned<nn::NoisyMLP>{nn::NoisyMLP(shape, key.fold("edm"), wide), 1.2});
  learn("energy", nn::EnergyMLP(shape, key.fold("energy"), wide));
}
