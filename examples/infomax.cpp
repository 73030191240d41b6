// Is the bias of denoising score matching harmful or useful? With a network that is trained along, the explicit loss is zero whatever the
// input is, and the denoising loss moves it by -grad C2 alone. A data law collapses under that force. An encoder, whose data stay where
// they are, learns to tell as much about x as it may: there the bias is the signal.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "autograd/graph/gradient.h"
#include "distributions/quadrature.h"
#include "examples/experiment/experiment.h"
#include "losses/c2_estimators.h"
#include "losses/optima.h"
#include "losses/score_matching.h"
#include "nn/mlp.h"
#include "nn/optimiser.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace losses;

Tensor leaf(const Shape& shape, double value, Options o) { return full(shape, value, o).requires_grad(); }

// ---- a data law: x ~ N(0, v) and a network s = -u x_t trained along -----------------------------------------------------------------
// Expectations over (z, eps) are sums over four nodes each, exact for these quadratic integrands, so the descent has no noise.
struct LawRun {
  report::Line line;
  double end;
};
LawRun law_under(const std::string& name, bool corrected, double until, Options o) {
  const quadrature::Nodes nodes = quadrature::product(quadrature::gauss_hermite(4), 2, o);
  const Tensor z = slice_axis(nodes.z, 1, 0, 1), eps = slice_axis(nodes.z, 1, 1, 2);
  const Tensor v = leaf({1}, 1, o), u = leaf({}, 0.8, o);
  const double sigma = 0.5, rate = 0.002;
  const auto steps = static_cast<int64_t>(std::lround(until / rate));
  LawRun out{{name, {}, {}}, 0};
  for (int64_t i = 0; i < steps; ++i) {
    const auto loss = [&] {
      const Tensor xt = sqrt(v) * z + sigma * eps, s = -u * xt;
      Tensor each = dsm(s, eps, sigma);
      if (corrected) each = each + c2(-xt / (v + sigma * sigma)) - c3(eps, sigma);
      return sum(nodes.weights * each);
    };
    for (int k = 0; k < 8; ++k) add_(u.detach(), -0.6 * grad(loss(), u));
    const Tensor g = grad(loss(), v);
    add_(v.detach(), -rate * g);
    if (i % 10 == 9) {
      out.line.x.push_back(static_cast<double>(i + 1) * rate);
      out.line.y.push_back(select(v, 0, 0).item());
    }
  }
  out.end = select(v, 0, 0).item();
  return out;
}

void data_law(Experiment& e) {
  const closed_form::FollowingScore by_hand{0.5};
  const double until = 0.92 * by_hand.collapse_time(1);
  const LawRun plain = law_under("DSM", false, until, e.options()), right = law_under("corrected", true, until, e.options());
  report::Line exact{"closed form", {}, {}};
  for (double t : plain.line.x) exact.x.push_back(t), exact.y.push_back(by_hand.variance_at(t, 1));
  e.figure("law", report::LineChart{.caption = "x ~ N(0, v) and a network trained along: the variance over time",
                                    .alt = "DSM's variance falls to zero in finite time along the closed form; corrected it stays at one.",
                                    .x_label = "t",
                                    .y_label = "v",
                                    .lines = {plain.line, right.line, exact}});
  e.expect_near("the law shrinks as the closed form says, to a point at t = 1.2917", plain.end, by_hand.variance_at(until, 1), 0.02);
  e.expect_near("that time", by_hand.collapse_time(1), 1.2917, 1e-4);
  e.expect_near("corrected it stays", right.end, 1, 0.01);
}

// ---- encoders whose optimum is known -----------------------------------------------------------------------------------------------
// x_i ~ N(0, lambda_i) and codes c_i = sqrt(k_i / lambda_i) x_i + eta_i of signal-to-noise ratio k_i, seen by a network s_i = w_i x_t + v_i
// c / sqrt(1 + k_i) trained along. One column a mode.
struct Modes {
  Tensor lambda;  // [modes]
  double sigma = 0.5;
  Tensor w, v;
  quadrature::Nodes nodes;

