// Observers that measure: what passes through each step of a computation, and how long the steps take.
#pragma once
#include <map>
#include <optional>

#include "autograd/graph/node.h"
#include "autograd/graph/observer.h"

namespace scoregrad {

/// While alive, remembers the norm of every value computed and of every cotangent swept; each is copied to the host, so use it to look,
/// not to train. The last sweep counts.
class GradFlow final : public Observer {
 public:
  /// What passed one step.
  struct Passage {
    std::string name, op;
    Shape shape;
    std::string value;                     ///< as text where it has at most four elements
    std::optional<double> value_norm;      ///< |y|, the Euclidean norm over all elements
    std::optional<double> cotangent_norm;  ///< |dL/dy|
  };
  void computed(const char* op, Where at, const Tensor& y) override;
  void swept(const Node& node, const Tensor& g) override;

  /// By node id, which is the order of computation.
  const std::map<uint64_t, Passage>& passages() const { return passages_; }
  /// |dL/dx| of every named tensor that a sweep met.
  std::map<std::string, double> gradients() const;

 private:
  std::map<uint64_t, Passage> passages_;
};
/// A table of the named tensors: name, shape, |value|, |gradient|.
std::string to_string(const GradFlow& flow);

/// While alive, adds up the time from one result to the next under the op that computed the latter. On a GPU that is the time to launch.
class Timer final : public Observer {
 public:
  struct Total {
    int64_t count = 0;
    double seconds = 0;
  };
  Timer();
  void computed(const char* op, Where at, const Tensor& y) override;
  void swept(const Node&, const Tensor&) override {}
  const std::map<std::string, Total>& totals() const { return totals_; }

 private:
  double last_;
  std::map<std::string, Total> totals_;
};
/// A table, the costliest op first: op, count, milliseconds, share.
std::string to_string(const Timer& timer);

}  // namespace scoregrad
