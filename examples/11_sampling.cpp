// From a score to samples: one law with two far modes, and what chains, annealing and flows make of it.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace dist = sg::distributions;
namespace samplers = sg::samplers;

int main() {
  const sg::Options wide{sg::float64};
  const sg::Key key(7);
  const sg::Tensor centres = sg::from({4, 4, -4, -4}, {2, 2}, wide);
  const dist::Mixture law{sg::log(sg::from({0.2, 0.8}, wide)), centres, sg::broadcast_to(sg::eye(2, wide), {2, 2, 2})};
  const sg::Tensor noise = sg::normal({1000, 2}, key.fold("start"), wide);  // one particle a row
  const auto show = [&](const char* name, const samplers::Samples& s) {
    const samplers::Share share = samplers::mode_weights(s.x, centres)[0];
    fmt::print("{:<22} {:>5} scores   {:.2f} of (4, 4), {:.2f} to {:.2f}\n", name, s.evaluations, share.share, share.low, share.high);
  };

  // A chain needs the score of the law itself, and stays in the mode that it starts in.
  const auto score = [&](const sg::Tensor& x) { return law.score(x); };
  show("langevin", samplers::langevin(score, noise, {.size = 0.1, .count = 300}, key));
  const samplers::Samples chain =
      samplers::mala([&](const sg::Tensor& x) { return law.evaluate(x); }, noise, {.size = 0.8, .count = 300}, key);
  show("mala", chain);
  fmt::print("{:<22} accepted {:.2f}\n", "", sg::mean(chain.acceptance).item());

  // The others need it at every noise level: a law's by formula, as here, or a network's.
  const samplers::Edm schedule{.sigma_min = 0.05, .sigma_max = 100};
  const samplers::NoisyScore noisy = samplers::exact_score(law, schedule);
  const sg::Tensor start = schedule.sigma_max * noise;
  const samplers::Annealing levels{.sigmas = samplers::geometric_ladder(30, 0.3, 15), .step = 0.02, .count = 60, .denoise = true};
  show("annealed_langevin", samplers::annealed_langevin(noisy, 30 * noise, levels, key));
  const samplers::Course course = samplers::geometric_course(schedule, 50);  // from much noise to little in 50 steps
  show("reverse_sde", samplers::reverse_sde(noisy, start, samplers::geometric_course(schedule, 300), key));
  show("ancestral (DDPM)", samplers::ancestral(noisy, start, course, key));
  show("heun, churn 20", samplers::heun(noisy, start, {.sigmas = schedule.ladder(50), .churn = 20}, key));
  show("ddim", samplers::ddim(noisy, start, course));
  show("dpm_solver", samplers::dpm_solver(noisy, start, samplers::geometric_course(schedule, 20)));
  show("flow, Dormand-Prince",
       samplers::probability_flow(noisy, start, samplers::course(schedule, {100.0, 0.05}), {samplers::Method::dormand_prince}));

  // The flow also tells log p; here it is known.
  const sg::Tensor x = sg::from({4, 4, -3, -5, 0, 0}, {3, 2}, wide);
  const auto prior = [&](const sg::Tensor& y) { return law.noised(1, 100).log_density(y); };
  const samplers::Likelihood found = samplers::log_likelihood(noisy, x, samplers::course(schedule, {0.05, 100.0}), prior, key);
  fmt::print("\nlog p by the flow      {:.3f}\nlog p by the formula   {:.3f}\n", found.log_density, law.noised(1, 0.05).log_density(x));
}
