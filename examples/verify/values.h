// What routes arrive at, and when two of them agree.
#pragma once
#include <string>
#include <vector>

#include "losses/decomposition.h"

namespace scoregrad::verify {

/// How a route computes decides how closely it must agree.
enum class Kind { closed_form, quadrature, noise_integral };

/// Two numbers agree when |a - b| <= tolerance (1 + |b|). The one table of tolerances.
double tolerance(Kind kind, DType dtype);
const char* name_of(Kind kind);
/// Two routes said to differ must do so by this much, (1 + |b|) times.
constexpr double visible = 1e-3;
/// The chance that a run in which everything holds reports a Monte-Carlo failure all the same.
constexpr double false_alarm = 1e-6;

/// The numbers of one route, with standard errors where they were sampled.
struct Values {
  std::vector<double> value, error;
  int64_t freedom = 0;  ///< degrees of freedom behind the errors

  Values() = default;
  Values(double x) : value{x}, error{0} {}
  Values(std::initializer_list<double> xs) : value(xs), error(xs.size(), 0.0) {}
  Values(const Tensor& t);
  Values(const Tensors& ts);
  Values(const losses::Value& v) : value{v.mean}, error{v.error} {}
  Values(const losses::Gradient& g);

  bool sampled() const;
  /// The same with the degrees of freedom of the decomposition that they came from.
  Values of(const losses::Decomposition& d) &&;
  // Friends, so that they are no candidates for tensors.
  friend Values operator+(const Values& a, const Values& b) { return combined(a, b, 1); }
  friend Values operator-(const Values& a, const Values& b) { return combined(a, b, -1); }
  friend Values operator*(double k, const Values& a) { return a.scaled(k); }

 private:
  Values scaled(double k) const;
  static Values combined(Values a, const Values& b, double sign);
};
losses::Decomposition without_integration_errors(losses::Decomposition d);
/// losses::decompose; an exact sum comes without its integration errors, which the table of tolerances allows for.
template <class S, class Setup>
losses::Decomposition decompose(const S& score, const Setup& setup, const losses::DecomposeOptions& options, const Key& key = Key(0),
                                Where at = Where::here()) {
  return without_integration_errors(losses::decompose(score, setup, options, key, at));
}
/// One after the other.
Values joined(std::initializer_list<Values> parts);
double norm(const Values& a);

/// How far route `b` is from the reference `a`.
struct Distance {
  double error = 0;     ///< largest |a - b| / (1 + |b|) of the components without standard error
  double z = 0;         ///< largest |a - b| / standard error of the others, in normal deviations of equal probability
  int comparisons = 0;  ///< components with a standard error
};
/// Throws Error unless both have the same number of components. `rounding` is what a sampled component may be off beyond its error.
Distance distance(const Values& a, const Values& b, double rounding);

/// |t| with `freedom` degrees of freedom as the normal deviation of equal probability   (Wallace 1959)
double normal_deviation(double t, int64_t freedom);
/// The z that `comparisons` independent normal comparisons all stay below with probability 1 - false_alarm   (Bonferroni)
double threshold(int64_t comparisons);

}  // namespace scoregrad::verify
