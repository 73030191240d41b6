// Runs a planned list of calls: no graph, no allocation but the results', no reference counting.
#pragma once
#include <deque>

#include "autograd/compile/fast/band.h"
#include "autograd/compile/fast/launch.h"

namespace scoregrad::compiled {

class Replay {
 public:
  /// Takes the memory that the plan asks for and runs what needs to run only once.
  Replay(Sequence planned, OneLaunch use, Where at);
  /// False where an argument is at the same time something that the step has captured: the record knows them as two.
  bool takes(const Tensors& arguments) const;
  /// One step on these arguments, which must have the recorded shapes and layouts.
  Tensors run(const Tensors& arguments, Where at);
  const Sequence& sequence() const { return sequence_; }
  const Launch& launch() const { return launch_; }
  /// Bytes held between steps.
  int64_t held_bytes() const { return arena_bytes(sequence_) + launch_.bytes(); }

 private:
  struct Moving {
    void** pointer;
    int64_t offset;
  };

  void bind(size_t index);
  void make_all(Where at);

  Sequence sequence_;
  Launch launch_;
  Tensors arenas_;
  std::vector<char*> base_;     // by buffer: where it lies, in this step for what moves
  std::deque<Bound> bound_;     // the calls of each step that belong to no band, in order
  std::vector<size_t> before_;  // how many of them come before each band
  std::vector<BandReplay> bands_;
  std::vector<std::vector<Moving>> moving_;  // by buffer: for arguments and results
  std::vector<Storage*> written_;            // captured storages that the step writes
};

}  // namespace scoregrad::compiled
