#include "autograd/files/npy.h"

#include <cmath>

#include "autograd/ops/ops.h"
#include "tests/autograd/files/damage.h"

using namespace scoregrad;

namespace {

// A .npy file of any version around a header's text.
std::string npy(const std::string& dictionary, const std::string& elements, int version = 1) {
  std::string s = "\x93NUMPY";
  s += static_cast<char>(version);
  s += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) s += static_cast<char>(dictionary.size() >> (8 * i) & 255);
  return s + dictionary + elements;
}
std::string header(const std::string& element, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + element + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }\n";
}
const Reader reader = [](const std::string& path) { load_npy(path); };
std::string text_of_error(const Bytes& bytes) { return refusal("load_npy", bytes, reader); }
template <class T>
std::vector<T> loaded(const std::string& bytes) {
  const ScratchFile file("good.npy", bytes);
  return load_npy(file.path()).to_vector<T>();
}

}  // namespace

TEST_CASE("every element type and shape comes back as it was saved") {
  const ScratchFile file("round.npy");
  const DType dtype = GENERATE(float32, float64, int64, boolean);
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0, 3}, Shape{2, 3}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
    std::vector<double> values;
    for (int64_t i = 0; i < numel(shape); ++i) values.push_back(static_cast<double>(i % 3) - 1);
    const Tensor x = from(values, shape, {.dtype = dtype});
    save_npy(file.path(), x);
    const Tensor y = load_npy(file.path());
    CHECK(y.dtype() == dtype);
    CHECK(y.shape() == shape);
    CHECK(y.to_vector<double>() == x.to_vector<double>());
  }
}

TEST_CASE("special values keep their bits, a view is saved in its own order") {
  const ScratchFile file("special.npy");
  const Tensor x = from({INFINITY, -INFINITY, -0.0, NAN, 5e-324, 1e308}, {2, 3}, {.dtype = float64});
  save_npy(file.path(), transpose(x));
  const std::vector<double> v = load_npy(file.path()).to_vector<double>();
  CHECK(v[0] == INFINITY);
  CHECK(std::isnan(v[1]));
  CHECK(v[2] == -INFINITY);
  CHECK(v[3] == 5e-324);
  CHECK((v[4] == 0 && std::signbit(v[4])));
  CHECK(v[5] == 1e308);
}

TEST_CASE("the bytes are those that numpy.save writes") {
  const ScratchFile file("bytes.npy");
  save_npy(file.path(), from({1, 2, 3, 4, 5, 6}, {2, 3}));
  std::string expected = Bytes("\x93NUMPY\x01\x00\x76\x00", 10) + "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  expected.resize(127, ' ');
  expected += '\n';
  expected += Bytes("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40\x00\x00\xa0\x40\x00\x00\xc0\x40", 24);
  CHECK(file.bytes() == expected);
}

TEST_CASE("foreign element types, byte orders and header versions are converted") {
  CHECK(loaded<int64_t>(npy(header("<i4", "(2,)"), Bytes("\xfe\xff\xff\xff\x07\x00\x00\x00", 8))) == std::vector<int64_t>{-2, 7});
  CHECK(loaded<int64_t>(npy(header(">i2", "(2,)"), Bytes("\xff\xfe\x01\x00", 4), 2)) == std::vector<int64_t>{-2, 256});
  CHECK(loaded<int64_t>(npy(header("|u1", "(2,)"), "\xff\x01", 3)) == std::vector<int64_t>{255, 1});
  CHECK(loaded<int64_t>(npy(header("|i1", "(1,)"), "\x80")) == std::vector<int64_t>{-128});
  CHECK(loaded<int64_t>(npy(header("<u4", "(1,)"), "\xff\xff\xff\xff")) == std::vector<int64_t>{4294967295});
  CHECK(loaded<double>(npy(header(">f8", "()"), Bytes("\xbf\xf8\0\0\0\0\0\0", 8))) == std::vector<double>{-1.5});
  CHECK(loaded<double>(npy(header("|b1", "(3,)"), Bytes("\0\1\2", 3))) == std::vector<double>{0, 1, 1});
  const std::vector<double> half = loaded<double>(npy(header("<f2", "(5,)"), Bytes("\x00\x3e\x01\x00\x00\xfc\xff\x7b\x01\x7e", 10)));
  CHECK(half[0] == 1.5);
  CHECK(half[1] == std::ldexp(1, -24));
  CHECK(half[2] == -INFINITY);
  CHECK(half[3] == 65504);
  CHECK(std::isnan(half[4]));
  CHECK(loaded<double>(npy("{\"shape\":(1,),\"descr\":\"<f4\",\"fortran_order\":False}", Bytes("\0\0\x80\x3f", 4))) ==
        std::vector<double>{1});
}

