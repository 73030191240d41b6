// Exact sums that know their error. The trapezoidal rule at twice the step takes some of the same nodes, so a sum that starts at four times
// the step has two coarser estimates on its way; what the last step changed is the error of the one before, and bounds its own.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/compile/loop.h"
#include "losses/expectation.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Grid;
using quadrature::Nodes;
using quadrature::Rule;

// One integral, rule by rule.
class Nest {
 public:
  // The user's rule, its step halved until two nodes fall into the narrowest feature.
  Nest(const Integral& integral, Rule rule, Options options, Where at) : integral_(integral), options_(options) {
    while (rule.step > 0.5 * integral.narrowest && rule.nodes.size() < (size_t{1} << 24)) rule = finer(rule, at);
    rules_ = {std::move(rule)};
    for (int i = 0; i < (rules_[0].step > 0 ? 2 : 1); ++i)
      if (Rule before = coarser(rules_[0]); !before.nodes.empty()) rules_.insert(rules_.begin(), std::move(before));
  }

  const Integral& integral() const { return integral_; }
  const Rule& rule() const { return rules_.back(); }
  static double nodes(const Rule& rule, const Integral& of) { return count(rule, of.normals) * static_cast<double>(of.rows); }
  double nodes() const { return nodes(rule(), integral_); }
  double nodes_if_finer(Where at) const {
    const bool finest = !(rule().step > 0) && 3 * rule().nodes.size() > 2 * 350 - 1;  // of the Gauss-Hermite rules
    return finest ? INFINITY : nodes(finer(rule(), at), integral_);
  }
  void refine(Where at) { rules_.push_back(finer(rule(), at)); }

  // Goes through the rules that were not summed yet. block(nodes, last) is a block's numbers.
  template <class Block>
  void sum(const Ledger& ledger, const Block& block, int64_t room) {
    for (; summed_ < rules_.size(); ++summed_) {
      const Rule &fine = rules_[summed_], none{}, &coarse = summed_ ? rules_[summed_ - 1] : none;
      const double kept = summed_ ? nested(coarse, fine) : 0;
      Numbers total = sum_;
      for (double& x : total) x *= kept > 0 ? std::pow(1 / kept, static_cast<double>(integral_.normals)) : 0;
      int64_t count = kept > 0 ? summed_nodes_ : 0;
      Grid grid(fine, integral_.normals, options_, 1e-17, kept > 0 ? coarse : none);
      for (Nodes some = grid.next(room), after; some.z.defined(); some = std::move(after)) {
        after = grid.next(room);
        const Numbers x = block(some, !after.z.defined() && summed_ + 1 == rules_.size());
        count += some.z.extent(0);
        total.resize(x.size());
        for (size_t i = 0; i < x.size(); ++i) total[i] += x[i];
      }
      if (summed_) follow(ledger, total);
      summed_nodes_ = count;
      sum_ = std::move(total);
    }
  }

  const Numbers& sum() const { return sum_; }
  int64_t summed_nodes() const { return summed_nodes_; }
  // What was left out in each family, beside rounding; unknown for nodes of one's own, which no rule comes before.
  Numbers error(const Ledger& ledger) const {
    if (last_.empty()) return Numbers(sum_.size(), INFINITY);
    Numbers out = last_;
    const Numbers size = ledger.largest(sum_);
    for (size_t i = 0; i < out.size(); ++i) {
      // As large as the trend of the halvings before lets expect: one of them may have changed nothing by chance, where a kink lies.
      const double before = earlier_.empty() ? 0 : earlier_[i], first = earliest_.empty() ? size[i] : earliest_[i];
      out[i] = std::max(out[i], before * (first > before ? before / first : 1));
      out[i] += size[i] * beyond(rule()) * static_cast<double>(integral_.normals);
    }
    return out;
  }

 private:
  void follow(const Ledger& ledger, const Numbers& total) {
    Numbers change(total.size());
    for (size_t i = 0; i < total.size(); ++i) change[i] = total[i] - sum_[i];
    for (double& x : change)
      if (!(std::abs(x) >= 0)) x = INFINITY;
    earliest_ = std::move(earlier_), earlier_ = std::move(last_), last_ = ledger.largest(change);
  }

