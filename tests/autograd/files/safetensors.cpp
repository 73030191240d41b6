#include "autograd/files/safetensors.h"

#include <cmath>

#include "autograd/ops/ops.h"
#include "tests/autograd/files/damage.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {

// A file around a header's text.
Bytes file_of(const std::string& header, const Bytes& data) {
  Bytes s;
  for (int i = 0; i < 8; ++i) s += static_cast<char>(header.size() >> (8 * i) & 255);
  return s + header + data;
}
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
NamedTensors loaded(const Bytes& bytes) {
  const ScratchFile file("good.safetensors", bytes);
  return load_safetensors(file.path());
}
const Reader reader = [](const std::string& path) { load_safetensors(path); };
std::string text_of_error(const Bytes& bytes) { return refusal("load_safetensors", bytes, reader); }

// What safetensors 0.8.0 for Python writes for the tensors of `example` and the metadata {"format": "np"}.
const Bytes original = file_of(
    "{\"__metadata__\":{\"format\":\"np\"},\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F64\","
    "\"shape\":"
    "[1],\"data_offsets\":[8,16]},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[16,40]},\"\xc3\xa9\\\"x\":{\"dtype\":\"F32\","
    "\"shape\":[0,2],\"data_offsets\":[40,40]},\"on\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[40,42]}}       ",
    Bytes("\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0?\0\0\x80?\0\0\0\xc0\0\0@@\0\0\x80@\0\0\xa0@\0\0\xc0@\x01\0", 42));
NamedTensors example() {
  return {{"w", from({1, -2, 3, 4, 5, 6}, {2, 3})},
          {"b", from({0.5}, {.dtype = float64})},
          {"n", indices({7}, Shape{})},
          {"on", from({1, 0}, {.dtype = boolean})},
          {"\xc3\xa9\"x", zeros({0, 2})}};
}

}  // namespace

TEST_CASE("the bytes are those that the original library writes") {
  const ScratchFile file("original.safetensors");
  save_safetensors(file.path(), example(), {{"format", "np"}});
  CHECK(file.bytes() == original);
}

TEST_CASE("what the original library writes is read, names and metadata included") {
  const NamedTensors got = loaded(original), want = example();
  REQUIRE(got.size() == want.size());
  for (const auto& [name, x] : want) {
    CAPTURE(name);
    CHECK(got.at(name).dtype() == x.dtype());
    CHECK(apart(got.at(name), x) == 0);
  }
  const ScratchFile file("metadata.safetensors", original);
  CHECK(safetensors_metadata(file.path()) == Texts{{"format", "np"}});
}

TEST_CASE("every bit of a float survives, a view is saved in its own order, texts keep their special characters") {
  const ScratchFile file("round.safetensors");
  const Tensor x = from({INFINITY, -INFINITY, -0.0, NAN, 5e-324, 1e308}, {2, 3}, {.dtype = float64});
  const Texts metadata = {{"quote\" \\ / \b\f\n\r\t \x01", "\xf0\x9f\x8e\xb2"}, {"", ""}};
  save_safetensors(file.path(), {{"x", transpose(x)}}, metadata);
  const Tensor y = load_safetensors(file.path()).at("x");
  CHECK(y.shape() == Shape{3, 2});
  const std::vector<double> v = y.to_vector<double>();
  CHECK(v[0] == INFINITY);
  CHECK(std::isnan(v[1]));
  CHECK(v[2] == -INFINITY);
  CHECK(v[3] == 5e-324);
  CHECK((v[4] == 0 && std::signbit(v[4])));
  CHECK(v[5] == 1e308);
  CHECK(safetensors_metadata(file.path()) == metadata);
}

TEST_CASE("short element types are widened") {
  const NamedTensors got = loaded(file_of("{" + entry("i", "I32", "[1]", "[0,4]") + "," + entry("h", "F16", "[2]", "[4,8]") + "," +
                                              entry("z", "BF16", "[2]", "[8,12]") + "," + entry("u", "U8", "[1]", "[12,13]") + "}",
                                          Bytes("\xfd\xff\xff\xff\0>\0\xc0\xc0\x3f\x80\xff\xff", 13)));
  CHECK(got.at("i").to_vector<int64_t>() == std::vector<int64_t>{-3});
  CHECK(got.at("h").to_vector<double>() == std::vector<double>{1.5, -2});
  CHECK(got.at("h").dtype() == float32);
  CHECK(got.at("u").to_vector<int64_t>() == std::vector<int64_t>{255});
  const std::vector<double> brain = got.at("z").to_vector<double>();
  CHECK(brain[0] == 1.5);
  CHECK(brain[1] == -INFINITY);
}

TEST_CASE("a header may be spaced and escaped as JSON allows") {
  const NamedTensors got = loaded(
      file_of("{ \"\\u0077\\u00e9\\ud83c\\udfb2\" : { \"shape\" : [ 1 ] ,\n\"data_offsets\":[0, 1], \"dtype\":\"BOOL\" } }\t ", "\2"));
  CHECK(got.at("w\xc3\xa9\xf0\x9f\x8e\xb2").to_vector<double>() == std::vector<double>{1});
  CHECK(loaded(file_of("{}", "")).empty());
}