TEST_CASE("Fortran order is read in the logical order") {
  const ScratchFile file("fortran.npy", npy(header("|u1", "(2, 3)", true), "\1\2\3\4\5\6"));
  const Tensor x = load_npy(file.path());
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.is_contiguous());
  CHECK(x.to_vector<int64_t>() == std::vector<int64_t>{1, 3, 5, 2, 4, 6});
}

TEST_CASE("what is not a .npy file of numbers is refused with its name and the fault") {
  CHECK(contains(text_of_error("PK\3\4 something else"), "does not begin with"));
  CHECK(contains(text_of_error(Bytes("\x93NUMPY\x09\x00\x00\x00", 10)), "version 9.0"));
  CHECK(contains(text_of_error(npy(header("<c8", "(1,)"), "12345678")), "'<c8' are not supported"));
  CHECK(contains(text_of_error(npy(header("|O", "(1,)"), "12345678")), "not supported"));
  CHECK(contains(text_of_error(npy(header("<U3", "(1,)"), "123456789012")), "not supported"));
  CHECK(contains(text_of_error(npy(header("<c8", "(1,)"), "12345678")), "not supported"));
  CHECK(contains(text_of_error(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234")), "structured"));
  CHECK(contains(text_of_error(npy("{'descr': '<f4', 'shape': (1,), }", "1234")), "missing"));
  CHECK(contains(text_of_error(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "1234")), "repeated"));
  CHECK(contains(text_of_error(npy(header("<f4", "(1,)") + "import os", "1234")), "after the dictionary"));
  CHECK(contains(text_of_error(npy(header("<f4", "(-1,)"), "1234")), "not a number"));
  CHECK(contains(text_of_error(npy(header("<f4", "(1,1,1,1,1,1,1,1,1)"), "1234")), "rank 9"));
  CHECK(contains(text_of_error(npy(header("<f4", "(2,)"), "123456789")), "needs 8 bytes, the file has 9"));
}

TEST_CASE("a shape that overflows, or claims more than the file has, allocates nothing") {
  CHECK(contains(text_of_error(npy(header("<f4", "(4294967296, 4294967296)"), "")), "overflows"));
  CHECK(contains(text_of_error(npy(header("<f4", "(99999999999999999999,)"), "")), "overflows"));
  CHECK(contains(text_of_error(npy(header("<f4", "(0, 4294967296, 4294967296)"), "")), "overflows"));
  CHECK(contains(text_of_error(npy(header("<f4", "(1000000000000000,)"), "1234")), "the file has 4"));
  CHECK(contains(text_of_error(Bytes("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12)), "a header of 4294967295 bytes is announced, 0 are left"));
}

TEST_CASE("a file cut anywhere throws, a file with any byte changed throws or loads") {
  const std::string whole = npy(header("<f4", "(2,)"), "12345678");
  refuses_cuts(whole, reader);
  int survived = 0;
  reads_of_changed(whole, Bytes("\0\xff\x39(' ", 6), [&](const std::string& path) { survived += load_npy(path).numel() == 2; });
  CHECK(survived >= 8 * 6);  // at least the elements may be anything
}

TEST_CASE("files that cannot be opened or written are errors, and nothing half-written remains") {
  CHECK_THROWS_AS(load_npy("/nonexistent/file.npy"), Error);
  CHECK_THROWS_AS(load_npy("/dev/zero"), Error);
  CHECK_THROWS_AS(load_npy("/"), Error);
  CHECK_THROWS_AS(save_npy("/nonexistent/file.npy", ones({2})), Error);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("scoregrad-folder-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder / "taken.npy" / "inside");
  CHECK_THROWS_AS(save_npy((folder / "taken.npy").string(), ones({2})), Error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}
