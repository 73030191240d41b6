#include "autograd/files/idx.h"

#include "scoregrad/config.h"
#include "tests/fuzz/reader.h"
#if SCOREGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

using namespace scoregrad;

std::vector<std::string> seeds() {
  const std::string images("\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x00\x01\x02\xfd\xfe\xff", 18);
  std::vector<std::string> out{images, std::string("\0\0\x0d\x01\0\0\0\x01?\xc0\0\0", 12), std::string("\0\0\x09\x01\0\0\0\0", 8)};
#if SCOREGRAD_HAVE_ZLIB
  out.push_back(made([&](const std::string& path) {
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, images.data(), static_cast<unsigned>(images.size()));
    gzclose(file);
  }));
#endif
  return out;
}
void read(const std::string& path) { load_idx(path); }
