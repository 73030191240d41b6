// Keys of the counter-based random numbers: no hidden state, the same key gives the same numbers on every device.
#pragma once
#include <concepts>
#include <string_view>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Two 32-bit words that choose a stream of Philox4x32-10. They live on the host, or in a tensor so that a recorded step can change them.
class Key {
 public:
  explicit Key(uint64_t seed) : words_{{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, nullptr} {}
  /// The two words of an int64 [2] tensor, read when numbers are drawn; throws Error for any other tensor.
  explicit Key(const Tensor& words, Where at = Where::here());

  /// An independent key for every number ...
  Key fold(std::integral auto data) const { return folded(static_cast<uint64_t>(data)); }
  /// ... and for every name.
  Key fold(std::string_view name) const;
  /// fold(0), ..., fold(count - 1).
  std::vector<Key> split(int64_t count) const;

  /// The words as an int64 [2] tensor.
  Tensor tensor(Device device = default_device(), Where at = Where::here()) const;
  /// What a backend takes.
  KeyWords words() const;
  bool lives_in_tensor() const { return tensor_.defined(); }

 private:
  Key folded(uint64_t data) const;
  KeyWords words_{{0, 0}, nullptr};
  Tensor tensor_;
};

}  // namespace scoregrad
