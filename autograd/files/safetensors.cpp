// A safetensors file: the length of the header in 8 bytes, a JSON object padded with spaces to a multiple of 8, the elements.
#include "autograd/files/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "autograd/files/safetensors_header.h"

namespace scoregrad {
namespace {

const char* code_of(DType t) { return t == DType::float32 ? "F32" : t == DType::float64 ? "F64" : t == DType::int64 ? "I64" : "BOOL"; }
// The original library writes wide elements first, and among those of one width in this order.
int place_of(DType t) { return t == DType::int64 ? 0 : t == DType::float64 ? 1 : t == DType::float32 ? 2 : 3; }

}  // namespace

void save_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata, Where at) {
  std::vector<const NamedTensors::value_type*> order;
  for (const auto& entry : tensors) {
    if (!entry.second.defined() || entry.first == "__metadata__")
      throw Error(at, fmt::format("save_safetensors: '{}': tensor '{}' {}", path, entry.first,
                                  entry.second.defined() ? "has a name that the format reserves" : "is undefined"));
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return place_of(a->second.dtype()) < place_of(b->second.dtype()); });

  std::string header = "{";
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, text] : metadata) pairs.push_back(json_quoted(key) + ":" + json_quoted(text));
    header += fmt::format("\"__metadata__\":{{{}}}", fmt::join(pairs, ","));
  }
  int64_t begin = 0;
  for (const auto* entry : order) {
    const Tensor& x = entry->second;
    const int64_t end = begin + x.numel() * static_cast<int64_t>(size_of(x.dtype()));
    header += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", header.size() > 1 ? "," : "",
                          json_quoted(entry->first), code_of(x.dtype()), fmt::join(x.shape().begin(), x.shape().end(), ","), begin, end);
    begin = end;
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > 100'000'000) throw Error(at, fmt::format("save_safetensors: '{}': the header exceeds 10^8 bytes", path));

  OutputFile file(path, "save_safetensors", at);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  file.write(length, 8);
  file.write(header.data(), header.size());
  for (const auto* entry : order) {
    const std::vector<char> bytes = host_bytes(entry->second);
    file.write(bytes.data(), bytes.size());
  }
  file.finish();
}

NamedTensors load_safetensors(const std::string& path, Where at) {
  InputFile file(path, "load_safetensors", at);
  NamedTensors out;
  for (const SafetensorsEntry& e : read_safetensors_header(file).entries) {  // in the order of their bytes
    const Tensor y = allocate(at, e.shape, natural_dtype(e.encoding), cpu);
    decode_into(y, e.encoding, [&](void* to, int64_t n) { file.read(to, n, "the elements"); });
    out.emplace(e.name, y);
  }
  return out;
}

Texts safetensors_metadata(const std::string& path, Where at) {
  InputFile file(path, "load_safetensors", at);
  return read_safetensors_header(file).metadata;
}

}  // namespace scoregrad
