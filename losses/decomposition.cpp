// The theorem, term by term: DSM = ESM - C2 + C3 and ISM = ESM - C2 as expectations over the rows of a set-up.
#include "losses/decomposition.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "autograd/tensor/misfit.h"
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
  const distributions::quadrature::Rule& line;  // from the first component to the others
};

// With t the mean of all x behind x_t, their scatter is missing from every square.
Tensor with_scatter(const Seen& at, const Tensor& each) { return at.rows.scatter.defined() ? each + at.rows.scatter : each; }

// A noise of -t at level 1 says what eps says at level sigma, whichever x stand behind x_t.
Tensor denoising_loss(const Seen& at) { return with_scatter(at, dsm(at.s, -at.rows.t, 1)); }

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
    for (size_t i = 0; i < at.line.nodes.size(); ++i) add(scalar(at.line.nodes[i], like(way)), scalar(at.line.weights[i], like(way)));
  } else {
    add(uniform({at.rows.count(), 1}, at.key.fold("line"), like(way)), scalar(1, like(way)));
  }
  return moves + value;
}
// A score that is no gradient pulls along the way that the draws take.
const Tensor& moving(const Seen& at) { return at.rows.moving.defined() ? at.rows.moving : at.rows.xt; }
// The target of SDS has mean zero and is left out where it is not eps, which depends on no law, but a function of x_t.
Tensor cross_entropy(const Seen& at) {
  if (!at.distilled) return {};
  const Tensor noise = at.exact ? zeros_like(at.s) : -at.rows.t;
  return distilled_loss(at, sds(at.s, noise, 1, moving(at)), [&](const Rows& r) { return at.score(r.xt, {}); });
}
Tensor divergence_from_model(const Seen& at) {
  if (!at.distilled) return {};
  return distilled_loss(at, vsd(at.s, at.rows.target, moving(at)), [&](const Rows& r) { return at.score(r.xt, {}) - at.p.score(r); });
}

// What each loss adds up for a row, in absolute value: half of |a - b|^2 from |a| and |b|, a divergence beside half of |s|^2, and what
// pulls along x_t beside the value that the weights see.
Tensor length(const Tensor& x) { return norm(x, {-1}); }
Tensor itself(const Seen&, const Tensor& each) { return each; }
Tensor dsm_terms(const Seen& at, const Tensor&) { return with_scatter(at, 0.5 * square(length(at.s) + length(at.rows.t))); }
Tensor esm_terms(const Seen& at, const Tensor&) { return 0.5 * square(length(at.s) + length(at.rows.target)); }
Tensor ism_terms(const Seen& at, const Tensor& each) {
  const Tensor half = 0.5 * sum(square(at.s), {-1});
  return half + abs(each - half);
}
Tensor sds_terms(const Seen& at, const Tensor& each) { return length(at.s) * length(at.rows.xt) + abs(each); }
Tensor vsd_terms(const Seen& at, const Tensor& each) { return (length(at.s) + length(at.rows.target)) * length(at.rows.xt) + abs(each); }

struct Row {
  const char* name;
  char sign;  // in the identity; '.': apart from it
  TermOf term;
  Tensor (*loss)(const Seen&);                        // one value a row; undefined: the term is absent
  Tensor (*terms)(const Seen&, const Tensor& each);   // the |terms| that it is a sum of, row by row
  std::vector<std::pair<double, TermOf>> parts = {};  // of an identity instead: what adds up to zero
};
// A new term is a row here and a field of Decomposition.
const std::vector<Row> table = {
    {"DSM", ' ', &Decomposition::dsm, denoising_loss, dsm_terms},
    {"ESM", '=', &Decomposition::esm, [](const Seen& at) { return esm(at.s, at.rows.target); }, esm_terms},
    {"C2", '-', &Decomposition::c2, [](const Seen& at) { return c2(at.rows.target); }, itself},
    {"C3", '+', &Decomposition::c3, [](const Seen& at) { return with_scatter(at, c3(-at.rows.t, 1)); }, itself},
    {"rest",
     ' ',
     &Decomposition::residual,
     nullptr,
     nullptr,
     {{1, &Decomposition::dsm}, {-1, &Decomposition::esm}, {1, &Decomposition::c2}, {-1, &Decomposition::c3}}},
    {"ISM", ' ', &Decomposition::ism, implicit_loss, ism_terms},
    {"parts",
     ' ',
     &Decomposition::by_parts,
     nullptr,
     nullptr,
     {{1, &Decomposition::ism}, {-1, &Decomposition::esm}, {1, &Decomposition::c2}}},
    {"SDS", '.', &Decomposition::sds, cross_entropy, sds_terms},
    {"VSD", '.', &Decomposition::vsd, divergence_from_model, vsd_terms},
};

Tensor terms_of(const Row& row, const Seen& at, const Tensor& each, const Tensor& weight) {
  const NoGrad guard;
  return sum(weight * row.terms(at, each));
}

void check(const DecomposeOptions& o, Where at) {
  if (o.samples < 0 || o.samples == 1) throw Error(at, "decompose: at least two samples are needed for a standard error");
  if (o.block < 1) throw Error(at, fmt::format("decompose: blocks of {}", o.block));
  if (!(o.tolerance > 0)) throw Error(at, fmt::format("decompose: a tolerance of {}", o.tolerance));
  if (o.samples == 0 && o.rule.nodes.empty()) throw Error(at, "decompose: neither samples nor a rule to integrate with");
  distributions::quadrature::check(o.rule, at);
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
  Population p = set_up(setup, {o.alpha, o.sigma}, at);
  const bool exact = o.samples == 0;
  if (exact && p.integrals.empty())
    throw Error(at,
                "decompose: this distribution has no nodes() to sum over; draw `samples`, or give it nodes, as push_forward makes them");
  const bool distilled = std::is_same_v<Setup, InputDistribution>;
  const distributions::quadrature::Rule line = exact && distilled && p.line ? p.line() : distributions::quadrature::Rule{};
  for (Integral& each : p.integrals)
    each.rows *= 1 + static_cast<int64_t>(line.nodes.size() / 16);  // 16 scores weigh like one row's sweeps
  Ledger ledger(o.wrt);
  const auto of_rows = [&](Rows rows, const Key& directions) {
    const CallerScope scope(at);
    rows.target = p.score(rows);
    if (o.trace != Trace::none && !rows.xt.tracked()) rows.xt = rows.xt.requires_grad();
    const Tensor s = score(rows.xt, rows.c.defined() ? rows.c.tag("net") : Tensor{});
    check_like(at, "decompose", "the score", rows.xt, s);
    const Tensor weight = rows.weight;
    const Seen seen{p, score, std::move(rows), s, directions, o.trace, exact, distilled, line};
    for (const Row& row : table)
      if (!row.loss)
        ledger.add(row.term, row.parts);
      else if (const Tensor each = row.loss(seen); each.defined())
        ledger.add(row.term, sum(weight * each), exact ? terms_of(row, seen, each, weight) : Tensor{}, at);
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
