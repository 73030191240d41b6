// The cases by libtorch, eager, as a C++ user writes them: peer_libtorch --case NAME --threads N --seconds S. Inputs, initial values and
// the random numbers of the first step come from the case's one definition; its results are compared with scoregrad's before anything is
// timed.
#include <ATen/Version.h>
#include <malloc.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdio>
#include <map>

#include "autograd/backend/machine.h"
#include "autograd/graph/mode.h"
#include "benchmarks/cases/case.h"
#include "cpu/memory.h"

namespace sg = scoregrad;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

namespace {

// The largest allowed |libtorch - scoregrad| / |scoregrad| of any result, Euclidean norms. Both sum float32 in orders of their own; wrong
// arithmetic is off by far more.
constexpr double tolerance = 1e-3;

struct Steps {
  std::function<Tensors()> draw = {};
  std::function<Tensors(const Tensors& drawn)> step;
  std::function<Tensors()> state = [] { return Tensors{}; };
};
// `drawn` are the random numbers of the first step: their shapes are those of all.
using Make = Steps (*)(const Tensors& given, const Tensors& drawn);

Tensors tracked(const Tensors& from, size_t begin, size_t count) {
  Tensors out;
  for (size_t i = begin; i < begin + count; ++i) out.push_back(from[i].detach().clone().requires_grad_());
  return out;
}
Tensors part(const Tensors& from, size_t begin, size_t count) { return Tensors(from.begin() + begin, from.begin() + begin + count); }

// weight, bias, weight, bias, ...: SiLU between the layers.
Tensor network(const Tensors& p, Tensor h) {
  for (size_t i = 0; i < p.size(); i += 2) {
    h = torch::linear(h, p[i], p[i + 1]);
    if (i + 2 < p.size()) h = torch::silu(h);
  }
  return h;
}

Tensor dsm_loss(const Tensors& p, const Tensor& x, const Tensor& log_sigma, const Tensor& eps) {
  const Tensor xt = x + torch::exp(log_sigma) * eps;
  return (network(p, torch::cat({xt, log_sigma * 0.25}, 1)) + eps).square().sum(1).mean();
}
Tensor draw_log_sigma(int64_t n) {
  static const double low = std::log(0.01), high = std::log(5.0);
  return torch::rand({n, 1}) * (high - low) + low;
}

Steps op_overhead(const Tensors& given, const Tensors&) {
  const Tensors ab = tracked(given, 0, 2);
  return {.step = [=, x = given[2]](const Tensors&) { return torch::autograd::grad({torch::tanh(ab[0] * x + ab[1]).sum()}, ab); }};
}
Steps op_overhead_fwd(const Tensors& given, const Tensors&) {
  return {.step = [=](const Tensors&) { return Tensors{torch::tanh(given[0] * given[2] + given[1]).sum()}; }};
}
Steps op_overhead_add(const Tensors& given, const Tensors&) {
  return {.step = [=](const Tensors&) { return Tensors{given[0] + given[1]}; }};
}

Tensor chain(const Tensor& x) {
  const Tensor u = torch::tanh(x * 0.7 + 0.3), v = torch::sigmoid(u * x + 0.5), w = torch::exp(v * u);
  return torch::tanh(w * 0.5 + x) * v;
}
Steps chain_forward(const Tensors& given, const Tensors&) {
  return {.step = [=](const Tensors&) { return Tensors{chain(given[0])}; }};
}
Steps chain_both(const Tensors& given, const Tensors&) {
  return {.step = [x = tracked(given, 0, 1)](const Tensors&) { return torch::autograd::grad({chain(x[0]).sum()}, x); }};
}

// A step of Adam on a loss; the state as scoregrad lists it.
template <class Loss>
Steps training(const Tensors& parameters, std::function<Tensors()> draw, Loss loss_of) {
  auto adam = std::make_shared<torch::optim::Adam>(parameters, torch::optim::AdamOptions(1e-3));
  return {.draw = std::move(draw),
          .step =
              [=](const Tensors& drawn) {
                const Tensor loss = loss_of(drawn);
                adam->zero_grad();
                loss.backward();
                adam->step();
                return Tensors{loss.detach()};
              },
          .state =
              [=] {
                Tensors all = parameters, roots;
                for (const Tensor& p : parameters) {
                  const auto& s =
                      static_cast<const torch::optim::AdamParamState&>(*adam->state().at(c10::guts::to_string(p.unsafeGetTensorImpl())));
                  all.push_back(s.exp_avg());
                  roots.push_back(s.exp_avg_sq().sqrt());
                }
                all.insert(all.end(), roots.begin(), roots.end());
                return all;
              }};
}

Steps mlp_dsm(const Tensors& given, const Tensors& drawn) {
  const Tensors parameters = tracked(given, 0, given.size() - 1);
  const int64_t n = drawn[0].size(0);
  return training(
      parameters,
      [=, centres = given.back()] {
        const Tensor which = torch::randint(8, {n}, torch::kLong);
        return Tensors{centres.index_select(0, which) + 0.1 * torch::randn({n, 2}), draw_log_sigma(n), torch::randn({n, 2})};
      },
      [=](const Tensors& d) { return dsm_loss(parameters, d[0], d[1], d[2]); });
}

// One reverse pass for each dimension, as the exact trace is written without batched derivatives.
Steps jacobian_trace(const Tensors& given, const Tensors&) {
  const Tensors parameters = tracked(given, 0, given.size() - 1);
  const Tensor x = tracked(given, given.size() - 1, 1)[0];
  return {.step = [=](const Tensors&) {
    const Tensor s = network(parameters, x);
    Tensor trace;
    for (int64_t i = 0; i < x.size(1); ++i) {
      const Tensor one = torch::autograd::grad({s.select(1, i).sum()}, {x}, {}, true, true)[0].select(1, i);
      trace = i == 0 ? one : trace + one;
    }
    return torch::autograd::grad({(trace + 0.5 * s.square().sum(1)).mean()}, parameters, {}, false, false, true);
  }};
}

Steps hvp(const Tensors& given, const Tensors&) {
  const size_t count = (given.size() - 3) / 2;
  const Tensors parameters = tracked(given, 0, count), v = part(given, count, count), data = part(given, 2 * count, 3);
  return {.step = [=](const Tensors&) {
    const Tensors g = torch::autograd::grad({dsm_loss(parameters, data[0], data[1], data[2])}, parameters, {}, true, true);
    return torch::autograd::grad(g, parameters, v);
  }};
}

template <class Score>
Steps langevin(const Tensors& given, Score score) {
  auto x = std::make_shared<Tensor>(given.back().clone());
  return {.draw = [=] { return Tensors{torch::randn_like(*x)}; },
          .step =
              [=](const Tensors& drawn) {
                const double h = 1e-3;
                *x = *x + (0.5 * h) * score(*x) + std::sqrt(h) * drawn[0];
                return Tensors{};
              },
          .state = [=] { return Tensors{*x}; }};
}
Steps langevin_mlp(const Tensors& given, const Tensors&) {
  const Tensors parameters = part(given, 0, given.size() - 2);
  const Tensor level = given[given.size() - 2];
  return langevin(given, [=](const Tensor& x) { return network(parameters, torch::cat({x, level}, 1)) / 0.1; });
}
Steps langevin_gmm(const Tensors& given, const Tensors&) {
  return langevin(given, [mu = given[0]](const Tensor& x) {
    const Tensor d = mu - x.unsqueeze(1);
    const Tensor w = torch::softmax(std::log(0.2) - 2.0 * d.square().sum(2), 1);
    return ((w * 4.0).unsqueeze(2) * d).sum(1);
  });
}

Steps pathwise(const Tensors& given, const Tensors& drawn) {
  const Tensors mean = part(given, 0, 4), factor = part(given, 4, 4), net = part(given, 8, given.size() - 9);
  const Tensor c = tracked(given, given.size() - 1, 1)[0];
  const int64_t n = drawn[0].size(0);
  return {.draw =
              [=] {
                return Tensors{torch::randn({n, 2}), draw_log_sigma(n), torch::randn({n, 2})};
              },
          .step =
              [=](const Tensors& d) {
                const Tensor l = network(factor, c)[0], zero = torch::zeros({1}), diagonal = torch::exp(l);
                const Tensor lower =
                    torch::stack({torch::cat({diagonal.slice(0, 0, 1), zero}), torch::cat({l.slice(0, 1, 2), diagonal.slice(0, 2, 3)})});
                const Tensor x = network(mean, c) + torch::matmul(d[0], lower.t());
                return torch::autograd::grad({dsm_loss(net, x, d[1], d[2])}, {c});
              }};
}

// One after another: a convolution's weight and bias, a norm's, a time layer's.
Tensor unet_block(const Tensors& p, size_t i, int64_t stride, const Tensor& x, const Tensor& e) {
  const Tensor h = torch::group_norm(torch::conv2d(x, p[i], p[i + 1], stride, 1), 8, p[i + 2], p[i + 3]);
  return torch::silu(h + torch::linear(e, p[i + 4], p[i + 5]).unsqueeze(2).unsqueeze(3));
}
Steps conv_unet(const Tensors& given, const Tensors&) {
  const Tensors p = tracked(given, 0, given.size() - 1);
  const Tensor x = given.back();
  return training(
      p,
      [n = x.size(0)] {
        return Tensors{draw_log_sigma(n), torch::randn({n, 1, 28, 28})};
      },
      [=](const Tensors& d) {
        const Tensor xt = x + torch::exp(d[0]).unsqueeze(2).unsqueeze(3) * d[1];
        const Tensor e = torch::silu(torch::linear(d[0] * 0.25, p[0], p[1])), first = unet_block(p, 2, 1, xt, e);
        const Tensor inner = unet_block(p, 20, 1, unet_block(p, 14, 1, unet_block(p, 8, 2, first, e), e), e);
        const Tensor last = unet_block(p, 26, 1, torch::cat({torch::upsample_nearest2d(inner, {28, 28}), first}, 1), e);
        return (torch::conv2d(last, p[32], p[33], 1, 1) + d[1]).square().mean();
      });
}

Steps attention(const Tensors& given, const Tensors&) {
  const Tensors p = tracked(given, 0, given.size());
  const Tensor x = p.back();
  const int64_t batch = x.size(0), places = x.size(1), width = x.size(2), heads = 4;
  const Tensor mask = torch::full({places, places}, -1e9).triu(1);
  return {.step = [=](const Tensors&) {
    const auto norm = [&](const Tensor& h, size_t i) { return torch::layer_norm(h, {width}, p[i], p[i + 1]); };
    const Tensor qkv = torch::linear(norm(x, 8), p[0], p[1]).view({batch, places, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
    const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
    const Tensor weights = torch::softmax(torch::matmul(qkv[0] * scale, qkv[1].transpose(-2, -1)) + mask, -1);
    const Tensor mixed = torch::matmul(weights, qkv[2]).transpose(1, 2).reshape({batch, places, width});
    const Tensor h = x + torch::linear(mixed, p[2], p[3]);
    const Tensor y = h + torch::linear(torch::gelu(torch::linear(norm(h, 10), p[4], p[5]), "tanh"), p[6], p[7]);
    return torch::autograd::grad({y.square().mean()}, p);
  }};
}

const std::map<std::string, Make> by_name = {{"op_overhead", op_overhead},
                                             {"op_overhead_fwd_nograd", op_overhead_fwd},
                                             {"op_overhead_add", op_overhead_add},
                                             {"elementwise_chain_fwd", chain_forward},
                                             {"elementwise_chain_fwdbwd", chain_both},
                                             {"mlp_dsm_step_small", mlp_dsm},
                                             {"mlp_dsm_step_large", mlp_dsm},
                                             {"jacobian_trace_2d", jacobian_trace},
                                             {"jacobian_trace_64d", jacobian_trace},
                                             {"hvp", hvp},
                                             {"langevin_mlp", langevin_mlp},
                                             {"langevin_gmm", langevin_gmm},
                                             {"pathwise_c_grad", pathwise},
                                             {"conv_unet_step", conv_unet},
                                             {"attention_block_step", attention}};

Tensor copied(const sg::Tensor& t) {
  const sg::Tensor from = sg::packed(t);
  const std::vector<int64_t> sizes(from.shape().begin(), from.shape().end());
  return torch::from_blob(from.data<float>(), sizes, torch::kFloat).clone();
}
Tensors copied(const sg::Tensors& all) {
  Tensors out;
  for (const sg::Tensor& t : all) out.push_back(copied(t));
  return out;
}

double length_of(const Tensor& t) { return t.norm().item<double>(); }

// |a - b| / |b - start|: a result that a step writes in place is judged by its change. One that libtorch leaves undefined has no gradient
// and counts as zero.
double distance(const Tensor& theirs, const sg::Tensor& ours, const Tensor& start) {
  const Tensor b = copied(ours), a = theirs.defined() ? theirs.detach() : torch::zeros_like(b);
  if (a.sizes() != b.sizes()) return INFINITY;
  const double change = length_of(start.defined() ? b - start : b), apart = length_of(a - b);
  return std::isfinite(apart) ? apart / (change > 0 ? change : 1) : INFINITY;
}

// Runs one case by both on the same numbers, then times libtorch's. False if their results differ.
bool time_one(const bench::Options& o, const bench::Case& c) {
  if (by_name.count(c.name) == 0) return true;
  const int64_t size = c.size_at(o.scale);
  const sg::RecordingScope recording(!c.plain);
  const c10::InferenceMode plain(c.plain);
  bench::Problem problem = c.make(size);
  const Tensors given = copied(problem.given);
  const sg::Tensors drawn = problem.draw ? problem.draw(sg::Key(5)) : sg::Tensors{};
  const Tensors same = copied(drawn);
  const Steps steps = by_name.at(c.name)(given, same);
  const Tensors start = copied(problem.state);
  sg::Tensors ours = problem.step(drawn);
  Tensors theirs = steps.step(same), state = steps.state();
  double apart = theirs.size() == ours.size() && state.size() == start.size() ? 0 : INFINITY;
  for (size_t i = 0; i < ours.size() && i < theirs.size(); ++i) apart = std::fmax(apart, distance(theirs[i], ours[i], {}));
  for (size_t i = 0; i < start.size() && i < state.size(); ++i) apart = std::fmax(apart, distance(state[i], problem.state[i], start[i]));
  if (!(apart <= tolerance)) {
    std::fprintf(stderr, "peer_libtorch: %s: the results differ from scoregrad's by %.1e, more than %.0e; not timed\n", c.name.c_str(),
                 apart, tolerance);
    return false;
  }
  problem = {}, ours.clear(), theirs.clear(), state.clear();
  char how[80];
  std::snprintf(how, sizeof how, "libtorch %s, eager, agrees to %.0e", TORCH_VERSION, apart);
  time_case(o, c.timed(size, "", how), [&] {
    for (int i = 0; i < c.measured; ++i) {
      const Tensors results = steps.step(steps.draw ? steps.draw() : Tensors{});
      if (c.trains) bench::check_loss(results[0].item<double>());
    }
  });
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "smallest") return torch::zeros({2, 2}).data_ptr<float>()[3] == 0 ? 0 : 1;
  bench::Options options;
  options.peer = "libtorch";
  const int status = bench::read_options(options, argc, argv, "Times the cases by libtorch; one JSON line a case.", [] {
    for (const bench::Case& c : bench::cases())
      if (by_name.count(c.name)) std::printf("%s\n", c.name.c_str());
  });
  if (status >= 0) return status;
  if (options.device != "cpu" || options.mode == "compiled") return 0;  // neither is built into this program
  options.settle = [] {
    sg::on_cpu::empty_pool();
    malloc_trim(0);
  };
  sg::set_threads(options.threads);
  at::set_num_threads(options.threads);
  at::set_num_interop_threads(1);
  torch::manual_seed(1);
  bool good = true;
  try {
    for (const bench::Case& c : bench::cases())
      if (c.wanted(options)) good = time_one(options, c) && good;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "peer_libtorch: %s\n", e.what());
    return 2;
  }
  return good ? 0 : 1;
}
