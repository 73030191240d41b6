// A counted run of bytes on a device, with the memory of who wrote it last.
#pragma once
#include <new>

#include "autograd/backend/contract.h"
#include "autograd/tensor/recorder.h"
#include "autograd/tensor/ref.h"

namespace scoregrad {

/// A few bytes on the CPU lie in the object itself: one block of the pool instead of two.
struct Storage : Counted {
  static constexpr size_t few = 64;
  static void* operator new(size_t bytes, std::align_val_t) { return Counted::operator new(bytes); }
  static void operator delete(void* p, size_t bytes, std::align_val_t) { Counted::operator delete(p, bytes); }

  Storage(Where at, size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  const Backend* backend;
  void* data;
  size_t bytes;
  Device device;
  uint32_t version = 0;          ///< counts in-place writes; a saved value compares it
  const char* last_writer = "";  ///< the in-place op that wrote last ...
  Where last_write;              ///< ... and the user's line

 private:
  alignas(64) char here_[few];
};
void destroy(Storage* s);

}  // namespace scoregrad
