// Runs a planned list of calls: no graph, no allocation but the results', no reference counting.
#pragma once
#include "autograd/compile/launch.h"

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

 private:
  // A call with its operands as the backend takes them. The pointers into memory that changes from step to step are set before each.
  struct Bound {
    const Call* call;
    Program program;
    std::vector<Access> in_access, out_access;
    std::vector<View> in, out;
  };
  struct Moving {
    void** pointer;
    int64_t offset;
  };

  void bind(size_t index);
  void make(const Bound& b) const;

  Sequence sequence_;
  Launch launch_;
  Tensor arena_[2];
  std::vector<Bound> bound_;
  std::vector<std::vector<Moving>> moving_;  // by buffer: for arguments and results
  std::vector<Storage*> written_;            // captured storages that the step writes
};

}  // namespace scoregrad::compiled
