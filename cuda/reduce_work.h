// What the host tells a reduction's kernel. C++17, nothing but <cstdint>.
#pragma once
#include "cuda/loop.h"

namespace scoregrad::on_cuda {

struct Work {
  int64_t outputs, elements;  // elements: reduced into each output
  int64_t chunk, chunks;      // elements of a chunk, chunks of an output
  int32_t team;               // threads of a team, a power of two up to 64
  int32_t across;             // neighbouring threads belong to neighbouring outputs, not to the same one
};
/// Where results go: to `out` where an output is one chunk, else to `table`.
struct Target {
  void* out;
  void* table;
  Extents kept;
  int64_t stride[1][most_dims];
};

}  // namespace scoregrad::on_cuda
