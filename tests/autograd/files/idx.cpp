#include "autograd/files/idx.h"

#include "scoregrad/config.h"
#include "tests/autograd/files/damage.h"

using namespace scoregrad;

namespace {

const Bytes images("\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x00\x01\x02\xfd\xfe\xff", 18);
[[maybe_unused]] const Bytes compressed(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x63\x60\xe0\x60\x62\x60\x60\x00\x61\x66\x06\x46\xa6\xbf\xff\xfe\x03\x00\xc9\x60\x42\x58\x12"
    "\x00\x00\x00",
    36);

std::string text_of_error(const Bytes& bytes, DType dtype = float32) {
  return refusal("load_idx", bytes, [&](const std::string& path) { load_idx(path, dtype); });
}
const Reader reader = [](const std::string& path) { load_idx(path); };

}  // namespace

TEST_CASE("pixels keep their values, labels can be asked for as int64") {
  const ScratchFile file("images", images);
  const Tensor x = load_idx(file.path());
  CHECK(x.dtype() == float32);
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.to_vector<double>() == std::vector<double>{0, 1, 2, 253, 254, 255});
  CHECK(load_idx(file.path(), int64).dtype() == int64);
  CHECK(load_idx(file.path(), int64).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 253, 254, 255});
}

TEST_CASE("all six element types of IDX are read") {
  const auto values = [](char code, const Bytes& elements, char count) {
    const ScratchFile file("types", Bytes("\0\0", 2) + code + '\x01' + Bytes("\0\0\0", 3) + count + elements);
    return load_idx(file.path(), float64).to_vector<double>();
  };
  CHECK(values(0x08, Bytes("\x80\x01", 2), 2) == std::vector<double>{128, 1});
  CHECK(values(0x09, Bytes("\x80\x01", 2), 2) == std::vector<double>{-128, 1});
  CHECK(values(0x0b, Bytes("\xff\xfe", 2), 1) == std::vector<double>{-2});
  CHECK(values(0x0c, Bytes("\x00\x01\x00\x00", 4), 1) == std::vector<double>{65536});
  CHECK(values(0x0d, Bytes("\x3f\xc0\x00\x00", 4), 1) == std::vector<double>{1.5});
  CHECK(values(0x0e, Bytes("\xbf\xf8\0\0\0\0\0\0", 8), 1) == std::vector<double>{-1.5});
}

TEST_CASE("what is not a complete IDX file is refused with its name and the fault") {
  CHECK(contains(text_of_error("P5 2 3 255 ......"), "does not begin with two zero bytes"));
  CHECK(contains(text_of_error(Bytes("\0\0\x07\x01\0\0\0\x01.", 9)), "0x07"));
  CHECK(contains(text_of_error(Bytes("\0\0\x08\x00.", 5)), "rank 0"));
  CHECK(contains(text_of_error(Bytes("\0\0\x08\x09.", 5)), "rank 9"));
  CHECK(contains(text_of_error(images + "x"), "announces 6 bytes, the file has 7"));
  CHECK(contains(text_of_error(Bytes("\0\0\x08\x01\xff\xff\xff\xff", 8)), "announces 4294967295 bytes, the file has 0"));
  CHECK(contains(text_of_error(Bytes("\0\0\x0e\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20)), "overflows"));
  CHECK(contains(text_of_error(Bytes("\0\0\x0d\x01\0\0\0\x01\x3f\xc0\0\0", 12), int64), "cannot be read as int64"));
  CHECK(contains(text_of_error(images, boolean), "cannot be read as bool"));
}

TEST_CASE("an IDX file cut anywhere throws") { refuses_cuts(images, reader); }

#if SCOREGRAD_HAVE_ZLIB
TEST_CASE("a gzip-compressed IDX file reads like the plain one") {
  const ScratchFile file("images.gz", compressed);
  CHECK(load_idx(file.path()).to_vector<double>() == std::vector<double>{0, 1, 2, 253, 254, 255});
}

TEST_CASE("a compressed file cut or changed anywhere throws or reads the same") {
  refuses_cuts(compressed, reader);
  const ScratchFile file("changed.gz");
  for (size_t n = 0; n < compressed.size(); ++n) {
    std::string changed = compressed;
    changed[n] = static_cast<char>(changed[n] ^ 0x10);
    file.write(changed);
    try {
      const std::vector<double> values = load_idx(file.path()).to_vector<double>();
      CHECK(values == std::vector<double>{0, 1, 2, 253, 254, 255});
    } catch (const Error&) {
    }
  }
  CHECK(contains(text_of_error(compressed + "junk"), "damaged"));
}

TEST_CASE("a compressed file that goes beyond its header, or whose header claims what it cannot hold, is refused") {
  CHECK(contains(text_of_error(compressed + compressed), "more elements"));
  const Bytes bomb("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x63\x60\xe0\x60\xfc\x0f\x04\x8c\x4c\xcc\x00\xe4\x6a\x9b\xd4\x0b\x00\x00\x00",
                   29);  // announces 2^32 - 1 bytes
  CHECK(contains(text_of_error(bomb), "more than"));
}
#else
TEST_CASE("without zlib a compressed file is refused with a remedy") {
  CHECK(contains(text_of_error(Bytes("\x1f\x8b....", 6)), "unpack it first"));
}
#endif
