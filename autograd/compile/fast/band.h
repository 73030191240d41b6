// Runs a band: its calls for one block of rows after another, the blocks shared out among the threads.
#pragma once
#include <memory>

#include "autograd/compile/bound.h"

namespace scoregrad::compiled {

class BandReplay {
 public:
  /// Band `index` of a planned sequence, which must outlive this.
  BandReplay(const Sequence& s, size_t index, Where at);
  ~BandReplay();
  BandReplay(BandReplay&&) noexcept;
  /// bases[b]: where buffer b lies in this step; null for the band's own.
  void run(const std::vector<char*>& bases, Where at);

 private:
  struct Worker;
  void work(int64_t i, int worker) const;

  const Sequence* sequence_;
  size_t index_;
  std::vector<std::unique_ptr<Worker>> workers_;  // each thread binds the calls for itself
  const std::vector<char*>* bases_ = nullptr;     // of the step that is running
};

}  // namespace scoregrad::compiled
