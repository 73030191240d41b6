// Sorting for kernels that need an order of their own.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

/// What is sorted: a number that orders as the element does, and where the element stood. Positions decide between equals, which makes the
/// order total and any sort a stable one.
struct alignas(16) Item {
  uint64_t key;
  int64_t position;
};

/// The power of two that a line of n items is padded to.
int64_t padded_length(int64_t n);

/// items[line][k] from the element k along `axis` of every line of `in`, lines in row-major order of the other axes; NaN last, ties by
/// position, padding behind everything.
void make_items(const char* op, Item* items, const View& in, int axis, bool descending);

/// Sorts lines of `padded` items, a power of two.
void sort_items(const char* op, Item* items, int64_t lines, int64_t padded);

}  // namespace scoregrad::on_cuda
