// The pool that every tensor on the CPU and every scratch buffer of a kernel comes from.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

void* allocate(Where at, size_t bytes);
void release(void* data, size_t bytes) noexcept;
MemoryUse memory();
void reset_peak();
/// Gives all free blocks of the calling thread and of the common lists back to the system.
void empty_pool();

/// What fork() calls: no other thread may hold the pool while the process is copied.
void lock_pool();
void unlock_pool();

/// A buffer of n elements from the pool for the time of a kernel, uninitialised.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n)
      : bytes_(static_cast<size_t>(n) * sizeof(T)), data_(n > 0 ? static_cast<T*>(allocate({}, bytes_)) : nullptr) {}
  ~Scratch() { release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace scoregrad::on_cpu