  Modes(const std::vector<double>& lambdas, Options o)
      : lambda(from(lambdas, o)),
        w(leaf(lambda.shape(), -1, o)),
        v(leaf(lambda.shape(), 0.5, o)),
        nodes(quadrature::product(quadrature::gauss_hermite(4), 3, o)) {}
  // DSM of all modes together; with `corrected` ESM, by the exact score.
  Tensor loss(const Tensor& k, bool corrected) const {
    const Tensor x = sqrt(lambda) * slice_axis(nodes.z, 1, 0, 1), eta = slice_axis(nodes.z, 1, 1, 2), eps = slice_axis(nodes.z, 1, 2, 3);
    const Tensor xt = x + sigma * eps, c = (sqrt(k / lambda) * x + eta) / sqrt(1 + k);
    const Tensor noise = broadcast_to(eps, xt.shape()), s = w * xt + v * c;
    Tensor each = dsm(s, noise, sigma);
    if (corrected) {
      const Tensor p = lambda / (1 + k), mean_x = sqrt(k * lambda / (1 + k)) * c;
      each = each + c2((mean_x - xt) / (p + sigma * sigma)) - c3(noise, sigma);
    }
    return sum(nodes.weights * each);
  }
};

// Descent on what gives the ratios, and on the network; the ratios at the end.
Tensor ratios_after(const Modes& m, const Tensor& shape, const std::function<Tensor(const Tensor&)>& ratios, double beta, bool corrected,
                    int64_t steps, report::Line* line = nullptr) {
  nn::Adam network({m.w, m.v}, {.rate = nn::schedule::cosine(0.05, steps, 0.002)}),
      encoder({shape}, {.rate = nn::schedule::cosine(0.04, steps, 0.0005)});
  for (int64_t i = 0; i < steps; ++i) {
    const auto loss = [&] {
      const Tensor k = ratios(shape);
      return m.loss(k, corrected) + 0.5 * beta * sum(log1p(k));
    };
    for (int inner = 0; inner < 3; ++inner) network.step(grad(loss(), network.parameters()));
    encoder.step(grad(loss(), encoder.parameters(), {.allow_unused = true}));
    if (line && i % std::max<int64_t>(1, steps / 100) == 0) {
      line->x.push_back(static_cast<double>(i));
      line->y.push_back(0.5 * sum(log1p(ratios(shape))).item());
    }
  }
  return ratios(shape).detach();
}

void rate_penalty(Experiment& e) {
  const closed_form::LinearCode code{1, 0.5};
  report::Table table{.head = {"weight β of the rate", "ratio under DSM", "closed form", "ratio under the corrected loss"}, .rows = {}};
  report::LineChart chart{.caption = "x ~ N(0, 1), c = φ x + η: information that the code carries, I(x; c), over training",
                          .alt = "Under DSM the information rises to its closed-form optimum for small β; corrected it falls to zero.",
                          .x_label = "step",
                          .y_label = "I(x; c) in nats",
                          .lines = {}};
  const auto exp_of = [](const Tensor& a) { return exp(a); };
  for (double beta : {0.1, 0.6, 0.95}) {
    double ended[2];
    for (bool corrected : {false, true}) {
      const Modes modes({1.0}, e.options());
      report::Line line{fmt::format("β = {:g}, {}", beta, corrected ? "corrected" : "DSM"), {}, {}};
      // A code is lost from wherever it starts where the loss says so, and found from next to nothing.
      const Tensor log_k = leaf({1}, std::log(corrected ? 16 : 0.05), e.options());
      ended[corrected] = select(ratios_after(modes, log_k, exp_of, beta, corrected, e.size(1000, 4000), &line), 0, 0).item();
      chart.lines.push_back(line);
      e.progress(0.3, fmt::format("rate {}", beta));
    }
    const double want = code.best_ratio(beta);
    table.rows.push_back({number(beta), number(ended[0]), number(want, 6), number(ended[1])});
    e.expect_near(fmt::format("β = {:g}: DSM's signal-to-noise ratio is the optimum", beta), ended[0], want, 0.03 * want + 0.02);
    e.expect_below(fmt::format("β = {:g}: without the bias the code is given up", beta), ended[1], 0.2);
  }
  e.table("rate", table);
  e.figure("rate", chart);
}

void water_filling(Experiment& e) {
  const std::vector<double> lambdas = {4, 1, 0.25, 0.05};
  const double budget = 20;
  const closed_form::WaterFilling want = closed_form::water_filling(lambdas, 0.5, budget);
  const Modes modes(lambdas, e.options());
  const auto shared = [&](const Tensor& a) { return budget * softmax(a); };
  const std::vector<double> k = ratios_after(modes, leaf({4}, 0, e.options()), shared, 0, false, e.size(1200, 4000)).to_vector<double>();
  report::Table table{.head = {"variance of the mode", "even share", "DSM, trained", "closed form"}, .rows = {}};
  double dsm_value = 0, even = 0;
  for (size_t i = 0; i < 4; ++i) {
    const closed_form::LinearCode mode{lambdas[i], 0.5};
    dsm_value += mode.dsm(k[i]), even += mode.dsm(budget / 4);
    table.rows.push_back({number(lambdas[i]), number(budget / 4), number(k[i]), number(want.ratios[i])});
    e.expect_near(fmt::format("the share of the mode with variance {:g}", lambdas[i]), k[i], want.ratios[i], 0.15);
  }
  e.table("water-filling", table);
  e.expect_near("the loss there", dsm_value, 2.454026, 2e-3);
  e.expect_near("and with even shares", even, 2.604776, 1e-6);
}

