#include "losses/parametrisation.h"

#include "losses/demand.h"

namespace scoregrad::losses {
namespace {

struct Levels {
  Tensor a, s;
  Levels(const char* op, const Level& level, const Tensor& x, Where at)
      : a(level.alpha.like(x, x.rank())), s(level.sigma.like(x, x.rank())) {
    demand_level(op, "alpha", level.alpha, x, at);
    demand_level(op, "sigma", level.sigma, x, at);
  }
};

}  // namespace

Tensor prediction(Predicts what, const Tensor& s, const Tensor& xt, const Level& level, Where at) {
  demand_alike("prediction", {{"the score", s}, {"x_t", xt}}, at);
  const Levels l("prediction", level, xt, at);
  return nn::prediction(what, s, xt, l.a, l.s, at);
}

Tensor score_from(Predicts what, const Tensor& predicted, const Tensor& xt, const Level& level, Where at) {
  demand_alike("score_from", {{"the prediction", predicted}, {"x_t", xt}}, at);
  const Levels l("score_from", level, xt, at);
  return nn::score_from(what, predicted, xt, l.a, l.s, at);
}

Tensor target_of(Predicts what, const Tensor& x, const Tensor& eps, const Level& level, Where at) {
  const CallerScope scope(at);
  demand_alike("target_of", {{"x", x}, {"eps", eps}}, at);
  const Levels l("target_of", level, x, at);
  switch (what) {
    case Predicts::score:
      return -(eps / l.s);
    case Predicts::eps:
      return eps;
    case Predicts::x0:
      return x;
    default:
      return l.a * eps - l.s * x;
  }
}

Tensor denoising(Predicts what, const Tensor& predicted, const Tensor& x, const Tensor& eps, const Level& level, Where at) {
  const CallerScope scope(at);
  demand_alike("denoising", {{"the prediction", predicted}, {"x", x}, {"eps", eps}}, at);
  return 0.5 * sum(square(predicted - target_of(what, x, eps, level)), {-1});
}

double factor(Predicts what, double alpha, double sigma) {
  const double a2 = alpha * alpha, s2 = sigma * sigma;
  switch (what) {
    case Predicts::score:
      return 1;
    case Predicts::eps:
      return s2;
    case Predicts::x0:
      return s2 * s2 / a2;
    default:
      return s2 * (a2 + s2) * (a2 + s2) / a2;
  }
}

}  // namespace scoregrad::losses
