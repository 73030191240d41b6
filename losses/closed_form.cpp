#include "losses/closed_form.h"

namespace scoregrad::losses::closed_form {
namespace {

Tensor identity(const Tensor& like_this) { return eye(like_this.extent(-1), like(like_this)); }
Tensor half_square(const Tensor& x) { return 0.5 * sum(square(x)); }
Tensor column(const Tensor& m, const Tensor& x) { return matmul(m, x); }  // [d, k], [k] -> [d]
Tensor transposed(const Tensor& m, const Tensor& x) { return matmul(transpose(m), x); }
// tr(a b) for square matrices, one for each of a batch of b.
Tensor trace_of(const Tensor& a, const Tensor& b) { return sum(transpose(a) * b, {-2, -1}); }

// The losses of s = W x_t + r' for x_t ~ N(mean, S) with E s = r.
Values values(const Tensor& w, const Tensor& r, const Tensor& s, double sigma) {
  const Tensor ism = 0.5 * trace_of(matmul(transpose(w), w), s) + half_square(r) + trace(w);
  const Tensor c2 = 0.5 * trace(inverse(s));
  const Tensor c3 = full({}, static_cast<double>(s.extent(-1)) / (2 * sigma * sigma), like(s));
  return {ism + c3, ism + c2, ism, c2, c3};
}

}  // namespace

Generated generated(const AffineScore& score, const LinearGaussian& law, double alpha, double sigma) {
  const Tensor &w = score.w, &v = score.v;
  const Tensor mean = alpha * (column(law.a, law.c) + law.b);
  const Tensor s = alpha * alpha * law.covariance + sigma * sigma * identity(law.covariance), s_inverse = inverse(s);
  const Tensor r = column(w, mean) + column(v, law.c) + score.u, m = w + s_inverse;
  const double a2 = alpha * alpha;
  Generated g;
  g.value = values(w, r, s, sigma);
  g.theta = {matmul(w, s) + identity(w) + outer(r, mean), outer(r, law.c), r};
  g.net = transposed(v, r);
  g.dsm_dist = alpha * transposed(law.a, transposed(w, r)) + 0.5 * a2 * trace_of(matmul(transpose(w), w), law.covariance_by_c);
  g.esm_dist = alpha * transposed(law.a, transposed(m, r)) + 0.5 * a2 * trace_of(matmul(transpose(m), m), law.covariance_by_c);
  g.esm_target = -alpha * transposed(law.a, column(s_inverse, r)) - a2 * trace_of(matmul(s_inverse, m), law.covariance_by_c);
  g.c2 = -0.5 * a2 * trace_of(matmul(s_inverse, s_inverse), law.covariance_by_c);
  return g;
}

Encoder encoder(const AffineScore& score, const Tensor& covariance, const Tensor& phi, double tau, double alpha, double sigma) {
  const Tensor &w = score.w, &v = score.v, &u = score.u;
  const double t2 = tau * tau, s2 = sigma * sigma, a2 = alpha * alpha;
  const Tensor phi_s = matmul(phi, covariance);
  const Tensor k = transpose(solve(matmul(phi_s, transpose(phi)) + t2 * eye(phi.extent(0), like(phi)), phi_s));
  const Tensor p = covariance - matmul(k, phi_s);
  const Tensor s = a2 * p + s2 * identity(p), s_inverse = inverse(s);
  const Tensor b = alpha * w + matmul(v, phi);           // s - E[s | x] apart, s = b x + tau V eta + sigma W eps + u
  const Tensor target_c = alpha * matmul(s_inverse, k);  // s* = -S^-1 x_t + target_c c
  const Tensor m = w + s_inverse, n = v - target_c;      // s - s* = m x_t + n c + u
  const Tensor by_x = alpha * m + matmul(n, phi);        // E[(s - s*) x'] = by_x Sigma
  const auto quadratic = [&](const Tensor& f) { return 0.5 * trace_of(matmul(transpose(f), f), covariance); };

  Encoder e;
  const Tensor noise = sigma * w + identity(w) / sigma;
  e.value.dsm = quadratic(b) + t2 * half_square(v) + half_square(u) + half_square(noise);
  e.value.esm = quadratic(by_x) + s2 * half_square(m) + t2 * half_square(n) + half_square(u);
  e.value.ism = quadratic(b) + t2 * half_square(v) + half_square(u) + s2 * half_square(w) + trace(w);
  e.value.c2 = 0.5 * trace(s_inverse);
  e.value.c3 = full({}, static_cast<double>(p.extent(-1)) / (2 * s2), like(p));
  e.theta = {alpha * matmul(b, covariance) + sigma * noise, matmul(b, transpose(phi_s)) + t2 * v, u};
  e.dsm = matmul(transpose(v), matmul(b, covariance));
  e.c2 = a2 / t2 * matmul(phi, matmul(p, matmul(matmul(s_inverse, s_inverse), p)));
  e.esm_net = matmul(transpose(v), matmul(by_x, covariance));
  e.esm_target_c = -matmul(transpose(target_c), matmul(by_x, covariance));
  e.esm_target_w = e.dsm + e.c2 - e.esm_net - e.esm_target_c;
  return e;
}

Frozen frozen(const AffineScore& score, const Tensor& mean, const Tensor& factor, double alpha, double sigma) {
  const Tensor& w = score.w;
  const double a2 = alpha * alpha;
  const Tensor s = a2 * matmul(factor, transpose(factor)) + sigma * sigma * identity(factor), s_inverse = inverse(s);
  const Tensor r = alpha * column(w, mean) + score.u, m = w + s_inverse;
  const auto part = [&](const Tensor& by_mean, const Tensor& by_factor) {
    return GaussianGradient{alpha * by_mean, a2 * matmul(by_factor, factor)};
  };
  Frozen f;
  f.value = values(w, r, s, sigma);
  f.dsm = part(transposed(w, r), matmul(transpose(w), w));
  f.c2 = part(zeros_like(r), -matmul(s_inverse, s_inverse));
  f.esm = {f.dsm.mean, f.dsm.factor + f.c2.factor};
  f.esm_detached = part(transposed(m, r), matmul(transpose(m), m));
  f.sds = part(-r, -w);
  f.vsd = part(-r, -m);
  return f;
}

}  // namespace scoregrad::losses::closed_form