// ---- one bit: x = +-1, c = phi x + eta, and an MLP ------------------------------------------------------------------------------------
void one_bit(Experiment& e) {
  const Options o = e.options();
  const closed_form::BinaryCode code{1, 1};
  const int64_t side = 20;
  const quadrature::Nodes nodes = quadrature::product(quadrature::gauss_hermite(side), 2, o);
  const Tensor x = concat({ones({nodes.z.extent(0), 1}, o), -ones({nodes.z.extent(0), 1}, o)}, 0);
  const Tensor z = concat({nodes.z, nodes.z}, 0), weights = 0.5 * concat({nodes.weights, nodes.weights}, 0);
  const Tensor eta = slice_axis(z, 1, 0, 1), eps = slice_axis(z, 1, 1, 2), xt = x + eps;
  const Tensor phi = leaf({}, 0.2, o);
  const nn::MLP net({2, 24, 1}, nn::tanh, e.key("bit"), o);
  nn::Adam network(nn::parameters(net), {.rate = 0.01}), encoder({phi}, {.rate = 0.01});
  const auto loss = [&] { return sum(weights * dsm(net(concat({xt, phi * x + eta}, 1)), eps, 1)); };
  report::Line measured{"DSM with the network trained along", {}, {}}, bound{"C3 − C2, closed form", {}, {}},
      right{"probability that the code's sign is x", {}, {}};
  const int64_t first = e.size(150, 400), steps = e.size(350, 1500);
  double below = 0, gap = 0;
  for (int64_t i = 0; i < first + steps; ++i) {
    Tensor l = loss();
    network.step(grad(l, network.parameters()));
    if (i >= first) {
      encoder.step(grad(loss(), encoder.parameters()));
      const double now = phi.item(), optimum = 0.5 - code.c2(now);
      gap = loss().item() - optimum;
      below = std::min(below, gap);
      measured.x.push_back(now), measured.y.push_back(gap + optimum);
      bound.x.push_back(now), bound.y.push_back(optimum);
      right.x.push_back(now), right.y.push_back(0.5 * (1 + std::erf(now / std::numbers::sqrt2)));
    }
  }
  e.figure("bit", report::LineChart{.caption = "x = ±1, c = φ x + η: DSM of an MLP trained along, as the encoder raises φ by itself",
                                    .alt = "The loss falls along the closed form as the gain grows; the code's sign becomes reliable.",
                                    .x_label = "gain φ",
                                    .y_label = "loss; probability",
                                    .lines = {measured, bound, right}});
  e.expect_above("the loss never falls below C3 - C2", below, -1e-4);
  e.expect_below("and the network is near it at the end", gap, 0.02);
  e.expect_above("the encoder has raised its gain by itself", phi.item(), 1);
}

// ---- a curved code of points in the plane ----------------------------------------------------------------------------------------------
// Eight clumps of eight points; the code is one number between -1 and 1, small at first, plus noise.
struct Miniature {
  Tensor points;
  nn::MLP encoder, network;
  double tau = 0.2, sigma = 0.7;

  Tensor code(const Tensor& x) const { return tanh(0.2 * encoder(x)); }
  NoisyEncoder setup() const {
    return {{points}, [this](const Tensor& x) { return code(x); }, tau};
  }
  // I(x; c) and I(clump; c), from codes at many noises.
  std::pair<double, double> information(const Key& key) const {
    const NoGrad guard;
    const NoisyEncoder q = setup();
    const Tensor codes = q.codes(), c = concat(Tensors(40, codes), 0) + tau * normal({40 * 64, 1}, key, like(points));
    const Tensor r = softmax(q.log_weights(c, codes), -1), by_clump = sum(reshape(r, {40 * 64, 8, 8}), {2});
    const auto entropy = [](const Tensor& p) { return -mean(sum(xlogy(p, p), {-1})).item(); };
    return {std::log(64.0) - entropy(r), std::log(8.0) - entropy(by_clump)};
  }
};

