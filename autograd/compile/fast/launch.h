// A step as one launch: a device that can take calls down (Backend::begin_graph) takes down the step's once and runs them together from
// then on. A launch knows fixed addresses only, so arguments and results lie in memory of its own, into and out of which they are copied.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "autograd/backend/machine.h"
#include "autograd/compile/call.h"

namespace scoregrad::compiled {

class Launch {
 public:
  Launch(const Sequence& planned, OneLaunch use, Where at);
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  /// What stands against it; empty if the step is or will be one launch.
  const std::string& obstacle() const { return obstacle_; }
  /// Where its calls find the first byte of a buffer that moves.
  char* first_byte(size_t buffer) const;
  /// One step, with the memory of arguments and results by buffer. make() makes all calls: the first time they run, so that kernels are
  /// compiled and libraries loaded; the second time they are taken down.
  void run(const std::vector<Ref<Storage>>& memory, const std::function<void()>& make);
  /// Bytes held between steps, besides what the calls take for themselves.
  int64_t bytes() const { return own_.defined() ? own_.numel() : 0; }

 private:
  // The bytes of an argument or result that the step touches, and where they lie here.
  struct Moved {
    size_t buffer;
    int64_t begin, bytes, at;
    bool in, out;
  };

  void decide(const Sequence& s, OneLaunch use);
  void find_moved(const Sequence& s);
  void copy(const Moved& m, const Storage& there, bool in) const;
  void take_down(const std::function<void()>& make);
  void forget();

  Where at_;  // the step's first line
  std::string obstacle_;
  const Backend* backend_ = nullptr;
  Device device_;
  std::vector<Moved> moved_;
  Tensor own_;
  CallGraph* graph_ = nullptr;
  bool warm_ = false;
  MatmulPrecision precision_{};
};

}  // namespace scoregrad::compiled
