#include "losses/score_matching.h"

#include <fmt/format.h>

#include "autograd/graph/jacobian.h"
#include "autograd/tensor/misfit.h"
#include "losses/demand.h"
#include "nn/divergence.h"

namespace scoregrad::losses {
namespace {

Tensor half_square(const Tensor& x) { return 0.5 * sum(square(x), {-1}); }
Tensor scaled(const Tensor& eps, const Number& sigma) { return eps / sigma.like(eps, eps.rank()); }

void check_step(const char* op, const Tensor& xt, const Tensor& v, double step, Where at) {
  if (xt.rank() != 2) throw misfit(at, op, "the points", "[n, d]", xt);
  check_like(at, op, "the directions", xt, v);
  if (!(step > 0)) throw Error(at, fmt::format("{}: a step of {}", op, step));
}
// f at x + h v and at x - h v, from one call.
std::pair<Tensor, Tensor> on_both_sides(const char* op, const Score& f, bool vector_valued, const Tensor& xt, const Tensor& v, double step,
                                        Where at) {
  const int64_t n = xt.extent(0);
  const Tensor both = f(concat({xt + step * v, xt - step * v}, 0));
  demand_shape(op, {"what the function returned", both}, vector_valued ? Shape{2 * n, xt.extent(1)} : Shape{2 * n}, at);
  return {slice_axis(both, 0, 0, n), slice_axis(both, 0, n, 2 * n)};
}

void check_rows(const char* op, const Tensor& s, const Tensor& xt, Where at) {
  if (xt.rank() != 2) throw misfit(at, op, "the points", "[n, d]", xt);
  check_like(at, op, "the score", xt, s);
  if (!xt.tracked()) throw Error(at, fmt::format("{}: x_t is not tracked; call xt.requires_grad() before the score is computed", op));
}

// J'v row by row; differentiable.
Tensor pulled(const Tensor& s, const Tensor& xt, const Tensor& v, Where at) {
  if (!s.tracked()) return zeros_like(xt);
  return grad(s, xt, {.seed = v, .create_graph = true, .allow_unused = true}, at);
}

Tensor sliced(const char* op, const Tensor& s, const Tensor& xt, const Tensor& v, bool projected, Where at) {
  check_rows(op, s, xt, at);
  if (v.rank() == 3) {
    Tensor total;
    for (int64_t k = 0; k < v.extent(0); ++k) {
      const Tensor one = sliced(op, s, xt, select(v, 0, k), projected, at);
      total = total.defined() ? total + one : one;
    }
    if (!total.defined()) throw Error(at, fmt::format("{}: no directions", op));
    return total / v.extent(0);
  }
  check_like(at, op, "the directions", s, v);
  const Tensor norm_part = projected ? 0.5 * square(dot(v, s)) : half_square(s);
  return norm_part + dot(pulled(s, xt, v, at), v);
}

}  // namespace

Tensor esm(const Tensor& s, const Tensor& target, Where at) {
  const CallerScope scope(at);
  demand_alike("esm", {{"the score", s}, {"s*", target}}, at);
  return half_square(s - target);
}
Tensor dsm(const Tensor& s, const Tensor& eps, const Number& sigma, Where at) {
  const CallerScope scope(at);
  demand_alike("dsm", {{"the score", s}, {"eps", eps}}, at);
  demand_level("dsm", "sigma", sigma, eps, at);
  return half_square(s + scaled(eps, sigma));
}
Tensor ism(const Tensor& s, const Tensor& xt, Where at) {
  const CallerScope scope(at);
  check_rows("ism", s, xt, at);
  return half_square(s) + divergence(s, xt, {.create_graph = true}, at);
}
Tensor ism(const nn::MLP& s, const Tensor& xt, Where at) {
  const CallerScope scope(at);
  const ValueAndDivergence of = nn::divergence(s, xt, at);
  return half_square(of.value) + of.divergence;
}
Tensor ssm(const Tensor& s, const Tensor& xt, const Tensor& v, Where at) {
  const CallerScope scope(at);
  return sliced("ssm", s, xt, v, true, at);
}
Tensor ssm_vr(const Tensor& s, const Tensor& xt, const Tensor& v, Where at) {
  const CallerScope scope(at);
  return sliced("ssm_vr", s, xt, v, false, at);
}
Tensor fd_ssm(const Score& s, const Tensor& xt, const Tensor& v, double step, Where at) {
  const CallerScope scope(at);
  check_step("fd_ssm", xt, v, step, at);
  const auto [ahead, behind] = on_both_sides("fd_ssm", s, true, xt, v, step, at);
  const Tensor a = dot(v, ahead), b = dot(v, behind);
  return square(a + b) / 8 + (a - b) / (2 * step);
}
Tensor fd_ssm_energy(const std::function<Tensor(const Tensor&)>& log_density, const Tensor& xt, const Tensor& v, double step, Where at) {
  const CallerScope scope(at);
  check_step("fd_ssm_energy", xt, v, step, at);
  const auto [a, b] = on_both_sides("fd_ssm_energy", log_density, false, xt, v, step, at);
  const Tensor here = log_density(xt);
  demand_shape("fd_ssm_energy", {"what the function returned", here}, {xt.extent(0)}, at);
  return (square(a - b) / 8 + (a + b - 2 * here)) / (step * step);
}
Tensor score_norm(const Tensor& s, double lambda, Where at) {
  const CallerScope scope(at);
  return lambda * half_square(s);
}
Tensor c2(const Tensor& target, Where at) {
  const CallerScope scope(at);
  return half_square(target);
}
Tensor c3(const Tensor& eps, const Number& sigma, Where at) {
  const CallerScope scope(at);
  demand_level("c3", "sigma", sigma, eps, at);
  return half_square(scaled(eps, sigma));
}

Tensor sds(const Tensor& s, const Tensor& eps, const Number& sigma, const Tensor& xt, Where at) {
  const CallerScope scope(at);
  demand_alike("sds", {{"the score", s}, {"eps", eps}, {"x_t", xt}}, at);
  demand_level("sds", "sigma", sigma, eps, at);
  return -dot((s + scaled(eps, sigma)).detach(), xt);
}
Tensor vsd(const Tensor& s, const Tensor& target, const Tensor& xt, Where at) {
  const CallerScope scope(at);
  demand_alike("vsd", {{"the score", s}, {"s*", target}, {"x_t", xt}}, at);
  return -dot((s - target).detach(), xt);
}
Tensor red_diff(const Tensor& s, const Tensor& eps, const Tensor& x, const Number& alpha, const Number& sigma, Where at) {
  const CallerScope scope(at);
  demand_alike("red_diff", {{"the score", s}, {"eps", eps}, {"x", x}}, at);
  demand_level("red_diff", "sigma", sigma, eps, at);
  demand_level("red_diff", "alpha", alpha, eps, at);
  const Tensor level = sigma.like(eps, eps.rank()), inverse_ratio = level / alpha.like(eps, eps.rank());
  return dot((inverse_ratio * (-(level * s) - eps)).detach(), x);
}

}  // namespace scoregrad::losses
