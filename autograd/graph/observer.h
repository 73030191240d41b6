// Watching a computation: an observer hears of every value when it is computed and of every cotangent when a sweep meets it.
#pragma once
#include <span>

#include "autograd/graph/cotangent.h"
#include "autograd/graph/mode.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Installed for its lifetime on this thread; observers nest, the innermost is heard.
class Observer {
 public:
  Observer() : outer_(mode.observer) { mode.observer = this; }
  virtual ~Observer() { mode.observer = outer_; }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// `y` was computed by `op` for the user's line `at`.
  virtual void computed(const char* op, Where at, const Tensor& y) = 0;
  /// A reverse sweep is about to pull `g` through `node`.
  virtual void swept(const Node& node, const Tensor& g) = 0;
  /// The rule of `node` has made these cotangents of its operands.
  virtual void pulled(const Node&, std::span<const Cotangent>) {}

 private:
  Observer* outer_;
};

/// Throws Error at the first value or cotangent that is not finite, naming the op and the user's line, and the way out where a gradient of
/// 0 met an infinite slope.
class Anomaly final : public Observer {
 public:
  void computed(const char* op, Where at, const Tensor& y) override;
  void swept(const Node&, const Tensor& g) override { arriving_ = g; }
  void pulled(const Node& node, std::span<const Cotangent> operand_cotangents) override;

 private:
  Tensor arriving_;  // the cotangent that the rule is being given
};

}  // namespace scoregrad
