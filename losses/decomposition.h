// The theorem as a function: denoising score matching taken apart, DSM = ESM - C2 + C3, in value and in gradient, in total and by path.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/ops/random.h"
#include "distributions/quadrature.h"
#include "losses/setup.h"
#include "nn/module.h"

namespace scoregrad::losses {

/// Parameters whose gradient is wanted, under one name: a tensor, several, or all of a module.
struct Wanted {
  Wanted(std::string name_, Tensor tensor) : name(std::move(name_)), tensors{std::move(tensor)} {}
  Wanted(std::string name_, Tensors tensors_) : name(std::move(name_)), tensors(std::move(tensors_)) {}
  template <nn::Module M>
  Wanted(std::string name_, const M& module) : name(std::move(name_)), tensors(nn::parameters(module)) {}
  std::string name;
  Tensors tensors;
};

/// How the trace in the implicit loss is taken.
enum class Trace {
  exact,   ///< d sweeps
  sliced,  ///< one random sign vector a sample; for Monte Carlo
  none,    ///< no implicit loss
};

struct DecomposeOptions {
  Number sigma = 1;  ///< x_t = alpha x + sigma eps; a tensor takes part in the gradients, one level a condition or 0-d
  Number alpha = 1;
  int64_t samples = 0;  ///< Monte Carlo with so many samples; 0: exact, by `rule` over every Gaussian and by enumeration
  /// Of nodes of one's own the integration error is not known, and their sum never counts as exact.
  distributions::quadrature::Rule rule = distributions::quadrature::trapezoid();
  std::vector<Wanted> wrt = {};
  Trace trace = Trace::exact;
  /// An exact sum is refined until its integration error is below this, relative to each loss and gradient; rounding counts as nothing, so
  /// float32 is content with 3e-5.
  double tolerance = 1e-9;
  /// ... or until the next rule would have more nodes than this, counted over all components or data. Throws Error if the first one has.
  int64_t most_nodes = int64_t{1} << 22;
  int64_t block = 4096;  ///< rows at a time, which bounds the memory
  /// Called between blocks with the fraction done (of an exact sum that is refined: of the sum under way); false stops Monte Carlo with
  /// what there is and an exact sum with an Error.
  std::function<bool(double)> progress = {};
  /// Blocks are compiled (for_loop): the score is called in some of them only, so it must follow from its arguments and from tensors.
  bool compile = true;
};

/// A loss and its error: of samples the standard error, of an exact sum an estimate of the integration error, rounding included.
struct Value {
  double mean = 0, error = 0;
};
/// A gradient, one tensor for each parameter of a group, and its error.
struct Gradient {
  Tensors mean, error;
  /// |gradient|, over all tensors.
  double norm() const;
  /// Whether it has one element.
  bool is_number() const { return mean.size() == 1 && mean[0].numel() == 1; }
};
/// A gradient in total and by path. What no path took is absent.
struct PathGradient {
  Gradient total;
  std::map<std::string, Gradient> by_path;
  /// The part along one path; zeros if nothing took it.
  Gradient along(const std::string& path) const;
};
/// One loss with its gradients by the names of DecomposeOptions::wrt.
struct Term {
  Value value;
  std::map<std::string, PathGradient> gradient;
};

/// What `decompose` finds. Paths: "net", through the network's argument c; "dist", through the law that x_t is drawn from; "target",
/// through the law inside s* - for encoders "target_c", through c in s*(x_t, c), and "target_w", through the posterior weights of s*.
/// Parameters of the network lie on no path: "".
struct Decomposition {
  Term dsm, esm, ism, c2, c3;
  Term residual;  ///< DSM - (ESM - C2 + C3) from the same samples or nodes: zero but for its error
  /// ISM - (ESM - C2): zero by partial integration. The first holds as s* is a mean of t, this one shows a sum that has not converged and
  /// a score with kinks, where the divergence in ISM misses what lies in the kink. Absent without ISM.
  Term by_parts;
  Term sds, vsd;  ///< InputDistribution: gradients of score distillation and of its variational form; up to a constant, their values too
  int64_t dim = 0;
  double sigma = 0, alpha = 1;
  int64_t samples = 0;   ///< samples drawn or nodes summed
  int64_t blocks = 0;    ///< Monte Carlo: independent blocks behind the standard errors, for Student's t with blocks - 1 degrees of freedom
  bool sampled = false;  ///< Monte Carlo; errors are standard errors
  bool exact = false;    ///< an exact sum that has converged: no error above DecomposeOptions::tolerance
  double integration = 0;  ///< of an exact sum: its largest error relative to a loss or gradient; 0: rounding alone
  bool has_ism = true;

  /// True if ISM's value or gradient disagrees with ESM - C2 beyond the errors: the score has kinks.
  bool kinked() const;
  /// Writes a page with the losses and each gradient by path, as bars where gnuplot is installed; all of it or nothing, throws Error.
  void save(const std::string& path) const;
};

/// Takes the denoising loss apart under one set-up. Exact integration wants rules whose product over all Gaussians in play can be summed:
/// d dimensions for a generated x, m + d for a noisy encoder (times its data), d + m + d for a linear one. Throws Error on shapes that do
/// not fit, on more nodes than allowed, and where a gradient was asked for that Monte Carlo cannot give.
Decomposition decompose(const ConditionalScore& score, const Generated& setup, const DecomposeOptions& options, const Key& key = Key(0),
                        Where at = Where::here());
Decomposition decompose(const ConditionalScore& score, const FreeCondition& setup, const DecomposeOptions& options, const Key& key = Key(0),
                        Where at = Where::here());
Decomposition decompose(const ConditionalScore& score, const distributions::LinearEncoder& setup, const DecomposeOptions& options,
                        const Key& key = Key(0), Where at = Where::here());
Decomposition decompose(const ConditionalScore& score, const distributions::NoisyEncoder& setup, const DecomposeOptions& options,
                        const Key& key = Key(0), Where at = Where::here());
Decomposition decompose(const Score& score, const InputDistribution& setup, const DecomposeOptions& options, const Key& key = Key(0),
                        Where at = Where::here());

/// One decomposition for each noise level, with common random numbers: `score_at(sigma)` is the score at that level; options.sigma is
/// ignored.
template <class Setup, class ScoreAt>
std::vector<Decomposition> decompose_over(const std::vector<double>& sigmas, const ScoreAt& score_at, const Setup& setup,
                                          DecomposeOptions options, const Key& key = Key(0), Where at = Where::here()) {
  std::vector<Decomposition> out;
  for (double sigma : sigmas) {
    options.sigma = sigma;
    out.push_back(decompose(score_at(sigma), setup, options, key, at));
  }
  return out;
}

struct NamedTerm {
  std::string name;
  const Term* term;
  char sign = ' ';  ///< how it stands in the identity
};
/// What there is, in the order of the identity: DSM = ESM - C2 + C3, what it leaves, ISM and what partial integration leaves.
std::vector<NamedTerm> named_terms(const Decomposition& d);

/// "exact, 64 nodes (integration 3e-12)", "16384 samples, mean +- standard error", or by how much the sum has not converged.
std::string how_found(const Decomposition& d);
/// What `kinked` means for ISM.
extern const char* const kink_note;

/// DSM = ESM - C2 + C3 as a column to add up, with errors; beside it the gradients in total and by path, numbers as they are and others by
/// their norm. What disagrees with its identity is marked.
std::string to_string(const Decomposition& d);

}  // namespace scoregrad::losses
