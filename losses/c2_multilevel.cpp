// Randomised multilevel Monte Carlo for C2: the levels, their probabilities, and how fast they decay.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/compile/loop.h"
#include "losses/c2_estimators.h"
#include "losses/score_matching.h"
#include "losses/self_normalised.h"

namespace scoregrad::losses::estimate_c2 {
namespace {

// How many others each level takes and how likely it is. Every level but the last takes twice as many as the one below; the last one of a
// finite data set takes all there are, of which the level below is still at most a half.
struct Level {
  int64_t others;
  double probability;
};
struct Ladder {
  std::vector<Level> levels;
  bool own;
};

Ladder ladder_of(const Multilevel& m, const Population& p, Where at) {
  const bool finite = p.others_in_all != Population::unlimited;
  if (m.base < 1 || m.most_levels < 1 || m.base > p.others_in_all)
    throw Error(at, fmt::format("Multilevel: a base of {} others and {} levels; at least one of each is needed", m.base, m.most_levels));
  if (m.most_levels > 40) throw Error(at, fmt::format("Multilevel: {} levels", m.most_levels));
  if (!(m.rate > 1))
    throw Error(at, fmt::format("Multilevel: with a rate of {} the mean cost grows without bound as levels are added; take 1 < rate < "
                                "decay",
                                m.rate));
  const double decay = m.decay > 0 || p.exchangeable ? m.decay : 2;
  if (!finite && !(decay > 0))
    throw Error(at,
                "Multilevel: state the decay of Var D_l ~ 2^(-decay l); prior_decay(sigma, v) gives it for others from p(x | c), "
                "decay_of(level_moments(..)) measures it, and posterior_centred others have about 2");
  if (!finite && !(m.rate < decay))
    throw Error(at, fmt::format("Multilevel: with a rate of {} the variance is infinite, since Var D_l falls like 2^(-{} l) only; take 1 < "
                                "rate < decay, or others near x_t by posterior_centred, whose decay is about 2",
                                m.rate, decay));
  Ladder l{{}, finite || (m.own && p.exchangeable)};
  double total = 0;
  for (int k = 1; k <= (finite ? 40 : m.most_levels); ++k) {
    const int64_t below = m.base << (k - 1);
    if (2 * below > p.others_in_all) break;
    const bool last = finite && 4 * below > p.others_in_all;
    l.levels.push_back({last ? p.others_in_all : 2 * below, std::exp2(-m.rate * k)});
    total += l.levels.back().probability;
  }
  for (Level& each : l.levels) each.probability /= total;
  return l;
}

// The base, averaged over all sets of its size among the candidates, and the difference between all of them and two halves.
struct Parts {
  Tensor base, difference;  // [n]
};
Parts parts(const Population& p, const Multilevel& m, size_t level, const Ladder& ladder, const Rows& rows, const Key& key) {
  const int64_t others = ladder.levels[level].others, half = m.base << level;
  const Weighted w = weighted(rows, p.others(rows, others, key));
  const auto f = [&](int64_t size) { return c2(scores(w, size, ladder.own)); };  // [n, blocks]
  const Tensor halves = slice_axis(f(half), 1, 0, 2);
  return {mean(half == m.base ? halves : f(m.base), {1}), select(f(others), 1, 0) - mean(halves, {1})};
}

}  // namespace

Tensor Multilevel::operator()(const Population& p, const Rows& rows, const Key& key, Where at) const {
  const CallerScope scope(at);
  const Ladder ladder = ladder_of(*this, p, at);
  const int64_t n = rows.count();
  // A data set so small that even the first level would take all of it.
  if (ladder.levels.empty()) return LeaveOneIn{p.others_in_all + 1}(p, rows, key, at);

  std::vector<std::vector<int64_t>> at_level(ladder.levels.size());
  const std::vector<double> u = uniform({n}, key.fold("level"), {.dtype = float64}).to_vector<double>();
  for (size_t i = 0; i < u.size(); ++i) {
    size_t level = 0;
    double below = ladder.levels[0].probability;
    while (u[i] >= below && level + 1 < ladder.levels.size()) below += ladder.levels[++level].probability;
    at_level[level].push_back(static_cast<int64_t>(i));
  }
  Tensors values;
  std::vector<int64_t> place(static_cast<size_t>(n));
  int64_t next = 0;
  for (size_t level = 0; level < at_level.size(); ++level) {
    // Few rows reach the high levels; taken a few at a time, so do their candidates fit into memory.
    const auto at_once = static_cast<size_t>(std::max<int64_t>(1, (int64_t{1} << 18) / ladder.levels[level].others));
    for (size_t first = 0; first < at_level[level].size(); first += at_once) {
      const auto from = at_level[level].begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<int64_t> some(from, from + static_cast<std::ptrdiff_t>(std::min(at_once, at_level[level].size() - first)));
      const Parts each = parts(p, *this, level, ladder, rows.some(indices(some, rows.xt.device())), key.fold(level).fold(first));
      values.push_back(each.base + each.difference / ladder.levels[level].probability);
      for (int64_t i : some) place[static_cast<size_t>(i)] = next++;
    }
  }
  return index_select(concat(values, 0), 0, indices(place, rows.xt.device()));
}

double Multilevel::cost(const Population& p, Where at) const {
  const Ladder ladder = ladder_of(*this, p, at);
  if (ladder.levels.empty()) return static_cast<double>(p.others_in_all);
  double total = 0;
  for (const Level& each : ladder.levels) total += each.probability * static_cast<double>(each.others);
  return total;
}

double prior_decay(double sigma, double largest_variance, Where at) {
  if (!(sigma > 0) || !(largest_variance > 0))
    throw Error(at, fmt::format("prior_decay: sigma {} and a variance of {}; both must be positive", sigma, largest_variance));
  return std::min(2.0, 1 + sigma * sigma / (2 * largest_variance));
}

std::vector<LevelMoments> level_moments(const Population& p, const Multilevel& m, int levels, int64_t rows, const Key& key, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  Multilevel wanted = m;
  wanted.most_levels = levels;
  wanted.rate = 1.5, wanted.decay = 2;  // no matter here
  const Ladder ladder = ladder_of(wanted, p, at);
  std::vector<LevelMoments> out;
  for (size_t level = 0; level < ladder.levels.size(); ++level) {
    LevelMoments moments{.others = ladder.levels[level].others};
    double sum = 0, squares = 0;
    const int64_t at_once = std::max<int64_t>(1, (int64_t{1} << 19) / moments.others);
    const auto differences = [&](int64_t count, const Key& here) {
      return parts(p, m, level, ladder, p.draw(count, here.fold("rows")), here).difference.detach();
    };
    CompiledLoop block([&](const Tensors& words) { return Tensors{differences(at_once, Key(words[0]))}; }, for_loop(rows / at_once));
    for (int64_t first = 0; first < rows; first += at_once) {
      const Key here = key.fold(level).fold(first);
      const Tensor found = rows - first < at_once ? differences(rows - first, here) : block({here.tensor()}, at)[0];
      for (double d : found.to_vector<double>()) sum += d, squares += d * d;
    }
    const double n = static_cast<double>(rows);
    moments.mean = sum / n;
    moments.variance = (squares - sum * sum / n) / (n - 1);
    moments.error = std::sqrt(moments.variance / n);
    out.push_back(moments);
  }
  return out;
}

double decay_of(const std::vector<LevelMoments>& levels, Where at) {
  if (levels.size() < 2) throw Error(at, fmt::format("decay_of: {} levels; a slope needs two", levels.size()));
  const double n = static_cast<double>(levels.size()), centre = (n - 1) / 2;
  double above = 0, below = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    const double x = static_cast<double>(i) - centre;
    above += x * std::log2(levels[i].variance);
    below += x * x;
  }
  return -above / below;
}

}  // namespace scoregrad::losses::estimate_c2
