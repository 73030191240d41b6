// Optimisers that move by the gradient: each keeps its state and its rate in tensors and writes the parameters in place, so that a recorded
// step sees no host number that changes. Each lists its state as a module does, so that it can be saved and loaded.
#pragma once
#include "nn/schedule.h"

namespace scoregrad::nn {

/// Gradients scaled so that their joint norm is at most `bound`:  g min(1, bound / |g|), also where |g| itself overflows. Throws Error
/// unless bound > 0.
Tensors clipped(const Tensors& grads, double bound, Where at = Where::here());

/// What all optimisers have.
class Optimiser {
 public:
  Tensor rate;   ///< 0-d float64; write to it to change the rate, unless it follows a schedule
  Tensor steps;  ///< 0-d float64: steps taken
  const Tensors& parameters() const { return parameters_; }

 protected:
  /// Throws Error unless every parameter is a leaf that requires a gradient, there is one, and the rate is a number of at least 0. So do
  /// the constructors of all optimisers for options that are no such numbers: averages in [0, 1), epsilon positive, decay not negative.
  Optimiser(const char* name, Tensors parameters, Rate rate, Where at);
  /// Throws Error unless there is one gradient for each parameter, like it; then counts the step and brings the rate up to date.
  void begin(const Tensors& grads, Where at);
  void begin(Where at);
  Tensors zeros_for_each() const;

 private:
  const char* name_;
  Tensors parameters_;
  Schedule follow_;
};

struct SGDOptions {
  Rate rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;  ///< L2: weight_decay p joins the gradient
};
/// m <- momentum m + g,  p <- p - rate m; with nesterov p <- p - rate (g + momentum m)   (Sutskever et al. 2013, as in PyTorch).
class SGD : public Optimiser {
 public:
  explicit SGD(Tensors parameters, SGDOptions options = {}, Where at = Where::here());
  /// One step; grads in the order of the parameters. Throws Error if they do not fit, before anything is written.
  void step(const Tensors& grads, Where at = Where::here());
  static void fields(auto& m, auto visit) {
    visit("rate", m.rate);
    visit("steps", m.steps);
    visit("momenta", m.momenta_);
  }

 private:
  Tensors momenta_;
  SGDOptions options_;
};

struct AdamOptions {
  Rate rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  ///< L2: weight_decay p joins the gradient; see AdamW
};
/// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p <- p - rate m^ / (sqrt(v^) + epsilon), where m^ and v^ are divided by
/// 1 - beta^steps   (Kingma & Ba 2015). Of v it keeps the root, so that no square overflows.
class Adam : public Optimiser {
 public:
  explicit Adam(Tensors parameters, AdamOptions options = {}, Where at = Where::here());
  void step(const Tensors& grads, Where at = Where::here());
  static void fields(auto& m, auto visit) {
    visit("rate", m.rate);
    visit("steps", m.steps);
    visit("first", m.first_);
    visit("roots", m.roots_);
  }

 protected:
  Adam(const char* name, Tensors parameters, AdamOptions options, bool decoupled, Where at);

 private:
  Tensors first_, roots_;
  AdamOptions options_;
  bool decoupled_;
};

struct AdamWOptions {
  Rate rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  ///< decoupled: p <- p (1 - rate weight_decay) before the step
};
/// Adam with the decay of the weights outside the averages   (Loshchilov & Hutter 2019).
class AdamW : public Adam {
 public:
  explicit AdamW(Tensors parameters, const AdamWOptions& options = {}, Where at = Where::here());
};

struct RMSpropOptions {
  Rate rate = 0.01;
  double alpha = 0.99, epsilon = 1e-8, momentum = 0;
  bool centred = false;     ///< divide by the standard deviation of the gradient instead of its root mean square
  double weight_decay = 0;  ///< L2: weight_decay p joins the gradient
};
/// v <- alpha v + (1 - alpha) g^2,  m <- momentum m + g / (sqrt(v) + epsilon),  p <- p - rate m   (Hinton 2012, as in PyTorch).
/// Of v it keeps the root.
class RMSprop : public Optimiser {
 public:
  explicit RMSprop(Tensors parameters, RMSpropOptions options = {}, Where at = Where::here());
  void step(const Tensors& grads, Where at = Where::here());
  static void fields(auto& m, auto visit) {
    visit("rate", m.rate);
    visit("steps", m.steps);
    visit("roots", m.roots_);
    visit("means", m.means_);
    visit("momenta", m.momenta_);
  }

 private:
  Tensors roots_, means_, momenta_;
  RMSpropOptions options_;
};

}  // namespace scoregrad::nn
