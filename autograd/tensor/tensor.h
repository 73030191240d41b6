// What is a tensor? A cheap handle to a strided view of shared bytes. No arithmetic here: see autograd/ops/ops.h.
#pragma once
#include <string>
#include <type_traits>
#include <vector>

#include "autograd/tensor/storage.h"

namespace scoregrad {

struct Node;  // the step of a computation that made a tensor: autograd/graph/node.h
void add_reference(const Node* node);
bool drop_reference(const Node* node);
void destroy(Node* node);

/// Why an untracked tensor has no history: nothing tracked went into it, something did while nothing was recorded, or it comes from a
/// gradient that was not to have one.
enum class Untracked : uint8_t { constant, no_grad, gradient };

/// What handles share.
struct Body : Counted {
  Shape shape;
  Strides strides;
  int64_t offset = 0;  // in elements
  DType dtype = DType::float32;
  Untracked why = Untracked::constant;  // for messages; nothing depends on it
  Ref<Storage> storage;
  Ref<Node> producer;  // null: untracked
  std::string name;
};
void destroy(Body* b);

/// The place in x[i], with the line where it was written.
struct Index {
  template <class N, class = std::enable_if_t<std::is_integral_v<N>>>
  Index(N n, const char* file = __builtin_FILE(), int line = __builtin_LINE()) : i(static_cast<int64_t>(n)), at{file, line} {}
  int64_t i;
  Where at;
};

class Tensor {
 public:
  /// An empty handle; defined() is false and nothing else may be asked of it.
  Tensor() = default;
  explicit Tensor(Ref<Body> body) : body_(std::move(body)) {}

  bool defined() const { return static_cast<bool>(body_); }
  const Shape& shape() const { return body().shape; }
  /// Extent of one axis; negative axes count from the end.
  int64_t extent(int64_t axis, Where at = Where::here()) const { return shape()[normal_axis(at, "extent", axis, rank())]; }
  int rank() const { return body().shape.rank; }
  int64_t numel() const { return scoregrad::numel(body().shape); }
  DType dtype() const { return body().dtype; }
  Device device() const { return body().storage->device; }
  const Strides& strides() const { return body().strides; }
  bool is_contiguous() const { return scoregrad::is_contiguous(body().shape, body().strides); }

  /// Entry i of the first axis, which disappears; negative i count from the end. A view, differentiable.
  Tensor operator[](Index i) const;
  /// The value of a one-element tensor as a double; throws Error otherwise.
  double item(Where at = Where::here()) const;
  /// All elements in row-major order, copied to the host and converted.
  template <class T>
  std::vector<T> to_vector() const;

  /// Marks this tensor as a leaf whose gradient is wanted; returns itself. Throws Error unless it is floating and untracked.
  Tensor& requires_grad(Where at = Where::here()) &;
  Tensor requires_grad(Where at = Where::here()) &&;
  /// True if a gradient can flow through this tensor: it is a leaf that requires one, or was computed from such a leaf.
  bool tracked() const { return defined() && static_cast<bool>(body_->producer); }
  bool is_leaf() const;
  /// The op that computed this tensor, "leaf" for a leaf, "" if untracked.
  const char* made_by() const;
  /// The gradient that backward() has accumulated here: plain data without history; undefined if none.
  const Tensor& grad(Where at = Where::here()) const;
  void clear_grad();
  /// Asks backward() to keep this non-leaf's gradient in grad().
  Tensor& retain_grad(Where at = Where::here());
  /// The same values without history.
  Tensor detach() const;
  /// A name for listings, drawings and messages; returns itself.
  Tensor& named(const std::string& name) &;
  Tensor named(const std::string& name) &&;
  std::string name() const;
  /// Identity that names the path which uses it: grad_by_path splits gradients by these labels.
  Tensor tag(const std::string& label, Where at = Where::here()) const;
  /// Accumulates d(this)/d(leaf) into grad() of every leaf below; this must have one element.
  void backward(Where at = Where::here()) const;

  /// Differentiable copies to another device or element type; the tensor itself if nothing changes.
  Tensor to(Device device, Where at = Where::here()) const;
  Tensor to(DType dtype, Where at = Where::here()) const;

  // For the engine.
  Body& body() const {
    if (!body_) throw_undefined();
    return *body_;
  }
  Node* node() const { return body_ ? body_->producer.get() : nullptr; }
  const Backend& backend() const { return recorder ? recorder->table(device()) : *body().storage->backend; }
  char* bytes() const {
    if (recorder) recorder->seen(*body().storage);
    return static_cast<char*>(body().storage->data) + body().offset * static_cast<int64_t>(size_of(body().dtype));
  }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(bytes());
  }
  View view() const { return {bytes(), dtype(), shape(), strides()}; }
  /// True if no other handle and no other view shares the bytes, so that they may be written again.
  bool sole_owner() const { return body_->references() == 1 && body_->storage->references() == 1; }

 private:
  [[noreturn]] static void throw_undefined();
  Ref<Body> body_;
};
using Tensors = std::vector<Tensor>;

/// A new contiguous tensor with undefined contents, for the engine's own results.
Tensor allocate(Where at, const Shape& shape, DType dtype, Device device);
/// Another view of the same bytes, without history.
Tensor alias(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset);
inline Tensor alias(const Tensor& x) { return alias(x, x.shape(), x.strides(), x.body().offset); }
/// x itself if contiguous, else a contiguous copy; without history.
Tensor packed(const Tensor& x);

}  // namespace scoregrad
