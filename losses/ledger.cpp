#include "losses/ledger.h"

#include <algorithm>
#include <cmath>

#include "autograd/graph/gradient.h"

namespace scoregrad::losses {

Ledger::Ledger(std::vector<Wanted> groups) : groups_(std::move(groups)) {
  for (const Wanted& group : groups_) wanted_.insert(wanted_.end(), group.tensors.begin(), group.tensors.end());
}

void Ledger::enter(Entry e, const Tensor& gradient) {
  e.count = static_cast<size_t>(gradient.numel());
  e.shape = gradient.shape();
  gradients_.push_back(std::move(e));
  gradient_parts_.push_back(flatten(gradient));
}

void Ledger::note(Entry e, const Tensor& value, const Tensor& terms) {
  values_.push_back(e), value_parts_.push_back(value);
  if (!terms.defined()) return;
  e.terms = true;
  values_.push_back(e), value_parts_.push_back(terms);
}

void Ledger::add(TermOf term, const Tensor& loss, const Tensor& terms, Where at) {
  swept_.push_back({term, loss.detach().to(float64), terms.defined() ? terms.detach().to(float64) : terms, {}});
  note({.term = term}, swept_.back().value, swept_.back().terms);
  std::vector<GradByPath> all;
  if (loss.tracked() && !wanted_.empty()) all = grad_by_path(loss, wanted_, {.allow_unused = true}, at);
  Tensors totals;
  size_t next = 0;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < groups_[g].tensors.size(); ++i, ++next) {
      Entry e{.term = term, .group = static_cast<int>(g), .tensor = i};
      const Tensor total = all.empty() ? zeros_like(wanted_[next]) : all[next].total;
      enter(e, total);
      totals.push_back(gradient_parts_.back());
      e.part = true;
      if (!all.empty())
        for (const auto& [path, along] : all[next].by_path) {
          e.path = path;
          enter(e, along);
        }
    }
  if (!totals.empty()) swept_.back().totals = concat(totals, 0);
}

void Ledger::add(TermOf term, const std::vector<std::pair<double, TermOf>>& parts) {
  Tensor value, terms, totals;
  const auto put = [](Tensor& sum, double factor, const Tensor& x) {
    if (x.defined()) sum = sum.defined() ? sum + factor * x : factor * x;
  };
  for (const auto& [factor, part] : parts) {
    const auto it = std::find_if(swept_.begin(), swept_.end(), [part = part](const Swept& s) { return s.term == part; });
    if (it == swept_.end()) return;
    put(value, factor, it->value), put(terms, std::abs(factor), it->terms), put(totals, factor, it->totals);
  }
  note({.term = term, .identity = true}, value, terms);
  int64_t first = 0;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < groups_[g].tensors.size(); ++i) {
      const Tensor& x = groups_[g].tensors[i];
      enter({.term = term, .group = static_cast<int>(g), .tensor = i, .identity = true},
            reshape(slice_axis(totals, 0, first, first + x.numel()), x.shape()));
      first += x.numel();
    }
}

Tensors Ledger::close() {
  Tensors out{stack(value_parts_)};
  if (!gradient_parts_.empty()) out.push_back(concat(gradient_parts_, 0));
  entries_ = std::move(values_);
  entries_.insert(entries_.end(), gradients_.begin(), gradients_.end());
  size_t first = 0;
  for (Entry& e : entries_) e.first = first, first += e.count;
  values_.clear(), gradients_.clear(), swept_.clear(), value_parts_.clear(), gradient_parts_.clear();
  return out;
}

Numbers Ledger::read(const Tensors& block) {
  Numbers out;
  for (const Tensor& t : block) {
    const Numbers x = t.to_vector<double>();
    out.insert(out.end(), x.begin(), x.end());
  }
  return out;
}

// Calls f with the entries of each family.
template <class F>
void Ledger::for_families(const F& f) const {
  for (size_t i = 0; i < entries_.size();) {
    size_t j = i + 1;
    while (j < entries_.size() && entries_[i].group >= 0 && entries_[j].term == entries_[i].term && entries_[j].group == entries_[i].group)
      ++j;
    f(i, j, entries_[i].first, entries_[j - 1].first + entries_[j - 1].count);
    i = j;
  }
}

Numbers Ledger::largest(const Numbers& x) const {
  Numbers out(x.size());
  for_families([&](size_t, size_t, size_t first, size_t last) {
    double most = 0;
    for (size_t i = first; i < last; ++i) most = std::abs(x[i]) >= 0 ? std::max(most, std::abs(x[i])) : INFINITY;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(first), out.begin() + static_cast<std::ptrdiff_t>(last), most);
  });
  return out;
}

size_t Ledger::place_of(TermOf term, bool terms) const {
  for (const Entry& e : entries_)
    if (e.group < 0 && e.term == term && e.terms == terms) return e.first;
  return 0;
}

Numbers Ledger::scale(const Numbers& x) const {
  Numbers out = largest(x);
  for (const Entry& e : entries_)
    if (e.group >= 0)
      for (size_t i = e.first; i < e.first + e.count; ++i) out[i] = std::max(out[i], std::abs(x[place_of(e.term, false)]));
  return out;
}

Numbers Ledger::terms(const Numbers& x) const {
  Numbers out = largest(x);
  std::vector<double> most(groups_.size(), 0.0);  // of each group's gradients, over all losses
  for (const Entry& e : entries_) {
    const double of_loss = std::abs(x[place_of(e.term, true)]);
    for (size_t i = e.first; i < e.first + e.count; ++i) out[i] = std::max(out[i], of_loss);
    if (e.group >= 0) most[static_cast<size_t>(e.group)] = std::max(most[static_cast<size_t>(e.group)], out[e.first]);
  }
  for (const Entry& e : entries_)
    if (e.identity && e.group >= 0)
      for (size_t i = e.first; i < e.first + e.count; ++i) out[i] = std::max(out[i], most[static_cast<size_t>(e.group)]);
  return out;
}

double Ledger::relative(const Numbers& mean, const Numbers& error, double rounding) const {
  const Numbers size = scale(mean), whole = terms(mean);
  double worst = 0;
  for (const Entry& e : entries_)
    for (size_t i = e.first; i < e.first + e.count && !e.identity && !e.terms; ++i) {
      if (!std::isfinite(mean[i]) || !std::isfinite(error[i])) return INFINITY;
      if (error[i] > rounding * whole[i]) worst = std::max(worst, error[i] / size[i]);
    }
  return worst;
}

void Ledger::write(Decomposition& d, const Numbers& mean, const Numbers& error) const {
  for (const Entry& e : entries_) {
    Term& term = d.*e.term;
    if (e.terms) continue;
    if (e.group < 0) {
      term.value = {mean[e.first], error[e.first]};
      continue;
    }
    const Wanted& group = groups_[static_cast<size_t>(e.group)];
    PathGradient& g = term.gradient[group.name];
    Gradient& into = e.part ? g.by_path[e.path] : g.total;
    while (into.mean.size() < group.tensors.size()) {  // a path that not all of the group take
      into.mean.push_back(zeros_like(group.tensors[into.mean.size()]));
      into.error.push_back(into.mean.back());
    }
    const auto part = [&](const Numbers& x) {
      const auto from_here = x.begin() + static_cast<std::ptrdiff_t>(e.first);
      return from(Numbers(from_here, from_here + static_cast<std::ptrdiff_t>(e.count)), e.shape, like(tensor(e)));
    };
    into.mean[e.tensor] = part(mean);
    into.error[e.tensor] = part(error);
  }
}

}  // namespace scoregrad::losses