  const Integral& integral_;
  Options options_;
  std::vector<Rule> rules_;
  size_t summed_ = 0;
  int64_t summed_nodes_ = 0;
  Numbers sum_, last_, earlier_, earliest_;  // the present sum, and by how much the last three rules changed it
};

double epsilon(DType type) {
  return type == DType::float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

}  // namespace

Expectation over_nodes(const Population& p, const OfRows& f, const Ledger& ledger, const DecomposeOptions& o, Where at) {
  std::vector<Nest> nests;
  for (const Integral& each : p.integrals) nests.emplace_back(each, o.rule, p.options, at);
  const auto most = static_cast<double>(o.most_nodes);
  const auto planned = [&] {
    double nodes = 0;
    for (const Nest& n : nests) nodes += n.nodes();
    return nodes;
  };
  if (planned() > most)
    throw Error(at,
                fmt::format("decompose: an exact sum over about {:.2g} nodes where most_nodes allows {}; draw `samples` instead, or take a "
                            "coarser `rule` such as trapezoid(7, 0.5) or gauss_hermite(8)",
                            planned(), o.most_nodes));

  Expectation out;
  double done = 0;
  const auto advance = [&](Nest& nest) {
    const Integral& integral = nest.integral();
    const int64_t room = std::max<int64_t>(1, o.block / integral.rows);
    const double whole = planned();
    CompiledLoop step(
        [&](const Tensors& in) {
          return f(integral.at({in[0], in[1]}), Key(0));
        },
        for_loop(static_cast<int64_t>(std::min(1e9, count(nest.rule(), integral.normals) / static_cast<double>(room))), o.compile));
    nest.sum(
        ledger,
        [&](const Nodes& nodes, bool last) {
          if (last) step.audit_next();
          Numbers x = Ledger::read(step({nodes.z, nodes.weights}, at));
          ++out.blocks;
          done += static_cast<double>(nodes.z.extent(0) * integral.rows);
          if (o.progress && !o.progress(std::min(1.0, done / whole)) && done < 0.999 * whole)
            throw Error(at, "decompose: stopped before the exact sum was complete");
          return x;
        },
        room);
  };
  // Relative to the terms of each sum, what no refinement changes: the arithmetic of scores and losses, for which 64 roundings are allowed,
  // and what the law's own numbers lose. Errors of that size count as nothing unless it exceeds the tolerance itself.
  const double unit = epsilon(p.options.dtype), rounding = (64 + 16 * (p.conditioning ? p.conditioning() : 1)) * unit;
  const double tolerance = std::max(o.tolerance, 256 * unit);
  const auto add_up = [&] {
    out.mean.assign(nests[0].sum().size(), 0.0), out.error = out.mean;
    for (const Nest& n : nests) {
      const Numbers error = n.error(ledger);
      for (size_t i = 0; i < error.size(); ++i) out.mean[i] += n.sum()[i], out.error[i] += error[i];
    }
    const Numbers size = ledger.terms(out.mean);
    for (size_t i = 0; i < size.size(); ++i) out.error[i] += rounding * size[i];
    out.integration = ledger.relative(out.mean, out.error, 4 * rounding);
  };
  for (Nest& n : nests) advance(n);
  add_up();
  while (out.integration > tolerance && std::isfinite(out.integration)) {
    std::vector<Nest*> coarse;
    double nodes = planned();
    for (Nest& n : nests)
      if (!(ledger.relative(out.mean, n.error(ledger), 4 * rounding) <= 0.5 * tolerance / static_cast<double>(nests.size()))) {
        coarse.push_back(&n);
        nodes += n.nodes_if_finer(at) - n.nodes();
      }
    if (coarse.empty() || nodes > most) break;
    for (Nest* n : coarse) n->refine(at);
    for (Nest* n : coarse) advance(*n);
    add_up();
  }
  if (rounding > tolerance) out.integration = std::max(out.integration, rounding);
  out.converged = out.integration <= tolerance;
  for (const Nest& n : nests) out.samples += n.summed_nodes();
  return out;
}

}  // namespace scoregrad::losses
