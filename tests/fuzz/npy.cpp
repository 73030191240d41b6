#include "autograd/files/npy.h"

#include "autograd/ops/ops.h"
#include "tests/fuzz/reader.h"

using namespace scoregrad;

std::vector<std::string> seeds() {
  const auto of = [](const Tensor& x) { return made([&](const std::string& path) { save_npy(path, x); }); };
  const std::string rest = "', 'fortran_order': True, 'shape': (2, 1), }\n";
  return {of(ones({2, 3})), of(arange(0, 4, 1, {.dtype = int64})), of(zeros({}, {.dtype = boolean})), of(zeros({0, 2}, {.dtype = float64})),
          std::string("\x93NUMPY\3\0\x38\0\0\0", 12) + "{'descr': '>f2" + rest + std::string("\x3e\0\xc0\0", 4)};
}
void read(const std::string& path) { load_npy(path); }
