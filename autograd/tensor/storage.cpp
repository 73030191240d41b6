#include "autograd/tensor/storage.h"

namespace scoregrad {

Storage::Storage(Where at, size_t size, Device where)
    : backend(&scoregrad::backend(where, at)),
      data(size <= few && where == cpu ? here_ : backend->allocate(at, size)),
      bytes(size),
      device(where) {
  if (recorder) recorder->born(*this, at);
}

Storage::~Storage() {
  if (recorder) recorder->died(*this);
  if (data != here_) backend->release(data, bytes);
}

void destroy(Storage* s) { delete s; }

}  // namespace scoregrad
