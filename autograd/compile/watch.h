// What the library's own loops - `train`, the samplers, `decompose` - tell of how their steps ran, for whoever wants to know.
#pragma once
#include <cstdint>
#include <string>

namespace scoregrad {

/// Hears, for its lifetime and on its thread, of every loop (for_loop) that ends. Watches nest, and all of them hear.
class LoopWatch {
 public:
  LoopWatch();
  ~LoopWatch();
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;

  /// Steps that were replays of a record.
  int64_t replayed() const { return replayed_; }
  /// Why steps could not be recorded; empty if they could.
  const std::string& refusal() const { return refusal_; }
  /// A loop has ended: what CompiledLoop calls.
  static void ended(int64_t replayed, const std::string& refusal);

 private:
  LoopWatch* outer_;
  int64_t replayed_ = 0;
  std::string refusal_;
};

}  // namespace scoregrad
