// What a condition is computed from: y is the raw input and c = f(y) with noise of its own, while x and y are jointly given. DSM follows
// the explicit loss against p(x | y) and not the one against p(x | c). Then two neighbours: the penalty |s|^2, and cameras.
#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/mixture.h"
#include "distributions/quadrature.h"
#include "examples/verify/families.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double sigma = 0.8, tau = 0.6;
const Kind q = Kind::quadrature;

/// Some data x, each with the input y that it belongs to, and the code of each y before its noise.
struct Pairs {
  Tensor x, y, log_p;  // [m, 1], [m, 1], [m]
};
Pairs pairs(Options o) {
  return {from({-1.3, -0.4, 0.2, 0.9, 0.7, 1.6}, {6, 1}, o), from({-1, -1, 0.3, 0.3, 1, 1}, {6, 1}, o),
          log(from({0.10, 0.20, 0.25, 0.15, 0.18, 0.12}, o))};
}
// Data that are their own input, as a codec has them.
Pairs own(Options o) {
  Pairs p = pairs(o);
  p.y = p.x;
  return p;
}

using Code = Tensor (*)(const Tensor& y, const Tensor& phi);
Tensor at(const Tensor& phi, int64_t i) { return select(phi, 0, i); }
Tensor injective(const Tensor& y, const Tensor& phi) { return at(phi, 0) * y + at(phi, 1) * tanh(y); }
Tensor even(const Tensor& y, const Tensor& phi) { return at(phi, 0) * square(y) + at(phi, 1) * cos(y); }  // -1 and 1 have one code
Tensor quantised(const Tensor& y, const Tensor& phi) { return 0.5 * round(2 * injective(y, phi)); }

Tensor model(const Tensor& xt, const Tensor& c) { return -0.7 * xt + tanh(0.5 * xt + 1.2 * c) + 0.3 * c; }
Tensor linear(const Tensor& xt, const Tensor& c) { return -0.6 * xt + 0.5 * c + 0.1; }

/// Every datum at every node of (eta, eps), with the three targets: t, and the scores of x_t given its y and given its c.
struct RawRows {
  Tensor xt, c, weight, t, given_y, given_c;
};
RawRows rows(const Pairs& p, Code f, const Tensor& phi, Options o) {
  const auto nodes = quadrature::product(quadrature::trapezoid(9, 0.2), 2, o);
  const int64_t m = p.x.extent(0), n = nodes.z.extent(0);
  const auto each = [&](const Tensor& by_datum, const Tensor& by_node) { return reshape(by_datum + unsqueeze(by_node, 0), {m * n, 1}); };
  const Tensor eta = select(nodes.z, 1, 0), eps = select(nodes.z, 1, 1), codes = f(p.y, phi);
  RawRows r;
  r.xt = each(p.x, sigma * eps), r.c = each(codes, tau * eta);
  r.weight = reshape(unsqueeze(exp(p.log_p), 1) * unsqueeze(nodes.weights, 0), {m * n});
  r.t = each(zeros({m, 1}, o), -eps / sigma);
  const Tensor slopes = (transpose(p.x) - r.xt) / (sigma * sigma);  // of log q(x_t | x_j)   [m n, m]
  const Tensor near = p.log_p - 0.5 * square(sigma * slopes);
  // Which data have this row's y: those of another one have no share.
  const Tensor same = p.y == transpose(p.y), allowed = reshape(broadcast_to(unsqueeze(same, 1), {m, n, m}), {m * n, m});
  const auto mean_slope = [&](const Tensor& log_share) { return sum(softmax(log_share, -1) * slopes, {1}, true); };
  r.given_y = mean_slope(where(allowed, near, -1e30));
  r.given_c = mean_slope(near - 0.5 * square((r.c - transpose(codes)) / tau));
  return r;
}
Tensor mean_of(const RawRows& r, const Tensor& by_row) { return sum(unsqueeze(r.weight, 1) * by_row); }
Tensor distance_to(const RawRows& r, const Tensor& target, Tensor (*s)(const Tensor&, const Tensor&) = model) {
  return mean_of(r, 0.5 * square(s(r.xt, r.c) - target));
}
Tensor phi_of(double first, Options o) { return from({first, -0.4}, o).requires_grad(); }

