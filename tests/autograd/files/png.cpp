// PNG files: what is written comes back, files of every kind that another program wrote are read, damage is refused.
#include "autograd/files/png.h"

#include <cmath>
#include <filesystem>

#include "autograd/files/npz.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "scoregrad/config.h"
#include "tests/autograd/files/damage.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

#if SCOREGRAD_HAVE_PNG

namespace {
const std::string folder = "tests/autograd/files/data/png/";  // data/generate_png.py
const Reader reader = [](const std::string& path) { load_png(path); };
}  // namespace

TEST_CASE("a PNG file of any kind has the levels that Pillow reads, on white where it is transparent") {
  int compared = 0;
  for (const auto& [kind, levels] : load_npz(folder + "levels.npz")) {
    CAPTURE(kind);
    const Tensor got = load_png(folder + kind + ".png");
    CHECK(got.dtype() == float32);
    CHECK(apart(got * 255, levels.to(float32)) < 1e-6);
    ++compared;
  }
  CHECK(compared == 6);
  CHECK(contains(message_of([] { load_png(folder + "deep.png"); }), "16 bits a channel are not read"));
}

TEST_CASE("an image that is written comes back within half a level, cut off at black and white") {
  const ScratchFile file("image");
  for (const Shape& shape : {Shape{4, 5}, Shape{1, 4, 5}, Shape{3, 4, 5}, Shape{3, 1, 300}}) {
    const Tensor x = uniform(shape, Key(1), {.dtype = float64}) * 1.4 - 0.2;
    save_png(file.path(), x);
    const Tensor back = load_png(file.path()), want = reshape(clamp(x, 0, 1).to(cpu), back.shape());
    CHECK(max(abs(back.to(float64) - want)).item() < 0.5 / 255 + 1e-6);
    save_png(file.path(), back);  // what is at a level stays there
    CHECK(apart(load_png(file.path()), back) == 0);
  }
  const Tensor across = transpose(from({{0, 1}, {0.5, 0.25}, {1, 0}}));  // a view
  save_png(file.path(), across);
  CHECK(apart(select(load_png(file.path()), 0, 0) * 255, from({{0, 128, 255}, {255, 64, 0}})) < 1e-6);
}

TEST_CASE("what is no image is not written, and nothing is left behind") {
  const std::string path = "/tmp/scoregrad_no_such_image.png";
  CHECK(contains(message_of([&] { save_png(path, zeros({2, 4, 5})); }), "[3, h, w] wanted for the image, [2, 4, 5] came"));
  CHECK(contains(message_of([&] { save_png(path, zeros({4})); }), "[4] came"));
  CHECK(contains(message_of([&] { save_png(path, zeros({0, 4})); }), "[0, 4] came"));
  CHECK(contains(message_of([&] { save_png(path, from({{0, NAN}})); }), "pixel 1 of the image is not a number"));
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(contains(message_of([&] { save_png("/nowhere/image.png", zeros({4, 5})); }), "/nowhere/image.png"));
}

TEST_CASE("a PNG file that is cut is refused, one that is changed is read or refused") {
  const Bytes whole = png_bytes(uniform({3, 6, 5}, Key(2)));
  CHECK(contains(refusal("load_png", "P5 2 3 255 ......", reader), "not a PNG file"));
  CHECK(contains(refusal("load_png", "", reader), "not a PNG file"));
  refuses_cuts(whole.substr(0, whole.size() - 12), reader);  // the end itself may be missing
  reads_of_changed(whole, {'\0', '\x7f', '\xff'}, reader);
  // 2^31 - 1 pixels a side, with the right checksum.
  const Bytes huge("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0", 29);
  CHECK(refusal("load_png", huge + Bytes("\0\0\0\0", 4), reader) != "");
}

#else

TEST_CASE("without libpng both directions say so") {
  CHECK(contains(message_of([] { save_png("image.png", zeros({4, 5})); }), "built without libpng"));
  CHECK(contains(message_of([] { load_png("tests/autograd/files/data/png/grey.png"); }), "built without libpng"));
}

#endif
