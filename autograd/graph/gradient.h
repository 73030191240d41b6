// Gradients as functions of tensors: what users call. Everything here is a short use of the two sweeps. A function of one tensor is a
// Function, one of several is a list's: all of these take either.
#pragma once
#include <functional>
#include <map>

#include "autograd/graph/node.h"

namespace scoregrad {

/// What all derivatives take. `seed` and `allow_unused` concern the gradients of a result (grad, grad_by_path, value_and_grad); the others
/// refuse a seed and answer zeros for what f does not depend on.
struct GradOptions {
  Tensor seed = {};           ///< the cotangent of y; may stay undefined if y has one element
  bool create_graph = false;  ///< leave history on the results, so that they can be differentiated again
  bool allow_unused = false;  ///< a gradient of zeros, instead of an Error, for what y does not depend on
};

/// d<seed, y>/dx for each x, shaped like x. Throws Error if y or an x is untracked, or y has several elements and no seed.
Tensors grad(const Tensor& y, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());
Tensor grad(const Tensor& y, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

/// A gradient split by the tagged paths it took; the path "" is the untagged rest.
struct GradByPath {
  std::map<std::string, Tensor> by_path;
  Tensor total;
  /// The part along one path; zeros if nothing took it.
  Tensor along(const std::string& path) const;
};
/// d y/dx by path from one sweep: a part is named after the tag nearest y, "near/far" where tags nest; the parts sum to the total.
std::vector<GradByPath> grad_by_path(const Tensor& y, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());
GradByPath grad_by_path(const Tensor& y, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

/// The tangent of y for given tangents of xs, by one forward sweep over the graph that computed y: sum of (dy/dx) v. Zeros if y does not
/// depend on xs.
Tensor pushforward(const Tensor& y, const Tensors& xs, const Tensors& vs, const GradOptions& options = {}, Where at = Where::here());
Tensor pushforward(const Tensor& y, const Tensor& x, const Tensor& v, const GradOptions& options = {}, Where at = Where::here());
/// The same, split by tagged paths.
GradByPath pushforward_by_path(const Tensor& y, const Tensors& xs, const Tensors& vs, const GradOptions& options = {},
                               Where at = Where::here());
GradByPath pushforward_by_path(const Tensor& y, const Tensor& x, const Tensor& v, const GradOptions& options = {},
                               Where at = Where::here());

// Transforms of functions. f gets fresh leaves that share the bytes of its arguments; with create_graph tracked arguments stand for
// themselves.
using Function = std::function<Tensor(const Tensor&)>;
using Functions = std::function<Tensor(const Tensors&)>;

struct ValueAndGrads {
  Tensor value;
  Tensors grads;
};
struct ValueAndGrad {
  Tensor value, grad;
};
/// f(xs) and its gradients.
ValueAndGrads value_and_grad(const Functions& f, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());
ValueAndGrad value_and_grad(const Function& f, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

struct ValueAndTangent {
  Tensor value, tangent;
};
/// f(xs) and sum of J_i v_i.
ValueAndTangent jvp(const Functions& f, const Tensors& xs, const Tensors& vs, const GradOptions& options = {}, Where at = Where::here());
ValueAndTangent jvp(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options = {}, Where at = Where::here());

struct ValueAndCotangents {
  Tensor value;
  Tensors cotangents;
};
struct ValueAndCotangent {
  Tensor value, cotangent;
};
/// f(xs) and J_i' u for each x.
ValueAndCotangents vjp(const Functions& f, const Tensors& xs, const Tensor& u, const GradOptions& options = {}, Where at = Where::here());
ValueAndCotangent vjp(const Function& f, const Tensor& x, const Tensor& u, const GradOptions& options = {}, Where at = Where::here());

/// The Hessian of a scalar f times v, forward over reverse: for each x_i the sum over j of (d2f/dx_i dx_j) v_j, shaped like x_i.
Tensors hvp(const Functions& f, const Tensors& xs, const Tensors& vs, const GradOptions& options = {}, Where at = Where::here());
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options = {}, Where at = Where::here());

/// Calls f on the cotangent of x whenever a reverse sweep has completed it; a defined result replaces it.
void register_hook(const Tensor& x, std::function<Tensor(const Tensor&)> f, Where at = Where::here());

}  // namespace scoregrad
