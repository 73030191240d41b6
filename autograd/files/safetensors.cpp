// A safetensors file: the length of the header in 8 bytes, a JSON object padded with spaces to a multiple of 8, the elements.
#include "autograd/files/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "autograd/files/encoding.h"
#include "autograd/files/safetensors_header.h"

namespace scoregrad {
namespace {

const char* code_of(DType t) { return t == DType::float32 ? "F32" : t == DType::float64 ? "F64" : t == DType::int64 ? "I64" : "BOOL"; }
// The original library writes wide elements first, and among those of one width in this order.
int place_of(DType t) { return t == DType::int64 ? 0 : t == DType::float64 ? 1 : t == DType::float32 ? 2 : 3; }

struct Layout {
  std::vector<const NamedTensors::value_type*> order;
  std::string header;
};
Layout layout_of(const std::string& path, const NamedTensors& tensors, const Texts& metadata, Where at) {
  const auto refuse = [&](const std::string& why) { throw Error(at, fmt::format("save_safetensors: '{}': {}", path, why)); };
  Layout layout;
  auto& [order, header] = layout;
  for (const auto& entry : tensors) {
    if (!is_utf8(entry.first)) refuse(fmt::format("the name '{}' of a tensor is not UTF-8", printable(entry.first)));
    if (!entry.second.defined()) refuse(fmt::format("tensor '{}' is undefined", entry.first));
    if (entry.first == "__metadata__") refuse(fmt::format("tensor '{}' has a name that the format reserves", entry.first));
    order.push_back(&entry);
  }
  for (const auto& [key, text] : metadata)
    if (!is_utf8(key) || !is_utf8(text)) refuse(fmt::format("metadata '{}' is not UTF-8", printable(key)));
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return place_of(a->second.dtype()) < place_of(b->second.dtype()); });

  header += '{';
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
  if (header.size() > 100'000'000) refuse("the header exceeds 10^8 bytes");
  return layout;
}

}  // namespace

void check_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata, Where at) {
  layout_of(path, tensors, metadata, at);
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata, Where at) {
  const auto [order, header] = layout_of(path, tensors, metadata, at);
  OutputFile file(path, "save_safetensors", at);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  file.write(length, 8);
  file.write(header.data(), header.size());
  for (const auto* entry : order) {
    const std::vector<char> bytes = host_bytes(entry->second, at);
    file.write(bytes.data(), bytes.size());
  }
  file.finish();
}

LoadedTensors load_safetensors(const std::string& path, Where at) {
  InputFile file(path, "load_safetensors", at);
  LoadedTensors out;
  out.source = "load_safetensors: '" + path + "'";
  const SafetensorsHeader header = read_safetensors_header(file);
  for (const SafetensorsEntry& e : header.entries) try {  // in the order of their bytes
      if (!e.foreign.empty()) file.foreign(e.foreign);
      const Tensor y = allocate(at, e.shape, natural_dtype(e.encoding), cpu);
      file.seek(header.data + e.begin);
      decode_into(file, y, e.encoding, [&](void* to, int64_t n) { file.read(to, n, "the elements"); });
      out.emplace(e.name, y);
    } catch (const Foreign& reason) {
      out.unread.emplace(e.name, reason.why);
    }
  return out;
}

Texts safetensors_metadata(const std::string& path, Where at) {
  InputFile file(path, "load_safetensors", at);
  return read_safetensors_header(file).metadata;
}

}  // namespace scoregrad