void miniature(Experiment& e) {
  const Options o = e.options();
  std::vector<double> centres;
  for (int i = 0; i < 64; ++i)
    for (double shift : {0.0, 0.5}) centres.push_back(1.5 * std::cos(2 * std::numbers::pi * ((i / 8) / 8.0 - 0.5 * shift)));
  const Tensor points = from(centres, {64, 2}, o) + 0.12 * normal({64, 2}, e.key("points"), o);
  report::LineChart chart{
      .caption = "A curved code of 64 points in eight clumps: what it tells about x over training, with the network trained along",
      .alt = "Under DSM the information rises; under the corrected loss it does not.",
      .x_label = "step",
      .y_label = "I(x; c) in nats",
      .lines = {}};
  report::Table table{
      .head = {"loss for the encoder", "I(x; c) at the start", "at the end", "I(clump; c)", "|gradient| of the encoder at the end"},
      .rows = {}};
  std::map<std::string, double> gained, sizes;
  const int64_t first = e.size(150, 500), steps = e.size(400, 3000);
  for (const std::string name : {"DSM", "corrected, exact"}) {
    const Miniature m{points, nn::MLP({2, 24, 1}, nn::tanh, e.key("encoder"), o), nn::MLP({3, 48, 2}, nn::silu, e.key("network"), o)};
    nn::Adam network(nn::parameters(m.network), {.rate = 4e-3}), encoder(nn::parameters(m.encoder), {.rate = 4e-3});
    const double start = m.information(e.key("information")).first;
    report::Line line{name, {}, {}};
    double size = 0;
    for (int64_t i = 0; i < first + steps; ++i) {
      const Population p = population(m.setup(), {1, m.sigma});
      const Key now = e.key("batch").fold(i);
      const Rows rows = p.draw(256, now.fold("rows"));
      const Tensor s = m.network(concat({rows.xt, rows.c}, 1));
      const bool moves = i >= first;
      const Tensor both =
          mean(name == "DSM" || !moves ? dsm(s, rows.eps, m.sigma) : corrected(s, rows, estimate_c2::Exact{}(p, rows, now)));
      Tensors all = network.parameters();
      const size_t own = all.size();
      for (const Tensor& t : encoder.parameters()) all.push_back(t);
      Tensors g = grad(both, all, {.allow_unused = true});
      const Tensors of_encoder(g.begin() + static_cast<std::ptrdiff_t>(own), g.end());
      g.resize(own);
      network.step(g);
      if (!moves) continue;
      encoder.step(of_encoder);
      if (i >= first + steps * 3 / 4) {
        double squares = 0;
        for (const Tensor& t : of_encoder) squares += sum(square(t)).item();
        size += std::sqrt(squares) / static_cast<double>(steps / 4);
      }
      if ((i - first) % std::max<int64_t>(1, steps / 40) == 0) {
        line.x.push_back(static_cast<double>(i - first));
        line.y.push_back(m.information(e.key("information")).first);
        e.progress(0.8, name);
      }
    }
    const auto [of_x, of_clump] = m.information(e.key("information"));
    gained[name] = of_x - start;
    sizes[name] = size;
    chart.lines.push_back(line);
    table.rows.push_back({name, number(start), number(of_x), number(of_clump), number(size, 2)});
  }
  e.table("miniature", table);
  e.figure("miniature", chart);
  e.expect_above("DSM teaches the encoder: nats gained about x", gained["DSM"], 0.3);
  e.expect_above("more than it learns without the bias", gained["DSM"] - gained["corrected, exact"], 0.3);
}

void body(Experiment& e) {
  e.text(
      "DSM = ESM − C2 + C3. With a network that is trained along ESM is near zero for every input, and what is left to move the input is "
      "−∇C2: "
      "towards a lower error of the best denoiser, that is, towards more information about x in (x_t, c). Whether that is collapse or "
      "learning "
      "depends on what may move.");
  e.heading("A data law may move: collapse");
  data_law(e);
  e.heading("An encoder may move, at a price for its rate: information, and without the bias none");
  rate_penalty(e);
  e.heading("Four modes share a budget: the code that denoises best");
  water_filling(e);
  e.heading("One bit");
  one_bit(e);
  e.heading("A curved code");
  miniature(e);
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words,
                                   {.name = "infomax",
                                    .title = "The bias with a network trained along: collapse of a law, information in a code",
                                    .options = {.dtype = scoregrad::float64}},
                                   scoregrad::body);
}
