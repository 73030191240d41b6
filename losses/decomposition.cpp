#include "losses/decomposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "autograd/compile/compile.h"
#include "autograd/graph/gradient.h"
#include "losses/draws.h"
#include "losses/score_matching.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

// The mean of independent blocks with its standard error, or, where exact, the sum of parts.
class Accumulator {
 public:
  void add(const Tensors& x, bool exact) {
    ++count_;
    if (mean_.empty()) {
      for (const Tensor& t : x) {
        mean_.push_back(zeros_like(t));
        scatter_.push_back(zeros_like(t));
      }
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const Tensor from_mean = exact ? x[i] : x[i] - mean_[i];
      mean_[i] = mean_[i] + (exact ? from_mean : from_mean / count_);
      if (!exact) scatter_[i] = scatter_[i] + from_mean * (x[i] - mean_[i]);
    }
  }
  Gradient result(bool exact) const {
    Gradient g{mean_, scatter_};
    if (!exact)
      for (Tensor& e : g.error) e = sqrt(e / std::max<int64_t>(1, (count_ - 1) * count_));
    return g;
  }

 private:
  int64_t count_ = 0;
  Tensors mean_, scatter_;
};

// One loss over one block: its value and, for every wanted tensor, its gradient.
struct Measured {
  double value = 0;
  std::vector<GradByPath> gradient = {};
};

// The losses of a block as a list of tensors, which is what a compiled step returns: their values, then for each loss and each wanted
// tensor the gradient in total and by path. Which paths there are is the same in every block.
class Measures {
 public:
  explicit Measures(Tensors wanted) : wanted_(std::move(wanted)) {}

  void begin() { values_.clear(), gradients_.clear(), paths_.clear(); }
  void add(const Tensor& loss, Where at) {
    values_.push_back(loss.detach());
    if (wanted_.empty()) return;
    std::vector<GradByPath> all;
    if (loss.tracked()) all = grad_by_path(loss, wanted_, {.allow_unused = true}, at);
    for (size_t i = 0; i < wanted_.size(); ++i) {
      std::vector<std::string>& names = paths_.emplace_back();
      gradients_.push_back(all.empty() ? zeros_like(wanted_[i]) : all[i].total);
      if (!all.empty())
        for (const auto& [path, part] : all[i].by_path) {
          names.push_back(path);
          gradients_.push_back(part);
        }
    }
  }
  Tensors end() {
    Tensors out{stack(values_)};
    out.insert(out.end(), gradients_.begin(), gradients_.end());
    values_.clear(), gradients_.clear();
    return out;
  }
  std::vector<Measured> read(const Tensors& list) const {
    std::vector<Measured> out;
    size_t next = 1, gradient = 0;
    for (double value : list[0].to_vector<double>()) {
      Measured& m = out.emplace_back(Measured{value});
      for (size_t i = 0; i < wanted_.size(); ++i) {
        GradByPath& g = m.gradient.emplace_back();
        g.total = list[next++];
        for (const std::string& path : paths_[gradient]) g.by_path[path] = list[next++];
        ++gradient;
      }
    }
    return out;
  }

 private:
  Tensors wanted_, values_, gradients_;
  std::vector<std::vector<std::string>> paths_;  // by loss and wanted tensor
};

// The totals of a sum of losses; what is split by path need not add up to anything there.
Measured combined(const std::vector<std::pair<double, const Measured*>>& parts) {
  Measured out;
  for (const auto& [factor, part] : parts) {
    out.value += factor * part->value;
    for (size_t i = 0; i < part->gradient.size(); ++i) {
      const Tensor g = factor * part->gradient[i].total;
      if (out.gradient.size() <= i)
        out.gradient.push_back({{}, g});
      else
        out.gradient[i].total = out.gradient[i].total + g;
    }
  }
  return out;
}

