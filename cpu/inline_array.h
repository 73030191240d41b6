// Room for n elements, on the stack where n is small: an interpreter's tables for a call of a microsecond.
#pragma once
#include <cstdint>
#include <memory>
#include <type_traits>

namespace scoregrad::on_cpu {

/// n uninitialised elements; without allocation up to N of them.
template <class T, int64_t N>
class InlineArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit InlineArray(int64_t n) : heap_(n > N ? new T[static_cast<size_t>(n)] : nullptr), data_(heap_ ? heap_.get() : inline_) {}
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  T* data() { return data_; }

 private:
  std::unique_ptr<T[]> heap_;
  T* data_;
  T inline_[N];
};

}  // namespace scoregrad::on_cpu
