#include "autograd/files/npz.h"

#include "autograd/files/npy.h"
#include "autograd/ops/ops.h"
#include "scoregrad/config.h"
#include "tests/fuzz/reader.h"
#if SCOREGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

using namespace scoregrad;

std::vector<std::string> seeds() {
  const auto of = [](const NamedTensors& t) { return made([&](const std::string& path) { save_npz(path, t); }); };
  std::vector<std::string> out{of({}), of({{"x", ones({2})}}), of({{"a", ones({2})}, {"b", zeros({}, {.dtype = int64})}})};
#if SCOREGRAD_HAVE_ZLIB
  // The second archive with its member deflated: method 8 and the packed size in both headers, the directory's place at the end.
  std::string archive = out[1], array = made([](const std::string&path) { save_npy(path, ones({2})); });
  std::string packed(512, '\0');
  z_stream z{};
  if (deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  z.next_in = reinterpret_cast<Bytef*>(array.data());
  z.avail_in = static_cast<uInt>(array.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) std::abort();
  packed.resize(z.total_out);
  deflateEnd(&z);
  const size_t data = 30 + 5, directory = data + array.size(), end = archive.size() - 22;
  archive[8] = archive[directory + 10] = 8;
  archive[18] = archive[directory + 20] = static_cast<char>(packed.size());
  const size_t place = data + packed.size();
  archive[end + 16] = static_cast<char>(place & 255);
  archive[end + 17] = static_cast<char>(place >> 8);
  out.push_back(archive.replace(data, array.size(), packed));
#endif
  return out;
}
void read(const std::string& path) { load_npz(path); }