// Gathers one Term from its blocks.
class TermSums {
 public:
  void add(const Measured& m, const std::vector<Wanted>& groups, bool exact) {
    value_.add({scalar(m.value, {.dtype = float64})}, exact);
    size_t next = 0;
    for (const Wanted& group : groups) {
      Parts& parts = groups_[group.name];
      Tensors total;
      std::map<std::string, Tensors> by_path;
      for (size_t i = 0; i < group.tensors.size(); ++i) {
        const GradByPath& g = m.gradient[next++];
        total.push_back(g.total);
        for (const auto& [path, part] : g.by_path) {
          Tensors& along = by_path[path];
          if (along.empty())
            for (const Tensor& t : group.tensors) along.push_back(zeros_like(t));
          along[i] = part;
        }
      }
      parts.total.add(total, exact);
      for (const auto& [path, along] : by_path) parts.by_path[path].add(along, exact);
    }
  }
  Term result(bool exact) const {
    const Gradient v = value_.result(exact);
    Term t;
    if (!v.mean.empty()) t.value = {v.mean[0].item(), v.error[0].item()};
    for (const auto& [name, parts] : groups_) {
      PathGradient& g = t.gradient[name];
      g.total = parts.total.result(exact);
      for (const auto& [path, sums] : parts.by_path) g.by_path[path] = sums.result(exact);
    }
    return t;
  }

 private:
  struct Parts {
    Accumulator total;
    std::map<std::string, Accumulator> by_path;
  };
  Accumulator value_;
  std::map<std::string, Parts> groups_;
};

// Blocks of noise: nodes of a grid, or normals.
class Source {
 public:
  Source(const Plan& plan, const DecomposeOptions& o, const Key& key)
      : plan_(plan),
        key_(key),
        exact_(o.samples == 0),
        grid_(exact_ ? o.rule : quadrature::Rule{}, plan.normals, plan.options),
        nodes_(o.rule.nodes.size()) {
    const int64_t room = std::max<int64_t>(1, o.block / plan.rows);
    if (exact_) {
      size_ = room;
    } else {
      // Enough blocks that their scatter tells the error.
      blocks_ = std::max((o.samples + room - 1) / room, std::min<int64_t>(64, o.samples));
      size_ = (o.samples + blocks_ - 1) / blocks_;
    }
  }
  Nodes next() {
    if (exact_) return grid_.next(size_);
    if (done_ == blocks_) return {};
    const uint64_t offset = static_cast<uint64_t>(done_++ * size_ * plan_.normals);
    return {normal({size_, plan_.normals}, key_, plan_.options, offset), full({size_}, 1 / static_cast<double>(size_), plan_.options)};
  }
  // Some of an exact sum's nodes have no weight.
  int64_t blocks() const {
    if (!exact_) return blocks_;
    return static_cast<int64_t>(std::min(1e9, std::pow(static_cast<double>(nodes_), plan_.normals) / static_cast<double>(size_)));
  }
  double progress() const { return exact_ ? grid_.progress() : static_cast<double>(done_) / static_cast<double>(blocks_); }

 private:
  const Plan& plan_;
  Key key_;
  bool exact_;
  quadrature::Grid grid_;
  size_t nodes_;  // of the rule
  int64_t size_ = 0, blocks_ = 0, done_ = 0;
};

Tensor weighted(const Draws& draws, const Tensor& per_row) { return sum(draws.weight * per_row); }

