#include "autograd/tensor/key.h"

#include <fmt/format.h>

#include "autograd/tensor/create.h"

namespace scoregrad {

Key::Key(const Tensor& words, Where at) : tensor_(words) {
  if (words.dtype() != DType::int64 || words.shape() != Shape{2} || !words.is_contiguous())
    throw Error(at, fmt::format("Key: the words must be a contiguous int64 tensor of shape [2], not {} {}", name_of(words.dtype()),
                                to_string(words.shape())));
}

KeyWords Key::words() const {
  KeyWords w = words_;
  if (tensor_.defined()) w.address = tensor_.data<int64_t>();
  return w;
}

Key Key::folded(uint64_t data) const {
  auto number = static_cast<int64_t>(data);
  if (tensor_.defined()) {
    const Tensor in = indices({number}, Shape{}, tensor_.device());
    Tensor out = allocate({}, {2}, DType::int64, tensor_.device());
    out.backend().call({}, calls::Fold{out.view(), words(), in.view()});
    return Key(out);
  }
  int64_t out[2];
  cpu_backend().call({}, calls::Fold{{out, DType::int64, {2}, {1}}, words_, {&number, DType::int64, {}, {}}});
  Key key(0);
  for (int i = 0; i < 2; ++i) key.words_.words[i] = static_cast<uint32_t>(out[i]);
  return key;
}

Key Key::fold(std::string_view name) const {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return folded(hash);
}

std::vector<Key> Key::split(int64_t count) const {
  std::vector<Key> keys;
  for (int64_t i = 0; i < count; ++i) keys.push_back(fold(i));
  return keys;
}

Tensor Key::tensor(Device device, Where at) const {
  if (tensor_.defined()) return tensor_;
  return indices({words_.words[0], words_.words[1]}, device, at);
}

}  // namespace scoregrad
