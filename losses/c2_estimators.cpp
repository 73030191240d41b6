#include "losses/c2_estimators.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "losses/score_matching.h"
#include "losses/self_normalised.h"

namespace scoregrad::losses {
namespace {

void check_count(const char* name, const Population& p, int64_t others, int64_t least, Where at) {
  if (others < least || others > p.others_in_all)
    throw Error(at, fmt::format("{}: {} others of x; at least {} are needed and there are {}", name, others, least,
                                p.others_in_all == Population::unlimited ? "any number" : std::to_string(p.others_in_all)));
}
// grad log q(x_t | x) for another x than the row's own.
Tensor t_of(const Rows& rows, const Tensor& x) { return (rows.level.alpha.like(x) * x - rows.xt) / square(rows.level.sigma.like(x)); }
// 1 in value, with the gradient of log_probability: multiplied with what was chosen it gives the score-function term.
Tensor choice(const Tensor& log_probability) { return exp(log_probability - log_probability.detach()); }

Tensor from_all(const Population& p, const Rows& rows, int64_t others, bool own, const Key& key) {
  return select(scores(weighted(rows, p.others(rows, others, key)), others, own), 1, 0);
}

}  // namespace

Tensor corrected(const Tensor& s, const Rows& rows, const Tensor& c2_hat, Where at) {
  const CallerScope scope(at);
  if (c2_hat.rank() != 1 || c2_hat.extent(0) != rows.count()) throw misfit(at, "corrected", "the estimates", Shape{rows.count()}, c2_hat);
  return dsm(s, rows.eps, rows.level.sigma, at) + c2_hat - c3(rows.eps, rows.level.sigma, at);
}

Tensor esm_from_pair(const Tensor& s, const Rows& rows, const SecondDraw& second, Where at) {
  const CallerScope scope(at);
  const Tensor value = 0.5 * dot(s - rows.t, s - t_of(rows, second.x));
  return second.log_probability.defined() ? value * choice(second.log_probability) : value;
}

namespace estimate_c2 {

Tensor Exact::operator()(const Population& p, const Rows& rows, const Key&, Where at) const {
  const CallerScope scope(at);
  if (!p.score) throw Error(at, "Exact: this population does not know its score; LeaveOneIn or Multilevel need only samples");
  return c2(p.score(rows), at);
}

Tensor PlugIn::operator()(const Population&, const Rows& rows, const Key&, Where at) const {
  const CallerScope scope(at);
  return c2(score(rows.xt, rows.c), at);
}

Tensor Critic::operator()(const Population& p, const Rows& rows, const Key&, Where at) const {
  const CallerScope scope(at);
  const Tensor s = score(rows.xt, rows.c.defined() && !p.c_is_drawn ? rows.c.detach() : rows.c);
  return c3(rows.eps, rows.level.sigma, at) - dsm(s, rows.eps, rows.level.sigma, at);
}

Tensor Pair::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  if (!p.second)
    throw Error(at,
                "Pair: this population cannot draw x given x_t; rejection from p(x | c) would have infinite mean cost, Cross needs only "
                "samples");
  const SecondDraw second = p.second(rows, key);
  const Tensor value = 0.5 * dot(rows.t, t_of(rows, second.x));
  return second.log_probability.defined() ? value * choice(second.log_probability) : value;
}

Tensor LeaveOneOut::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  check_count("LeaveOneOut", p, count, 1, at);
  return c2(from_all(p, rows, count, false, key), at);
}

Tensor LeaveOneIn::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  check_count("LeaveOneIn", p, count - 1, 1, at);
  if (!p.exchangeable) throw Error(at, "LeaveOneIn: the others must come from x's own law, not from a proposal");
  return c2(from_all(p, rows, count - 1, true, key), at);
}

Tensor Cross::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  check_count("Cross", p, count, 1, at);
  return 0.5 * dot(rows.t, from_all(p, rows, count, false, key));
}

Tensor HalfJackknife::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  check_count("HalfJackknife", p, count, 2, at);
  if (count % 2) throw Error(at, fmt::format("HalfJackknife: {} others cannot be halved", count));
  const Weighted w = weighted(rows, p.others(rows, count, key));
  return 2 * c2(select(scores(w, count, false), 1, 0)) - mean(c2(scores(w, count / 2, false)), {1});
}

}  // namespace estimate_c2
}  // namespace scoregrad::losses
