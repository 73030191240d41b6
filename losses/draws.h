// What an expectation is taken over: from standard normals, or quadrature nodes in their place, to x_t, the targets and the condition of
// one set-up, everything on the path it belongs to.
#pragma once
#include <functional>
#include <optional>
#include <variant>

#include "distributions/quadrature.h"
#include "losses/setup.h"

namespace scoregrad::losses {

/// n weighted rows; sums over them estimate, or are, expectations.
struct Draws {
  Tensor weight;  ///< [n]
  Tensor xt;      ///< [n, d]
  Tensor t;       ///< [n, w, d]: grad log q(x_t | x) for w equally likely x given x_t
  Tensor c;       ///< [n, m], untagged; undefined without a condition
  Tensor target;  ///< s*(x_t, c) [n, d]
};

struct Noising {
  Number alpha, sigma;
};

/// A law made of Gaussians or of points as a batch over conditions: a leading axis, of extent one where there is no batch. Points with
/// spread are a mixture.
using LawBatch = std::variant<distributions::Mixture, distributions::FiniteData>;
/// Nothing for a distribution of another kind.
std::optional<LawBatch> as_batch(const distributions::AnyDistribution& law);

/// How one set-up is drawn from.
struct Plan {
  int64_t dim = 0;       ///< d
  int64_t normals = 0;   ///< how many standard normals one row of noise has
  int64_t rows = 1;      ///< how many draws one row of noise becomes
  Options options = {};  ///< element type and device
  std::function<Draws(const distributions::quadrature::Nodes& noise, const Key& key)> draw;
};
/// Monte Carlo draws x, then x_t, as they arise. The exact plans have one row for each component or datum, and for Gaussian components draw
/// x_t first and then, exactly in the second moments, x given x_t. Of a law of another kind the exact plan takes its nodes as points.
/// `at` is the line that asked, for messages and for the nodes of the draws.
Plan plan(const Generated& setup, const Noising& level, bool exact, Where at);
Plan plan(const FreeCondition& setup, const Noising& level, bool exact, Where at);
Plan plan(const InputDistribution& setup, const Noising& level, bool exact, Where at);
Plan plan(const distributions::LinearEncoder& setup, const Noising& level, bool exact, Where at);
Plan plan(const distributions::NoisyEncoder& setup, const Noising& level, bool exact, Where at);

}  // namespace scoregrad::losses
