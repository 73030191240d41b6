// Generated kernels in memory: each is made once a program, from the disk's cache or by NVRTC.
#pragma once
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "cuda/module.h"
#include "cuda/source.h"

namespace scoregrad::on_cuda {

/// The kernel known by `key`, or else the one called `name` in text().
CUfunction generated_kernel(const char* op, const std::string& key, const char* name, const std::function<std::string()>& text);

/// Appends to `key` all of a call that its text depends on.
void describe(std::string& key, const Call& call, int outputs, const Reach& reach);

/// The bytes of a kernel's one parameter. Everything that goes in is a multiple of 8 bytes long.
class Parameter {
 public:
  template <class T>
  void add(const T& value) {
    static_assert(sizeof(T) % 8 == 0 && alignof(T) <= 8);
    append(&value, sizeof(T));
  }
  /// A program's constants, one at least, in the program's type.
  void add_numbers(const Program& program);
  /// Throws Error where it is more than a kernel takes: 4096 bytes, which is some fifty operands of different strides, or 32764 where
  /// toolkit and driver are of CUDA 12.1 or newer.
  void launch(const char* op, CUfunction kernel, int64_t blocks, unsigned threads);

 private:
  void append(const void* value, size_t size) {
    words_.resize(words_.size() + size / 8);
    std::memcpy(words_.data() + words_.size() - size / 8, value, size);
  }
  std::vector<uint64_t> words_;
};

}  // namespace scoregrad::on_cuda
