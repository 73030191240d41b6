// What a limit of the address space (RLIMIT_AS, `ulimit -v`) leaves. The libraries below take large pieces of it lazily and crash, or try
// for ever, where they get none, and the rest of the program needs some to go on after an Error: both are seen to here.
#pragma once
#include <atomic>
#include <cstdint>

namespace scoregrad::on_cpu {

/// True once a limit was seen; asked again whenever memory comes from the system.
inline std::atomic<bool> space_is_limited{false};
/// Bytes that may still be mapped; a very large number without a limit.
int64_t space_left();

/// What large blocks and libraries leave to small blocks, and what those leave to everything else.
constexpr int64_t kept_for_small = int64_t{64} << 20, kept_for_all = int64_t{24} << 20;

/// Throws Error unless `bytes` and what is kept for small blocks are left; `who` wants them.
void demand_space(const char* who, int64_t bytes);
/// True if so many threads run already or their stacks would fit.
bool team_fits(int threads);

/// While alive, a call of BLAS by this thread has its buffer: mapped before the call, so that OpenBLAS need not look for one in vain.
class BlasCall {
 public:
  BlasCall() : counted_(space_is_limited.load(std::memory_order_relaxed)) {
    if (counted_) begin();
  }
  ~BlasCall() {
    if (counted_) end();
  }
  BlasCall(const BlasCall&) = delete;
  BlasCall& operator=(const BlasCall&) = delete;

 private:
  void begin();
  void end();
  bool counted_;
};

}  // namespace scoregrad::on_cpu
