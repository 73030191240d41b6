#include "autograd/files/npz.h"

#include "autograd/ops/ops.h"
#include "scoregrad/config.h"
#include "tests/autograd/files/damage.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {

Bytes padded(Bytes header) {
  header.resize(117, ' ');
  return header + '\n';
}

// numpy.savez(f, x=float32 [1, 2], k=int64 3) of numpy 2.4: sizes in place left to zip64 fields.
const Bytes stored =
    Bytes(
        "PK\3\4-\0\0\0\0\0\0\0!\0\x9a\xca\xab\xe7\xff\xff\xff\xff\xff\xff\xff\xff\5\0\x14\0x."
        "npy\1\0\x10\0\x88\0\0\0\0\0\0\0\x88\0\0\0\0\0\0\0",
        55) +
    Bytes("\x93NUMPY\1\0v\0", 10) + padded("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }") + Bytes("\0\0\x80?\0\0\0@", 8) +
    Bytes(
        "PK\3\4-\0\0\0\0\0\0\0!\0\xd9\xb6\xba\xe8\xff\xff\xff\xff\xff\xff\xff\xff\5\0\x14\0k."
        "npy\1\0\x10\0\x88\0\0\0\0\0\0\0\x88\0\0\0\0\0\0\0",
        55) +
    Bytes("\x93NUMPY\1\0v\0", 10) + padded("{'descr': '<i8', 'fortran_order': False, 'shape': (), }") + Bytes("\3\0\0\0\0\0\0\0", 8) +
    Bytes("PK\1\2-\3-\0\0\0\0\0\0\0!\0\x9a\xca\xab\xe7\x88\0\0\0\x88\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\x80\1\0\0\0\0x.npy", 51) +
    Bytes("PK\1\2-\3-\0\0\0\0\0\0\0!\0\xd9\xb6\xba\xe8\x88\0\0\0\x88\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\x80\1\xbf\0\0\0k.npy", 51) +
    Bytes("PK\5\6\0\0\0\0\2\0\2\0f\0\0\0~\1\0\0\0\0", 22);
// numpy.savez_compressed(f, x=numpy.arange(40.0) // 8).
[[maybe_unused]] const Bytes deflated = Bytes(
    "PK\x03\x04-\x00\x00\x00\x08\x00\x00\x00!\x00\x10\xd9\xc4\x16\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00\x14\x00x.npy\x01\x00\x10\x00\xc0"
    "\x01\x00\x00\x00\x00\x00\x00V\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P\xad\x9e\x92Z\x9c\\\xa4n\xa5\xa0n\x93"
    "f\xa1\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\x9f_\x94\x92\n\x12wK\xcc)N\x05\x8a\x17g$\x16\xa4\x02\xf9\x1a&\x06:\x9a:\n\xb5\n\xe4\x03.\x06"
    "\xaa\x80\x0f\xf6\x94\xd1\x0c\x0e\x94\xd1\x1c\x14\xd2\x02"
    "d\xd3\x00PK\x01\x02-\x03-\x00\x00\x00\x08\x00\x00\x00!\x00\x10\xd9\xc4\x16V\x00\x00\x00\xc0\x01\x00\x00\x05\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00x.npyPK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"
    "3\x00\x00\x00\x8d\x00\x00\x00\x00\x00",
    214);

LoadedTensors loaded(const Bytes& bytes) {
  const ScratchFile file("good.npz", bytes);
  return load_npz(file.path());
}
const Reader reader = [](const std::string& path) { load_npz(path); };
std::string text_of_error(const Bytes& bytes) { return refusal("load_npz", bytes, reader); }
Bytes changed(Bytes s, size_t at, const Bytes& to) { return s.replace(at, to.size(), to); }
constexpr size_t directory = 0x17e;  // where that of `stored` begins; 51 bytes an entry, 22 for the end

}  // namespace

TEST_CASE("what numpy.savez writes is read") {
  const NamedTensors got = loaded(stored);
  REQUIRE(got.size() == 2);
  CHECK(apart(got.at("x"), from({1, 2})) == 0);
  CHECK(got.at("k").dtype() == int64);
  CHECK(got.at("k").item() == 3);
}

TEST_CASE("every element type comes back as it was saved, and equal tensors make equal files") {
  const ScratchFile file("round.npz"), again("again.npz");
  const NamedTensors all = {{"a", from({1.5, -2}, {.dtype = float64})},
                            {"b/c", transpose(from({1, 2, 3, 4, 5, 6}, {2, 3}))},
                            {"n", indices({-7}, Shape{})},
                            {"on", from({1, 0}, {.dtype = boolean})},
                            {"\xc3\xa9", zeros({0, 2})}};
  save_npz(file.path(), all);
  save_npz(again.path(), all);
  CHECK(file.bytes() == again.bytes());
  const NamedTensors got = load_npz(file.path());
  REQUIRE(got.size() == all.size());
  for (const auto& [name, x] : all) {
    CAPTURE(name);
    CHECK(got.at(name).dtype() == x.dtype());
    CHECK(apart(got.at(name), x) == 0);
  }
  save_npz(file.path(), {});
  CHECK(load_npz(file.path()).empty());
}

