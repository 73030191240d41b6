// A counted run of bytes on a device, with the memory of who wrote it last.
#pragma once
#include "autograd/backend/contract.h"
#include "autograd/tensor/recorder.h"
#include "autograd/tensor/ref.h"

namespace scoregrad {

struct Storage : Counted {
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
};
void destroy(Storage* s);

}  // namespace scoregrad
