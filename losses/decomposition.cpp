// The theorem, term by term: DSM = ESM - C2 + C3 and ISM = ESM - C2 as expectations over the rows of a set-up.
#include "losses/decomposition.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "losses/expectation.h"
#include "losses/score_matching.h"
#include "losses/set_ups.h"

namespace scoregrad::losses {
namespace {

// What a term is a function of.
struct Seen {
  const Population& p;
  const ConditionalScore& score;
  Rows rows;
  Tensor s;  // the model at (x_t, c) [n, d]
  Key key;
  Trace trace;
  bool exact, distilled;
};

// Several x behind one x_t count alike.
Tensor over_x(const Tensor& each) { return each.rank() == 2 ? mean(each, {1}) : each; }

// A noise of -t at level 1 says what eps says at level sigma, whichever x stand behind x_t.
Tensor denoising_loss(const Seen& at) {
  const Tensor& t = at.rows.t;
  return over_x(dsm(t.rank() == 3 ? broadcast_to(unsqueeze(at.s, 1), t.shape()) : at.s, -t, 1));
}

Tensor implicit_loss(const Seen& at) {
  if (at.trace == Trace::none) return {};
  if (at.trace == Trace::exact) return ism(at.s, at.rows.xt);
  return ssm_vr(at.s, at.rows.xt, rademacher(at.s.shape(), at.key, like(at.s)));
}

// What distillation descends is a mean of -log m or log q - log m, of which only the gradient `pull` is known: s, or s - s*. It reaches the
// law through x_t, by `through_xt` without a value, and through the weights of its components, by the value's integral along the line from
// the first component's x_t for the same noise. Averaged over that noise the integrand is smooth over their distance in deviations.
Tensor distilled_loss(const Seen& at, const Tensor& through_xt, const std::function<Tensor(const Rows&)>& pull) {
  const Tensor moves = through_xt - through_xt.detach();
  if (!at.rows.partner.defined()) return moves;
  const Tensor from = at.rows.partner.detach(), way = at.rows.xt.detach() - from;
  Rows between = at.rows;
  Tensor value = zeros({at.rows.count()}, like(way));
  const auto add = [&](const Tensor& place, const Tensor& weight) {
    between.xt = from + place * way;
    value = value - weight * dot(pull(between).detach(), way);
  };
  if (at.exact) {
    const int panels = std::max(1, static_cast<int>(std::ceil(at.p.apart / 4)));
    const distributions::quadrature::Rule rule = distributions::quadrature::gauss_legendre(16);
    for (int i = 0; i < panels; ++i)
      for (size_t k = 0; k < rule.nodes.size(); ++k)
        add(scalar((i + rule.nodes[k]) / panels, like(way)), scalar(rule.weights[k] / panels, like(way)));
  } else {
    add(uniform({at.rows.count(), 1}, at.key.fold("line"), like(way)), scalar(1, like(way)));
  }
  return moves + value;
}
// The target of SDS has mean zero and is left out where it is not eps, which depends on no law, but a function of x_t.
Tensor cross_entropy(const Seen& at) {
  if (!at.distilled) return {};
  const Tensor noise = at.exact ? zeros_like(at.s) : -at.rows.t;
  return distilled_loss(at, sds(at.s, noise, 1, at.rows.xt), [&](const Rows& r) { return at.score(r.xt, {}); });
}
Tensor divergence_from_model(const Seen& at) {
  if (!at.distilled) return {};
  return distilled_loss(at, vsd(at.s, at.rows.target, at.rows.xt), [&](const Rows& r) { return at.score(r.xt, {}) - at.p.score(r); });
}

struct Row {
  const char* name;
  char sign;  // in the identity; '.': apart from it
  TermOf term;
  Tensor (*loss)(const Seen&);                        // one value a row; undefined: the term is absent
  std::vector<std::pair<double, TermOf>> parts = {};  // of an identity instead: what adds up to zero
};
// A new term is a row here and a field of Decomposition.
const std::vector<Row> table = {
    {"DSM", ' ', &Decomposition::dsm, denoising_loss},
    {"ESM", '=', &Decomposition::esm, [](const Seen& at) { return esm(at.s, at.rows.target); }},
    {"C2", '-', &Decomposition::c2, [](const Seen& at) { return c2(at.rows.target); }},
    {"C3", '+', &Decomposition::c3, [](const Seen& at) { return over_x(c3(-at.rows.t, 1)); }},
    {"rest",
     ' ',
     &Decomposition::residual,
     nullptr,
     {{1, &Decomposition::dsm}, {-1, &Decomposition::esm}, {1, &Decomposition::c2}, {-1, &Decomposition::c3}}},
    {"ISM", ' ', &Decomposition::ism, implicit_loss},
    {"parts", ' ', &Decomposition::by_parts, nullptr, {{1, &Decomposition::ism}, {-1, &Decomposition::esm}, {1, &Decomposition::c2}}},
    {"SDS", '.', &Decomposition::sds, cross_entropy},
    {"VSD", '.', &Decomposition::vsd, divergence_from_model},
};

void check(const DecomposeOptions& o, Where at) {
  if (o.samples < 0 || o.samples == 1) throw Error(at, "decompose: at least two samples are needed for a standard error");
  if (o.block < 1) throw Error(at, fmt::format("decompose: blocks of {}", o.block));
  if (!(o.tolerance > 0)) throw Error(at, fmt::format("decompose: a tolerance of {}", o.tolerance));
  if (o.samples == 0 && o.rule.nodes.empty()) throw Error(at, "decompose: neither samples nor a rule to integrate with");
  if (o.samples == 0 && o.trace == Trace::sliced)
    throw Error(at, "decompose: random directions in an exact sum; take Trace::exact or Trace::none");
  const Tensor sigma = o.sigma.like(scalar(0, {float64}));
  if (!all((sigma > 0) && (sigma < std::numeric_limits<double>::infinity())).item())
    throw Error(at, "decompose: a noise level sigma must be positive and finite");
  std::set<std::string> names;
  for (const Wanted& group : o.wrt) {
    if (!names.insert(group.name).second) throw Error(at, fmt::format("decompose: two groups of parameters are called '{}'", group.name));
    for (const Tensor& t : group.tensors)
      if (!t.tracked()) throw Error(at, fmt::format("decompose: a tensor of '{}' does not require a gradient", group.name));
  }
}

template <class Setup>
Decomposition run(const ConditionalScore& score, const Setup& setup, const DecomposeOptions& o, const Key& key, Where at) {
  const RecordingScope recording(true);
  check(o, at);
  const Population p = set_up(setup, {o.alpha, o.sigma}, at);
  const bool exact = o.samples == 0;
  if (exact && p.integrals.empty())
    throw Error(at,
                "decompose: this distribution has no nodes() to sum over; draw `samples`, or give it nodes, as push_forward makes them");
  Ledger ledger(o.wrt);
  const auto of_rows = [&](Rows rows, const Key& directions) {
    const CallerScope scope(at);
    rows.target = p.score(rows);
    if (o.trace != Trace::none && !rows.xt.tracked()) rows.xt = rows.xt.requires_grad();
    const Tensor s = score(rows.xt, rows.c.defined() ? rows.c.tag("net") : Tensor{});
    if (s.shape() != rows.xt.shape())
      throw Error(at, fmt::format("decompose: the score is {} at x_t of {}", to_string(s.shape()), to_string(rows.xt.shape())));
    const Tensor weight = rows.weight;
    const Seen seen{p, score, std::move(rows), s, directions, o.trace, exact, std::is_same_v<Setup, InputDistribution>};
    for (const Row& row : table)
      if (!row.loss)
        ledger.add(row.term, row.parts);
      else if (const Tensor each = row.loss(seen); each.defined())
        ledger.add(row.term, sum(weight * each), at);
    return ledger.close();
  };
  const Expectation found = exact ? over_nodes(p, of_rows, ledger, o, at) : over_samples(p, of_rows, o, key, at);

  Decomposition out;
  ledger.write(out, found.mean, found.error);
  out.dim = p.dim;
  out.sigma = o.sigma.is_single() ? o.sigma.value() : std::nan("");
  out.alpha = o.alpha.is_single() ? o.alpha.value() : std::nan("");
  out.samples = found.samples, out.blocks = found.blocks;
  out.sampled = !exact;
  out.integration = found.integration;
  out.exact = exact && found.converged;
  out.has_ism = o.trace != Trace::none;
  return out;
}

}  // namespace

std::vector<NamedTerm> named_terms(const Decomposition& d) {
  std::vector<NamedTerm> out;
  for (const Row& row : table) {
    const bool implicit = row.term == &Decomposition::ism || row.term == &Decomposition::by_parts;
    if (row.sign != '.' && (d.has_ism || !implicit)) out.push_back({row.name, &(d.*row.term), row.sign});
  }
  return out;
}

double Gradient::norm() const {
  double squares = 0;
  for (const Tensor& t : mean) squares += sum(square(t)).item();
  return std::sqrt(squares);
}

Gradient PathGradient::along(const std::string& path) const {
  const auto it = by_path.find(path);
  if (it != by_path.end()) return it->second;
  Gradient zero;
  for (const Tensor& t : total.mean) zero.mean.push_back(zeros_like(t));
  zero.error = zero.mean;
  return zero;
}

Decomposition decompose(const ConditionalScore& score, const Generated& setup, const DecomposeOptions& options, const Key& key, Where at) {
  return run(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const FreeCondition& setup, const DecomposeOptions& options, const Key& key,
                        Where at) {
  return run(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const distributions::LinearEncoder& setup, const DecomposeOptions& options,
                        const Key& key, Where at) {
  return run(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const distributions::NoisyEncoder& setup, const DecomposeOptions& options,
                        const Key& key, Where at) {
  return run(score, setup, options, key, at);
}
Decomposition decompose(const Score& score, const InputDistribution& setup, const DecomposeOptions& options, const Key& key, Where at) {
  return run([&](const Tensor& xt, const Tensor&) { return score(xt); }, setup, options, key, at);
}

}  // namespace scoregrad::losses
