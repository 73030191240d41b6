// What is wrong with the numbers that calls in a graph were given: these cannot wait to be told. A call leaves its verdict in a slot on the
// GPU, the graph's end copies the slots to the host, and whoever waits for the GPU next throws the Error that the call would have thrown.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backend/where.h"

namespace scoregrad::on_cuda {

/// The message of a verdict that is not 0.
using Say = std::function<std::string(unsigned long long)>;

/// The slots of one graph.
class Verdicts {
 public:
  Verdicts() = default;
  ~Verdicts();
  Verdicts(const Verdicts&) = delete;
  Verdicts& operator=(const Verdicts&) = delete;

  /// Makes the slots, which takes memory; before a capture.
  static void prepare();
  /// A slot that holds 0 until a call finds something wrong; null if none is left.
  unsigned long long* add(Where at, Say say);
  /// Enqueues the copy to the host.
  void fetch() const;

 private:
  friend void raise_verdicts(int64_t);
  friend void note_launch(const std::shared_ptr<Verdicts>&);
  struct Check {
    size_t slot;
    Where at;
    Say say;
  };
  std::vector<Check> checks_;
  int64_t launch_ = 0;  // the last one
};

/// The graph of these slots has been enqueued.
void note_launch(const std::shared_ptr<Verdicts>& verdicts);
/// Launches of such graphs that have been enqueued.
int64_t noted_launches();
/// Throws what the first `waited` launches found.
void raise_verdicts(int64_t waited);

}  // namespace scoregrad::on_cuda
