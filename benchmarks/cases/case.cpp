#include "benchmarks/cases/case.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace bench {

namespace sg = scoregrad;

int64_t Case::size_at(double scale) const { return std::max<int64_t>(1, std::llround(size * scale)); }

Timed Case::timed(int64_t n, const std::string& mode, const std::string& how) const {
  return {.name = name + mode,
          .notes = how + (notes.empty() ? "" : ": " + notes),
          .unit = unit,
          .size = static_cast<double>(n),
          .work = work(n),
          .runs = static_cast<double>(measured) / steps};
}

bool Case::wanted(const Options& options) const { return name.starts_with(options.only) || options.only.starts_with(name); }

void check_loss(double loss) {
  if (loss > 0 && loss < 10) return;
  std::fprintf(stderr, "the loss left its range: %g\n", loss);
  std::exit(1);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (auto part : {elementwise_cases, training_cases, derivative_cases, particle_cases, block_cases})
    for (Case& c : part()) all.push_back(std::move(c));
  return all;
}

sg::Tensors advance(const Problem& problem, const sg::Tensor& key) {
  if (!problem.draw) return problem.step({});
  const sg::Key k(key);
  sg::Tensors results = problem.step(problem.draw(k));
  sg::copy_(key, k.fold("next").tensor());
  return results;
}

}  // namespace bench
