// Files as NumPy, safetensors and gzip write them beside what we write ourselves: data/generate.py makes them and knows what they hold.
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmath>
#include <csignal>

#include "autograd/files/encoding.h"
#include "autograd/files/idx.h"
#include "autograd/files/npy.h"
#include "autograd/files/npz.h"
#include "autograd/files/safetensors.h"
#include "autograd/ops/ops.h"
#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;

namespace {

const std::string data = "tests/autograd/files/data/";

void check_mixed(const std::string& path) {
  const LoadedTensors got = load_npz(path);
  REQUIRE(got.size() == 3);
  CHECK(apart(got.at("x"), from({1.5, -2})) == 0);
  CHECK(got.at("y").to_vector<int64_t>() == std::vector<int64_t>{4, 5});
  CHECK(got.at("count").to_vector<int64_t>() == std::vector<int64_t>{3, INT64_MAX});
  const Texts& rest = got.unread;
  CHECK(rest.size() == 8);
  CHECK(contains(rest.at("names"), "elements of '<U3' are not supported"));
  CHECK(contains(rest.at("z"), "'<c16'"));
  CHECK(rest.at("large") == "element 1 is 2^63 or more, which int64 cannot hold");
  CHECK(contains(rest.at("pairs"), "structured"));
  CHECK(contains(rest.at("objects"), "'|O'"));
  CHECK(contains(rest.at("when"), "'<M8[D]'"));
  CHECK(contains(rest.at("deep"), "rank 9 exceeds"));
  CHECK(contains(rest.at("README.txt"), "does not end in .npy"));
  CHECK(contains(message_of([&] { got.at("names"); }), "load_npz: '" + path + "': 'names' was not read: elements of '<U3'"));
  CHECK(contains(message_of([&] { got.at("w"); }), "'w' is not there; there are 'count' 'x' 'y' [at "));
}

bool same(float a, float b) { return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)); }

}  // namespace

TEST_CASE("foreign members of an archive do not keep the others from being read, and each is listed with the reason") {
  check_mixed(data + "mixed.npz");
#if SCOREGRAD_HAVE_ZLIB
  check_mixed(data + "mixed_deflated.npz");
  CHECK(contains(message_of([] { load_npz(data + "mixed_deflated.npz", 300); }), "more are allowed (the limit is 300)"));
#endif
}

TEST_CASE("tensors of a safetensors file that have foreign elements are listed, the others read") {
  const LoadedTensors got = load_safetensors(data + "eight_bits.safetensors");
  CHECK(got.size() == 5);
  CHECK(apart(got.at("x"), from({1.5, -2})) == 0);
  CHECK(got.at("count").to_vector<int64_t>() == std::vector<int64_t>{3, INT64_MAX});
  CHECK(got.unread.size() == 3);
  CHECK(contains(got.unread.at("z"), "elements of C64 are not supported"));
  CHECK(contains(got.unread.at("large"), "element 0 is 2^63 or more"));
  CHECK(contains(got.unread.at("deep"), "rank 9 exceeds"));
  CHECK(contains(message_of([&] { got.at("z"); }), "'z' was not read: elements of C64"));
}

TEST_CASE("all 256 values of each float of 8 bits are what ml_dtypes says") {
  const LoadedTensors got = load_safetensors(data + "eight_bits.safetensors");
  const std::vector<float> want = load_npy(data + "eight_bits.npy").to_vector<float>();
  size_t at = 0;
  for (const char* name : {"F8_E4M3", "F8_E5M2", "F8_E8M0"}) {
    CAPTURE(name);
    CHECK(got.at(name).dtype() == float32);
    for (float x : got.at(name).to_vector<float>()) CHECK(same(x, want[at++]));
  }
  CHECK(at == want.size());
}

TEST_CASE("a header that Python 2 wrote is read, one of version 3 that looks so is not") {
  CHECK(apart(load_npy(data + "python2.npy"), from({1.5, -2}, {2, 1})) == 0);
  const ScratchFile file("python3.npy");
  std::ifstream in(data + "python2.npy", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  bytes[6] = 3;
  bytes.insert(10, 2, '\0');
  file.write(bytes);
  CHECK(contains(message_of([&] { load_npy(file.path()); }), "')' expected"));
}

#if SCOREGRAD_HAVE_ZLIB
TEST_CASE("zeros between and after the members of a gzip file are passed over, and its expansion has a limit") {
  CHECK(load_idx(data + "padded.gz", int64).to_vector<int64_t>() == std::vector<int64_t>{3, 1, 4, 1, 5});
  CHECK(load_idx(data + "padded.gz", int64, 5).numel() == 5);
  CHECK(contains(message_of([] { load_idx(data + "padded.gz", int64, 4); }), "the header announces 5 bytes, 4 are allowed"));
}
#endif

TEST_CASE("names and texts that are not UTF-8 are neither written nor read") {
  const ScratchFile file("names");
  for (const std::string& bad : {std::string("w\xff"), std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
                                 std::string("\xf4\x90\x80\x80"), std::string("\xe0\x80\xaf"), std::string("\xc3"), std::string("\x80")}) {
    CAPTURE(printable(bad));
    CHECK_FALSE(is_utf8(bad));
    CHECK(contains(message_of([&] {
                     save_safetensors(file.path(), {{bad, ones({1})}});
                   }),
                   "the name '" + printable(bad) + "' of a tensor"));
    CHECK(contains(message_of([&] { save_safetensors(file.path(), {}, {{"key", bad}}); }), "metadata 'key' is not UTF-8"));
    CHECK(contains(message_of([&] { save_npz(file.path(), {{bad, ones({1})}}); }), "is not UTF-8"));
    std::string header = "{\"" + bad + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}";
    file.write(static_cast<char>(header.size()) + std::string(7, '\0') + header);
    CHECK(contains(message_of([&] { load_safetensors(file.path()); }), "is not UTF-8 at byte"));
  }
  CHECK(printable("w\xff\xc3\xa9") == "w\\xff\xc3\xa9");
  for (const char* good : {"", "w", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb2", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"})
    CHECK(is_utf8(good));
}

TEST_CASE("a pipe without a writer, a folder and a device are refused at once by every reader") {
  const ScratchFile pipe("pipe");
  REQUIRE(mkfifo(pipe.path().c_str(), 0600) == 0);
  alarm(20);  // a reader that waits for the pipe ends the test
  for (const std::string& path : {pipe.path(), std::string("/tmp"), std::string("/dev/zero")}) {
    CHECK(contains(message_of([&] { load_npy(path); }), "not a regular file"));
    CHECK(contains(message_of([&] { load_npz(path); }), "not a regular file"));
    CHECK(contains(message_of([&] { load_idx(path); }), "not a regular file"));
    CHECK(contains(message_of([&] { load_safetensors(path); }), "not a regular file"));
    CHECK(contains(message_of([&] { safetensors_metadata(path); }), "not a regular file"));
  }
  alarm(0);
}
