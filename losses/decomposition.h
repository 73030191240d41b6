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
  distributions::quadrature::Rule rule = distributions::quadrature::trapezoid();
  std::vector<Wanted> wrt = {};
  Trace trace = Trace::exact;
  int64_t block = 4096;  ///< samples or nodes at a time, which bounds the memory
  /// Called between blocks with the fraction done; false stops Monte Carlo with what there is and an exact sum with an Error.
  std::function<bool(double)> progress = {};
  /// Blocks are compiled (for_loop): the score is called in some of them only, so it must follow from its arguments and from tensors.
  bool compile = true;
};

/// A loss and its standard error, 0 where exact.
struct Value {
  double mean = 0, error = 0;
};
/// A gradient, one tensor for each parameter of a group, and its standard error.
struct Gradient {
  Tensors mean, error;
  /// |gradient|, over all tensors.
  double norm() const;
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
  Term residual;  ///< DSM - (ESM - C2 + C3) from the same samples: zero but for its standard error
  Term sds, vsd;  ///< InputDistribution: gradients of score distillation and of its variational form
  int64_t dim = 0;
  double sigma = 0, alpha = 1;
  int64_t samples = 0;  ///< samples drawn or nodes summed
  int64_t blocks = 0;   ///< Monte Carlo: independent blocks behind the standard errors, for Student's t with blocks - 1 degrees of freedom
  bool exact = false;
  bool has_ism = true;
  int64_t replayed = 0;    ///< blocks that were replays of a record
  std::string eager = {};  ///< why blocks could not be recorded, if they could not

  /// Writes a page with the losses and each gradient by path, as bars where gnuplot is installed; all of it or nothing, throws Error.
  void save(const std::string& path) const;
};

/// Takes the denoising loss apart under one set-up. Exact integration wants rules whose product over all Gaussians in play can be summed:
/// d dimensions for a generated x, m + d for a noisy encoder (times its data), d + m + d for a linear one. Throws Error on shapes that do
/// not fit and where a gradient was asked for that Monte Carlo cannot give.
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

/// DSM = ESM - C2 + C3 as a column to add up, with standard errors; beside it the gradients in total and by path, numbers as they are and
/// others by their norm.
std::string to_string(const Decomposition& d);

}  // namespace scoregrad::losses
