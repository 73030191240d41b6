// Gradients as functions of tensors: what users call. Everything here is a short use of the two sweeps.
#pragma once
#include <functional>
#include <map>

#include "autograd/graph/node.h"

namespace scoregrad {

struct GradOptions {
  Tensor seed = {};           ///< the cotangent of y; may stay undefined if y has one element
  bool create_graph = false;  ///< leave history on the gradients, so that they can be differentiated again
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
GradByPath grad_by_path(const Tensor& y, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());
std::vector<GradByPath> grad_by_path(const Tensor& y, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());

using Function = std::function<Tensor(const Tensor&)>;
using Functions = std::function<Tensor(const Tensors&)>;
struct ValueAndGrad {
  Tensor value;
  Tensors grads;
};
/// f(xs) and its gradients; f gets fresh leaves that share the bytes of xs.
ValueAndGrad value_and_grad(const Functions& f, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());

/// The tangent of y for given tangents of xs, by one forward sweep over the graph that computed y: sum of (dy/dx) v. Zeros if y does not
/// depend on xs.
Tensor pushforward(const Tensor& y, const Tensors& xs, const Tensors& vs, bool create_graph = false, Where at = Where::here());
/// The same, split by tagged paths.
GradByPath pushforward_by_path(const Tensor& y, const Tensor& x, const Tensor& v, bool create_graph = false, Where at = Where::here());

struct ValueAndTangent {
  Tensor value, tangent;
};
/// f(x) and J v.
ValueAndTangent jvp(const Function& f, const Tensor& x, const Tensor& v, bool create_graph = false, Where at = Where::here());
struct ValueAndCotangent {
  Tensor value, cotangent;
};
/// f(x) and J' u.
ValueAndCotangent vjp(const Function& f, const Tensor& x, const Tensor& u, bool create_graph = false, Where at = Where::here());
/// The Hessian of a scalar f times v, forward over reverse.   [like x]
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v, bool create_graph = false, Where at = Where::here());

/// Calls f on the cotangent of x whenever a reverse sweep has completed it; a defined result replaces it.
void register_hook(const Tensor& x, std::function<Tensor(const Tensor&)> f, Where at = Where::here());

}  // namespace scoregrad