void check(const DecomposeOptions& o, Where at) {
  if (o.samples < 0 || o.samples == 1) throw Error(at, "decompose: at least two samples are needed for a standard error");
  if (o.block < 1) throw Error(at, fmt::format("decompose: blocks of {}", o.block));
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

Decomposition run(const ConditionalScore& score, const Plan& plan, const DecomposeOptions& o, const Key& key, bool distilled, Where at) {
  const bool exact = o.samples == 0;
  Tensors wanted;
  for (const Wanted& group : o.wrt) wanted.insert(wanted.end(), group.tensors.begin(), group.tensors.end());
  struct {
    TermSums dsm, esm, ism, c2, c3, residual, sds, vsd;
  } sums;
  Decomposition out;
  Source source(plan, o, key.fold("noise"));
  Measures measures(wanted);
  const auto block = [&](const Tensors& in) {  // nodes, their weights, and the words of two keys
    Draws draws = plan.draw({in[0], in[1]}, Key(in[2]));
    if (o.trace != Trace::none && !draws.xt.tracked()) draws.xt = draws.xt.requires_grad();
    const Tensor s = score(draws.xt, draws.c.defined() ? draws.c.tag("net") : Tensor{});
    if (s.shape() != draws.xt.shape())
      throw Error(at, fmt::format("decompose: the score is {} at x_t of {}", to_string(s.shape()), to_string(draws.xt.shape())));

    // dsm and c3 have the target t itself here, -eps / sigma, several for each x_t: a noise of -t at level 1 says the same.
    const Tensor noise_at_one = -draws.t;
    measures.begin();
    measures.add(weighted(draws, mean(dsm(broadcast_to(unsqueeze(s, 1), draws.t.shape()), noise_at_one, 1), {1})), at);
    measures.add(weighted(draws, esm(s, draws.target)), at);
    measures.add(weighted(draws, c2(draws.target)), at);
    measures.add(weighted(draws, mean(c3(noise_at_one, 1), {1})), at);
    if (o.trace == Trace::exact) measures.add(weighted(draws, ism(s, draws.xt, at)), at);
    if (o.trace == Trace::sliced) measures.add(weighted(draws, ssm_vr(s, draws.xt, rademacher(s.shape(), Key(in[3]), like(s)))), at);
    if (distilled) {
      // Gradients through x_t only: their values mean nothing, so the weights must not multiply them into a gradient. The part of the
      // target in SDS has mean zero where eps does not depend on the law; exact nodes leave it out, because theirs are functions of x_t.
      const Tensor w = draws.weight.detach(), noise_part = exact ? zeros_like(s) : -select(draws.t, 1, 0);
      measures.add(sum(w * sds(s, noise_part, 1, draws.xt)), at);
      measures.add(sum(w * vsd(s, draws.target, draws.xt)), at);
    }
    return measures.end();
  };
  CompiledStep step(block, for_loop(source.blocks(), o.compile));
  const auto words = [&](const char* name) { return key.fold(name).fold(out.blocks).tensor(plan.options.device, at); };
  for (Nodes noise = source.next(); noise.z.defined(); noise = source.next()) {
    if (source.progress() == 1) step.audit_next();
    const std::vector<Measured> found = measures.read(step({noise.z, noise.weights, words("index"), words("trace")}, at));
    sums.dsm.add(found[0], o.wrt, exact);
    sums.esm.add(found[1], o.wrt, exact);
    sums.c2.add(found[2], o.wrt, exact);
    sums.c3.add(found[3], o.wrt, exact);
    sums.residual.add(combined({{1, &found[0]}, {-1, &found[1]}, {1, &found[2]}, {-1, &found[3]}}), o.wrt, exact);
    if (o.trace != Trace::none) sums.ism.add(found[4], o.wrt, exact);
    if (distilled) {
      sums.sds.add(found[found.size() - 2], o.wrt, exact);
      sums.vsd.add(found.back(), o.wrt, exact);
    }
    ++out.blocks;
    out.samples += noise.z.extent(0);
    if (o.progress && !o.progress(source.progress())) {
      if (exact && source.progress() < 1) throw Error(at, "decompose: stopped before the exact sum was complete");
      break;
    }
  }
  out.replayed = step.replayed();
  out.eager = step.refusal();
  out.dsm = sums.dsm.result(exact);
  out.esm = sums.esm.result(exact);
  out.ism = sums.ism.result(exact);
  out.c2 = sums.c2.result(exact);
  out.c3 = sums.c3.result(exact);
  out.residual = sums.residual.result(exact);
  out.sds = sums.sds.result(exact);
  out.vsd = sums.vsd.result(exact);
  out.dim = plan.dim;
  out.exact = exact;
  out.has_ism = o.trace != Trace::none;
  out.sigma = o.sigma.is_single() ? o.sigma.value() : std::nan("");
  out.alpha = o.alpha.is_single() ? o.alpha.value() : std::nan("");
  return out;
}

template <class Setup>
Decomposition conditional(const ConditionalScore& score, const Setup& setup, const DecomposeOptions& o, const Key& key, Where at) {
  const RecordingScope recording(true);
  check(o, at);
  return run(score, plan(setup, {o.alpha, o.sigma}, o.samples == 0, at), o, key, false, at);
}

}  // namespace

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
  return conditional(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const FreeCondition& setup, const DecomposeOptions& options, const Key& key,
                        Where at) {
  return conditional(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const LinearEncoder& setup, const DecomposeOptions& options, const Key& key,
                        Where at) {
  return conditional(score, setup, options, key, at);
}
Decomposition decompose(const ConditionalScore& score, const NoisyEncoder& setup, const DecomposeOptions& options, const Key& key,
                        Where at) {
  return conditional(score, setup, options, key, at);
}
Decomposition decompose(const Score& score, const InputDistribution& setup, const DecomposeOptions& options, const Key& key, Where at) {
  const RecordingScope recording(true);
  check(options, at);
  const auto without_condition = [&](const Tensor& xt, const Tensor&) { return score(xt); };
  return run(without_condition, plan(setup, {options.alpha, options.sigma}, options.samples == 0, at), options, key, true, at);
}

}  // namespace scoregrad::losses