void raw_loss(Run& run) {
  const Options o = run.options();
  const auto slope = [=](Code f, Tensor RawRows::*target) {
    const Tensor phi = phi_of(0.9, o);
    const RawRows r = rows(pairs(o), f, phi, o);
    return Values(grad(distance_to(r, r.*target), phi));
  };
  run.statement("raw/gradient",
                "c = f(y) + τη with x, y given: ∇φ DSM = ∇φ ESM against p(x|y), for a code that tells all y apart and one that "
                "does not")
      .from("∇φ DSM", q,
            [=] {
              return joined({slope(injective, &RawRows::t), slope(even, &RawRows::t)});
            })
      .equals("∇φ ESM against p(x|y)", q,
              [=] {
                return joined({slope(injective, &RawRows::given_y), slope(even, &RawRows::given_y)});
              })
      .equals("central differences of DSM", q,
              [] {
                const Options wide{float64};
                const NoGrad off;
                Values out;
                for (Code f : {injective, even})
                  for (int64_t i = 0; i < 2; ++i) {
                    const auto moved = [&](double h) {
                      const RawRows r =
                          rows(pairs(wide), f, phi_of(0.9, wide) + h * from({i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0}, wide), wide);
                      return distance_to(r, r.t).item();
                    };
                    const double h = 1e-3;  // of order 4: the error is below 1e-11
                    out = joined({out, Values((8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h))});
                  }
                return out;
              })
      .differs("∇φ ESM against p(x|c)", [=] {
        return joined({slope(injective, &RawRows::given_c), slope(even, &RawRows::given_c)});
      });

  // DSM - ESM at two phi for each kind of code.
  const auto rest = [=](Tensor RawRows::*target) {
    const NoGrad off;
    Values out;
    for (Code f : {injective, even, quantised})
      for (double first : {0.9, -0.3}) {
        const RawRows r = rows(pairs(o), f, phi_of(first, o), o);
        out = joined({out, Values((distance_to(r, r.t) - distance_to(r, r.*target)).item())});
      }
    return out;
  };
  const auto c2_of = [=](Tensor RawRows::*target) {
    const NoGrad off;
    const RawRows r = rows(pairs(o), injective, phi_of(0.9, o), o);
    return mean_of(r, 0.5 * square(r.*target)).item();
  };
  run.statement("raw/constant", "DSM − ESM against p(x|y) = C3 − C2(y) for every code, injective, even or quantised: φ is not in it")
      .from("C3 − C2(y)", q,
            [=] {
              const double both = 0.5 / (sigma * sigma) - c2_of(&RawRows::given_y);
              return Values{both, both, both, both, both, both};
            })
      .equals("DSM − ESM against p(x|y)", q, [=] { return rest(&RawRows::given_y); })
      .differs("DSM − ESM against p(x|c)", [=] { return rest(&RawRows::given_c); });
  run.statement("raw/lost", "C2(y) − C2(c) ≥ 0: what the code lost of x")
      .from("C2(y)", q, [=] { return Values(c2_of(&RawRows::given_y)); })
      .at_most("C2(c)", [=] { return Values(c2_of(&RawRows::given_c)); });
  const auto codec = [=](Tensor RawRows::*target) {
    const Tensor phi = phi_of(0.9, o);
    const RawRows r = rows(own(o), injective, phi, o);
    const Tensor loss = distance_to(r, r.*target);
    return joined({Values(loss), Values(grad(loss, phi))});
  };
  run.statement("raw/codec", "y = x, a codec: s*(x_t|x) = t, so that DSM is its own explicit loss")
      .from("DSM and its gradient", q, [=] { return codec(&RawRows::t); })
      .equals("ESM against p(x|x)", q, [=] { return codec(&RawRows::given_y); });
}

