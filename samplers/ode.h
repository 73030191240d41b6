// Ordinary differential equations dy/dt = f(t, y) of whole tensors: fixed steps, and steps that a tolerance chooses.
#pragma once
#include <functional>
#include <vector>

#include "autograd/compile/loop.h"
#include "autograd/ops/ops.h"

namespace scoregrad::samplers {

/// dy/dt = f(numbers(t), y): what f needs of the time comes as a tensor like y, so that a step is a function of tensors alone.
struct Slope {
  std::function<Tensor(const Tensor& numbers, const Tensor& y)> f;                                         ///< [k], y -> like y
  std::function<std::vector<double>(double t)> numbers = [](double t) { return std::vector<double>{t}; };  ///< k numbers
};

enum class Method {
  euler,           ///< y + h f;  error O(h)
  heun,            ///< y + (h/2) (f(t, y) + f(t + h, y + h f));  error O(h^2)
  dormand_prince,  ///< order 5 with an estimate of order 4, steps chosen by the tolerance   (Dormand & Prince 1980)
};
/// How to integrate. Fixed methods make one step between two given times.
struct Ode {
  Method method = Method::heun;
  double relative = 1e-6, absolute = 1e-6;  ///< dormand_prince: bound of each entry's error in one step, relative * |y| + absolute
  int64_t most = 100000;                    ///< dormand_prince: steps between two given times before it gives up with an Error
};

/// Carries y through successive times and remembers the size of its steps.
class Integrator {
 public:
  /// Steps are compiled as `compile` says; see for_loop.
  Integrator(Slope slope, const Ode& ode, LoopOptions compile = {.enabled = false}, Where at = Where::here());
  Integrator(const Integrator&) = delete;
  Integrator& operator=(const Integrator&) = delete;
  /// y at time `to`, given y at time `from`; an undefined tensor if `go` says no on the way. `last`: nothing follows.
  Tensor operator()(
      const Tensor& y, double from, double to, const std::function<bool()>& go = [] { return true; }, bool last = false);
  int64_t accepted() const { return accepted_; }
  int64_t rejected() const { return rejected_; }
  /// Of the slope.
  int64_t evaluations() const { return evaluations_; }

 private:
  Tensor adaptive(Tensor y, double from, double to, const std::function<bool()>& go, bool last);
  Tensors one_step(const Tensors& in) const;
  Tensor numbers(const std::vector<double>& times, const Tensor& y) const;
  Slope slope_;
  Ode ode_;
  Where at_;
  CompiledLoop step_;
  double size_ = 0;
  int64_t accepted_ = 0, rejected_ = 0, evaluations_ = 0;
};

}  // namespace scoregrad::samplers
