// Random tensors from explicit keys. Element i of a stream is a function of key and i alone: `offset` counts elements, so a draw may be
// cut into chunks. No gradient flows into a draw.
#pragma once
#include "autograd/tensor/create.h"
#include "autograd/tensor/key.h"

namespace scoregrad {

/// Uniform on [0, 1).
Tensor uniform(const Shape& shape, const Key& key, Options options = {}, uint64_t offset = 0, Where at = Where::here());
/// N(0, 1).
Tensor normal(const Shape& shape, const Key& key, Options options = {}, uint64_t offset = 0, Where at = Where::here());
/// +1 or -1, each with probability 1/2.
Tensor rademacher(const Shape& shape, const Key& key, Options options = {}, uint64_t offset = 0, Where at = Where::here());
/// Integers of [low, high), of the options' type; int64 where none are given.
Tensor integers(int64_t low, int64_t high, const Shape& shape, const Key& key, Options options = {.dtype = DType::int64},
                uint64_t offset = 0, Where at = Where::here());
/// 0, ..., n - 1 in random order, int64.
Tensor permutation(int64_t n, const Key& key, Device device = default_device(), Where at = Where::here());

}  // namespace scoregrad
