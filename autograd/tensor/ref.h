// Counted references. A count is atomic only once the process has a second thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

#include "autograd/backend/contract.h"
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define SCOREGRAD_ONE_THREAD __libc_single_threaded
#else
#define SCOREGRAD_ONE_THREAD false
#endif

namespace scoregrad {

/// Base of shared objects; copies do not inherit the count. They come from the CPU's pool: malloc's own cache is a few objects deep, and a
/// graph frees all its nodes at once.
class Counted {
 public:
  static void* operator new(size_t bytes) { return cpu_backend().allocate({}, bytes); }
  static void operator delete(void* p, size_t bytes) { cpu_backend().release(p, bytes); }

  Counted() = default;
  Counted(const Counted&) {}
  Counted& operator=(const Counted&) { return *this; }

  void add_reference() const {
    if (SCOREGRAD_ONE_THREAD)
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_relaxed);
  }
  /// True when the last reference has gone.
  bool drop_reference() const {
    if (!SCOREGRAD_ONE_THREAD) return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    const uint32_t left = count_.load(std::memory_order_relaxed) - 1;
    count_.store(left, std::memory_order_relaxed);
    return left == 0;
  }
  uint32_t references() const { return count_.load(std::memory_order_acquire); }

 private:
  mutable std::atomic<uint32_t> count_{0};
};

inline void add_reference(const Counted* c) { c->add_reference(); }
inline bool drop_reference(const Counted* c) { return c->drop_reference(); }

/// An owning pointer. Counting and destroy(T*) are found by argument-dependent lookup, so that T may be incomplete where it is only held.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(T* p) : p_(p) {
    if (p_) add_reference(p_);
  }
  Ref(const Ref& o) : Ref(o.p_) {}
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() {
    if (p_ && drop_reference(p_)) destroy(p_);
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  T* p_ = nullptr;
};

}  // namespace scoregrad