TEST_CASE("a header that is not of the format is refused with its byte") {
  const std::string w = entry("w", "F32", "[1]", "[0,4]");
  CHECK(contains(text_of_error("hello, this is text"), "at most 10^8"));
  CHECK(contains(text_of_error(Bytes("\x08\0\0\0\0\0\0\0[1,2,3] ", 16)), "does not begin with '{' at byte 8"));
  CHECK(contains(text_of_error(file_of("{" + w + ",}", "1234")), "'\"' expected at byte 62"));
  CHECK(contains(text_of_error(file_of("{" + w + "} x", "1234")), "text after the object"));
  CHECK(contains(text_of_error(file_of("{" + w, "1234")), "'}' expected"));
  CHECK(contains(text_of_error(file_of("{" + w + "," + w + "}", "1234")), "\"w\" is repeated"));
  CHECK(contains(text_of_error(file_of("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "")), "\"dtype\" of tensor 'w' is repeated"));
  CHECK(contains(text_of_error(file_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", "")), "lacks one of"));
  CHECK(contains(text_of_error(file_of("{\"w\":{\"type\":\"F32\"}}", "")), "unknown key \"type\""));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[-1]", "[0,4]") + "}", "1234")), "a natural number expected"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[01]", "[0,4]") + "}", "1234")), "a natural number expected"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[1.0]", "[0,4]") + "}", "1234")), "']' expected"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[1]", "[4,0]") + "}", "1234")), "no interval"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[1]", "[4]") + "}", "1234")), "no interval"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[99999999999999999999]", "[0,4]") + "}", "1234")), "overflows"));
  CHECK(contains(text_of_error(file_of("{\"__metadata__\":{\"a\":1}}", "")), "'\"' expected"));
  CHECK(contains(text_of_error(file_of("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", "")), "repeated"));
  CHECK(contains(text_of_error(file_of("{\"\\ud83c\":{}}", "")), "surrogate"));
  CHECK(contains(text_of_error(file_of("{\"\\u12g4\":{}}", "")), "hexadecimal"));
  CHECK(contains(text_of_error(file_of("{\"\\x\":{}}", "")), "unknown escape"));
  CHECK(contains(text_of_error(file_of("{\"a\nb\":{}}", "")), "control character"));
  CHECK(contains(text_of_error(file_of("{\"abc", "")), "without its closing quote"));
}

TEST_CASE("tensors that overlap, leave gaps or have another size than their shape are refused") {
  const auto two = [](const std::string& a, const std::string& b, size_t bytes) {
    return text_of_error(file_of("{" + entry("a", "F32", "[1]", a) + "," + entry("b", "F32", "[1]", b) + "}", Bytes(bytes, 'x')));
  };
  CHECK(contains(two("[0,4]", "[0,4]", 4), "tensor 'b' overlaps another"));
  CHECK(contains(two("[2,6]", "[0,4]", 6), "tensor 'a' overlaps another"));
  CHECK(contains(two("[0,4]", "[8,12]", 12), "tensor 'b' leaves a gap"));
  CHECK(contains(two("[4,8]", "[8,12]", 12), "tensor 'a' leaves a gap"));
  CHECK(contains(two("[0,4]", "[4,8]", 9), "too long"));
  CHECK(contains(two("[0,4]", "[4,8]", 7), "truncated: the tensors need 8 bytes"));
  CHECK(two("[4,8]", "[0,4]", 8).empty());
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[2]", "[0,4]") + "}", "1234")), "shape [2] needs 8 bytes"));
}

TEST_CASE("sizes are compared with the file before memory is taken") {
  CHECK(contains(text_of_error(Bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)), "at most 10^8"));
  CHECK(contains(text_of_error(Bytes("\0\0\0\x05\0\0\0\0{}", 10)), "a header of 83886080 bytes is announced at byte 0, 2 are left"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F64", "[4294967296,4294967296]", "[0,4]") + "}", "1234")), "overflows"));
  CHECK(contains(text_of_error(file_of("{" + entry("w", "F32", "[1000000000000]", "[0,4000000000000]") + "}", "1234")), "truncated"));
}

TEST_CASE("a safetensors file cut anywhere throws, with any byte changed it throws or loads") {
  refuses_cuts(original, reader);
  CHECK(reads_of_changed(original, Bytes("\0\xff\x39\"}", 5), reader) >= 42 * 5);  // at least the elements may be anything
}

TEST_CASE("what the format cannot hold is not written") {
  const ScratchFile file("none.safetensors");
  CHECK_THROWS_AS(save_safetensors(file.path(), {{"__metadata__", ones({1})}}), Error);
  CHECK_THROWS_AS(save_safetensors(file.path(), {{"x", Tensor()}}), Error);
  CHECK_FALSE(std::filesystem::exists(file.path()));
}