TEST_CASE("the checksum is zip's") {
  const ScratchFile file("crc.npz");
  save_npz(file.path(), {{"x", from({1, 2})}});
  CHECK(file.bytes().substr(14, 4) == "\x9a\xca\xab\xe7");  // as numpy has it for the same array above
}

TEST_CASE("an archive that contradicts itself is refused with the member and its place") {
  CHECK(contains(text_of_error("PK\3\4 is how it begins, but it does not end"), "no end record"));
  CHECK(contains(text_of_error(stored + "x"), "no end record"));
  CHECK(contains(text_of_error("x" + stored), "does not end at byte"));
  CHECK(contains(text_of_error(changed(stored, stored.size() - 12, "\1")), "several parts"));
  CHECK(contains(text_of_error(changed(changed(stored, stored.size() - 12, "\3"), stored.size() - 14, "\3")), "3 members in a directory"));
  CHECK(contains(text_of_error(changed(changed(stored, stored.size() - 12, "\1"), stored.size() - 14, "\1")), "51 bytes of the directory"));
  CHECK(loaded(changed(stored, directory + 8, "\1")).unread == Texts{{"x", "encrypted"}});
  CHECK(contains(loaded(changed(stored, directory + 10, "\xc")).unread.at("x"), "packed by method 12"));
  CHECK(contains(text_of_error(changed(stored, directory + 20, "\x89")), "cannot be 136 bytes packed into 137"));
  CHECK(contains(text_of_error(changed(stored, directory + 46, "k")), "two members are called 'k.npy'"));
  CHECK(contains(text_of_error(changed(stored, directory + 46, "y")), "is 'y.npy' in the directory and 'x.npy' in place"));
  CHECK(contains(text_of_error(changed(stored, directory + 42, "\1")), "no member at byte 1"));
  CHECK(contains(text_of_error(changed(stored, directory + 51 + 42, Bytes("\0", 1))), "member 'x.npy' overlaps the next"));
  CHECK(contains(text_of_error(changed(stored, 55 + 130, "\1")), "member 'x.npy' at byte 0: damaged: its checksum is"));
  CHECK(contains(text_of_error(changed(changed(stored, directory + 20, "\x87"), directory + 24, "\x87")), "needs 8 bytes, the file has 7"));
  CHECK(contains(text_of_error(changed(changed(stored, directory + 20, Bytes("\0\1", 2)), directory + 24, Bytes("\0\1", 2))),
                 "overlaps the next"));
  CHECK(contains(text_of_error(changed(changed(stored, directory + 20, Bytes("\0\2", 2)), directory + 24, Bytes("\0\2", 2))),
                 "reach into the directory"));
  CHECK(contains(loaded(changed(changed(stored, directory + 46, "x.txt"), 30, "x.txt")).unread.at("x.txt"), "does not end in .npy"));
  CHECK(contains(text_of_error(changed(stored, 55, "X")), "member 'x.npy' at byte 0: not a .npy file"));
}

TEST_CASE("an archive cut anywhere throws, with any byte changed it throws or loads") {
  refuses_cuts(stored, reader);
  reads_of_changed(stored, Bytes("\0\xff\1", 3), [](const std::string& path) {
    const LoadedTensors got = load_npz(path);
    CHECK(got.size() + got.unread.size() == 2);
    if (got.count("k")) CHECK(apart(got.at("k"), from({3}, Shape{}, {.dtype = int64})) == 0);  // only what no value depends on
    if (got.count("x")) CHECK(apart(got.at("x"), from({1, 2})) == 0);
  });
}

TEST_CASE("what an archive cannot hold is not written") {
  const ScratchFile file("none.npz");
  CHECK_THROWS_AS(save_npz(file.path(), {{"", ones({1})}}), Error);
  CHECK_THROWS_AS(save_npz(file.path(), {{"x", Tensor()}}), Error);
  CHECK_THROWS_AS(save_npz(file.path(), {{std::string(70000, 'x'), ones({1})}}), Error);
  CHECK_FALSE(std::filesystem::exists(file.path()));
}

#if SCOREGRAD_HAVE_ZLIB
TEST_CASE("what numpy.savez_compressed writes is read, and refused when cut or changed") {
  const NamedTensors got = loaded(deflated);
  CHECK(apart(got.at("x"), floor(arange(0, 40, 1, {.dtype = float64}) / 8)) == 0);
  const ScratchFile file("cut.npz");
  for (size_t n = 55; n < 55 + 86; ++n) {
    file.write(changed(deflated, n, Bytes(1, static_cast<char>(deflated[n] ^ 0x10))));
    CHECK_THROWS_AS(load_npz(file.path()), Error);
  }
  // The directory claims more than 86 bytes can unpack to, or another size than there is.
  CHECK(contains(text_of_error(changed(deflated, 0x8d + 24, "\xff\xff\xff\x7f")), "cannot be 2147483647 bytes packed into 86"));
  CHECK(contains(text_of_error(changed(deflated, 0x8d + 24, "\xbf")), "the file has 319"));
}
#else
TEST_CASE("without zlib a compressed member is refused with a remedy") { CHECK(contains(text_of_error(deflated), "unpack it first")); }
#endif
