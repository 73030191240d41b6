// Ordinary differential equations dy/dt = f(t, y) of whole tensors: fixed steps, and steps that a tolerance chooses.
#pragma once
#include <functional>

#include "autograd/ops/ops.h"

namespace scoregrad {

using Slope = std::function<Tensor(double t, const Tensor& y)>;

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
  Integrator(Slope slope, const Ode& ode, Where at = Where::here()) : slope_(std::move(slope)), ode_(ode), at_(at) {}
  /// y at time `to`, given y at time `from`; an undefined tensor if `go` says no on the way.
  Tensor operator()(
      const Tensor& y, double from, double to, const std::function<bool()>& go = [] { return true; });
  int64_t accepted() const { return accepted_; }
  int64_t rejected() const { return rejected_; }

 private:
  Tensor adaptive(Tensor y, double from, double to, const std::function<bool()>& go);
  Slope slope_;
  Ode ode_;
  Where at_;
  double size_ = 0;
  int64_t accepted_ = 0, rejected_ = 0;
};

}  // namespace scoregrad
