#include "autograd/files/safetensors.h"

#include "autograd/ops/ops.h"
#include "tests/fuzz/reader.h"

using namespace scoregrad;

std::vector<std::string> seeds() {
  const auto of = [](const NamedTensors& t, const Texts& metadata) {
    return made([&](const std::string& path) { save_safetensors(path, t, metadata); });
  };
  const std::string escaped = "{\"\\u0077\\ud83c\\udfb2\":{\"shape\":[1],\"data_offsets\":[0,2],\"dtype\":\"BF16\"}}";
  return {of({}, {}), of({{"w", ones({2, 3})}, {"n", zeros({}, {.dtype = int64})}}, {{"format", "np"}, {"\n", "\"\\"}}),
          of({{"on", zeros({3}, {.dtype = boolean})}, {"none", zeros({0})}}, {}),
          static_cast<char>(escaped.size()) + std::string(7, '\0') + escaped + "\x80?"};
}
void read(const std::string& path) {
  load_safetensors(path);
  safetensors_metadata(path);
}