void penalty(Run& run) {
  const Options o = run.options();
  constexpr double lambda = 0.35;
  const Tensor t = normal({7, 3}, Key(3), {float64}).to(o.dtype), at_u = normal({7, 3}, Key(4), {float64}).to(o.dtype);
  const auto by_row = [=](const std::function<Tensor(const Tensor&)>& loss) {
    const Tensor u = at_u.detach().requires_grad(), rows = loss(u);
    return joined({Values(rows), Values(grad(sum(rows), u))});
  };
  run.statement("penalty/jointly", "½|u − t|² + (λ/2)|u|² is DSM of (1 + λ)u, row by row, up to a scale and a constant")
      .from("with the penalty", Kind::closed_form,
            [=] { return by_row([=](const Tensor& u) { return sum(0.5 * square(u - t) + 0.5 * lambda * square(u), {1}); }); })
      .equals("DSM of (1 + λ)u", Kind::closed_form,
              [=] {
                return by_row([=](const Tensor& u) {
                  const Tensor scaled = sum(0.5 * square((1 + lambda) * u - t), {1}), constant = sum(square(t), {1});
                  return scaled / (1 + lambda) + lambda / (2 * (1 + lambda)) * constant;
                });
              })
      .differs("DSM of u", [=] { return by_row([=](const Tensor& u) { return sum(0.5 * square(u - t), {1}); }); });

  // Through the network's argument: x_t is fixed.
  const auto slope = [=](Tensor (*s)(const Tensor&, const Tensor&), const std::function<Tensor(const RawRows&, const Tensor&)>& loss) {
    const Tensor phi = phi_of(0.9, o);
    RawRows r = rows(pairs(o), injective, phi, o);
    r.xt = r.xt.detach().requires_grad();
    return Values(grad(mean_of(r, loss(r, s(r.xt, r.c))), phi));
  };
  const auto size = [](const RawRows&, const Tensor& s) { return 0.5 * square(s); };
  const auto dsm = [](const RawRows& r, const Tensor& s) { return 0.5 * square(s - r.t); };
  const auto divergence = [](const RawRows& r, const Tensor& s) { return grad(s, r.xt, {.seed = ones_like(s), .create_graph = true}); };
  run.statement("penalty/phi", "a penalty on φ alone follows ∇φ ½E|s|² = ∇φ DSM − ∇φ E div s")
      .from("∇φ ½E|s|²", q, [=] { return slope(model, size); })
      .equals("∇φ DSM − ∇φ E div s", q, [=] { return slope(model, dsm) - slope(model, divergence); })
      .differs("∇φ DSM", [=] { return slope(model, dsm); });
  run.statement("penalty/linear", "of a score that is linear in x_t the divergence does not move: then it is ∇φ DSM itself")
      .from("∇φ ½E|s|²", q, [=] { return slope(linear, size); })
      .equals("∇φ DSM", q, [=] { return slope(linear, dsm); });
}

// A field g seen through two cameras, x = A_k g: given the camera x is certain. Rows are both cameras with some noise each.
void cameras(Run& run) {
  const Options o = run.options();
  const Tensor views = from({1, 0, 0.5, 0, 1, -0.3, 0.2, 0.8, 0, -0.6, 0.1, 1}, {2, 2, 3}, o);  // [k, d, fields]
  const Tensor eps = normal({40, 2}, Key(5), {float64}).to(o.dtype);
  // (s - critic)' dx/dg for each row, and their sum by g.
  const auto pull = [=](const std::function<Tensor(int64_t k, const Tensor& x, const Tensor& xt)>& critic) {
    const Tensor g = from({0.4, -0.7, 1.1}, o).requires_grad();
    const Tensor x = matmul(views, g);  // [k, d]
    Values out;
    Tensor total;
    for (int64_t k = 0; k < 2; ++k) {
      const Tensor own = select(x, 0, k), xt = (own + sigma * eps).detach();
      const Tensor residual = (model(xt, zeros({1}, o)) - critic(k, x.detach(), xt)).detach();
      out = joined({out, Values(residual)});
      const Tensor part = sum(residual * own);
      total = total.defined() ? total + part : part;
    }
    return joined({out, Values(grad(total, g))});
  };
  const Tensor none = zeros({2, 2}, o);
  run.statement("camera/dirac",
                "VSD with the exact score given the camera is SDS, row by row: only the marginal over cameras has an entropy")
      .from("SDS", Kind::closed_form, [=] { return pull([=](int64_t, const Tensor&, const Tensor&) { return -eps / sigma; }); })
      .equals("VSD, the score of q(x_t | camera)", Kind::closed_form,
              [=] {
                return pull([=](int64_t k, const Tensor& x, const Tensor& xt) {
                  return Gaussian{select(x, 0, k), none}.noised(1, sigma).score(xt);
                });
              })
      .differs("VSD, the score of the marginal q(x_t)", [=] {
        return pull([=](int64_t, const Tensor& x, const Tensor& xt) {
          return Mixture{zeros({2}, o), x, zeros({2, 2, 2}, o)}.noised(1, sigma).score(xt);
        });
      });
}

}  // namespace

void raw_input(Run& run) {
  raw_loss(run);
  penalty(run);
  cameras(run);
}

}  // namespace scoregrad::verify
