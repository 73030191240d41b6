// Noise schedules: x_t = alpha(t) x + sigma(t) eps and the equation dx = f(t) x dt + g(t) dw that has these laws. Each is a plain struct of
// its constants with the same functions of time, for a number as for a tensor of times, so that a loss, a sampler or a solver takes any of
// them, and one of your own. (Song et al. 2021; Karras et al. 2022)
#pragma once
#include <cmath>
#include <concepts>
#include <vector>

#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::samplers {

/// Time runs from s.start() (data, or almost) to s.stop() (noise);  f = alpha'/alpha,  g^2 = (sigma^2)' - 2 f sigma^2;  time_at inverts
/// sigma/alpha.
template <class S>
concept NoiseSchedule = requires(const S& s, double t, const Tensor& many) {
  { s.alpha(t) } -> std::same_as<double>;
  { s.sigma(t) } -> std::same_as<double>;
  { s.drift(t) } -> std::same_as<double>;
  { s.diffusion2(t) } -> std::same_as<double>;
  { s.time_at(t) } -> std::same_as<double>;
  { s.alpha(many) } -> std::same_as<Tensor>;
  { s.sigma(many) } -> std::same_as<Tensor>;
  { s.drift(many) } -> std::same_as<Tensor>;
  { s.diffusion2(many) } -> std::same_as<Tensor>;
  { s.time_at(many) } -> std::same_as<Tensor>;
  { s.start() } -> std::same_as<double>;
  { s.stop() } -> std::same_as<double>;
};

/// Variance exploding:  alpha = 1,  sigma = sigma_min (sigma_max / sigma_min)^t,  g^2 = 2 sigma^2 log(sigma_max / sigma_min),  t in [0, 1].
struct VE {
  double sigma_min = 0.01, sigma_max = 50;

  double start() const { return 0; }
  double stop() const { return 1; }
  template <class T>
  T alpha(const T& t) const {
    return 0 * t + 1;
  }
  template <class T>
  T sigma(const T& t) const {
    using std::exp;
    return sigma_min * exp(span() * t);
  }
  template <class T>
  T drift(const T& t) const {
    return 0 * t;
  }
  template <class T>
  T diffusion2(const T& t) const {
    const T s = sigma(t);
    return 2 * span() * s * s;
  }
  template <class T>
  T time_at(const T& ratio) const {
    using std::log;
    return log(ratio / sigma_min) / span();
  }

 private:
  double span() const;  // log(sigma_max / sigma_min); throws Error unless 0 < sigma_min < sigma_max
};

/// beta(t) = beta_min + t (beta_max - beta_min) and B(t), its integral from 0.
struct LinearBeta {
  double beta_min = 0.1, beta_max = 20;
  template <class T>
  T beta(const T& t) const {
    check();
    return beta_min + t * (beta_max - beta_min);
  }
  template <class T>
  T integral(const T& t) const {
    check();
    return t * (beta_min + 0.5 * (beta_max - beta_min) * t);
  }
  /// The time at which B(t) = b.
  template <class T>
  T time_of(const T& b) const {
    using std::sqrt;
    check();
    return 2 * b / (beta_min + sqrt(beta_min * beta_min + 2 * (beta_max - beta_min) * b));
  }
  /// Throws Error unless beta is a number of at least 0 all the way, and not 0 at both ends.
  void check() const;
};

/// Variance preserving:  alpha = e^(-B/2),  sigma^2 = 1 - e^(-B),  f = -beta/2,  g^2 = beta,  t in [0, 1]. Losses start a little above 0,
/// where sigma is 0.
struct VP : LinearBeta {
  double start() const { return 1e-3; }
  double stop() const { return 1; }
  template <class T>
  T alpha(const T& t) const {
    using std::exp;
    return exp(-0.5 * integral(t));
  }
  template <class T>
  T sigma(const T& t) const {
    using std::expm1;
    using std::sqrt;
    return sqrt(-expm1(-1 * integral(t)));
  }
  template <class T>
  T drift(const T& t) const {
    return -0.5 * beta(t);
  }
  template <class T>
  T diffusion2(const T& t) const {
    return beta(t);
  }
  template <class T>
  T time_at(const T& ratio) const {
    using std::log1p;
    return time_of(T(log1p(ratio * ratio)));
  }
};

/// Sub-variance-preserving:  alpha = e^(-B/2),  sigma = 1 - e^(-B),  f = -beta/2,  g^2 = beta (1 - e^(-2B)),  t in [0, 1].
struct SubVP : LinearBeta {
  double start() const { return 1e-3; }
  double stop() const { return 1; }
  template <class T>
  T alpha(const T& t) const {
    using std::exp;
    return exp(-0.5 * integral(t));
  }
  template <class T>
  T sigma(const T& t) const {
    using std::expm1;
    return -1 * expm1(-1 * integral(t));
  }
  template <class T>
  T drift(const T& t) const {
    return -0.5 * beta(t);
  }
  template <class T>
  T diffusion2(const T& t) const {
    using std::expm1;
    return -1 * beta(t) * expm1(-2 * integral(t));
  }
  template <class T>
  T time_at(const T& ratio) const {
    using std::asinh;
    return time_of(T(2 * asinh(0.5 * ratio)));
  }
};

/// Time is the noise level itself:  alpha = 1,  sigma = t,  g^2 = 2 t. Training draws log sigma ~ N(log_mean, log_deviation^2); sampling
/// steps through `ladder`. (Karras et al. 2022)
struct Edm {
  double sigma_min = 0.002, sigma_max = 80, log_mean = -1.2, log_deviation = 1.2, rho = 7;

  double start() const { return sigma_min; }
  double stop() const { return sigma_max; }
  template <class T>
  T alpha(const T& t) const {
    return 0 * t + 1;
  }
  template <class T>
  T sigma(const T& t) const {
    return 1 * t;
  }
  template <class T>
  T drift(const T& t) const {
    return 0 * t;
  }
  template <class T>
  T diffusion2(const T& t) const {
    return 2 * t;
  }
  template <class T>
  T time_at(const T& ratio) const {
    return 1 * ratio;
  }
  /// Noise levels to train at.   [n]
  Tensor levels(int64_t n, const Key& key, Options options = {}, Where at = Where::here()) const;
  /// sigma_i = (sigma_max^(1/rho) + i/(count-1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho, falling; count >= 2.
  std::vector<double> ladder(int count, Where at = Where::here()) const;
};

/// Levels from `first` to `last`, both included, each a fixed multiple of the one before; count >= 2.
std::vector<double> geometric_ladder(double first, double last, int count, Where at = Where::here());

/// Throws Error unless n is positive.
void check_times(int64_t n, Where at);
/// n times, uniform on [start, stop] but one in each n-th of it, in order: the mean of a loss over them has less variance than over
/// independent times.   [n]
template <NoiseSchedule S>
Tensor stratified_times(const S& schedule, int64_t n, const Key& key, Options options = {}, Where at = Where::here()) {
  check_times(n, at);
  const CallerScope scope(at);
  const Tensor place = (arange(0, static_cast<double>(n), 1, options) + uniform({n}, key, options)) / static_cast<double>(n);
  return schedule.start() + (schedule.stop() - schedule.start()) * place;
}

}  // namespace scoregrad::samplers
