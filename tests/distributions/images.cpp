#include "distributions/images.h"

#include "autograd/files/png.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

TEST_CASE("an image is shrunk by the means over the areas that its new pixels cover, and keeps its mean") {
  const Options f64{.dtype = float64};
  CHECK(apart(shrunk(from({1, 2, 3, 4, 5, 6, 7, 8}, {2, 4}, f64), 1, 2), from({3.5, 5.5}, {1, 2}, f64)) < 1e-15);
  // 3 pixels onto 2: each new one has one and a half old ones
  CHECK(apart(shrunk(from({1, 4, 10}, {1, 3}, f64), 1, 2), from({(1 + 2) / 1.5, (2 + 10) / 1.5}, {1, 2}, f64)) < 1e-15);
  const Tensor x = arange(0, 2 * 28 * 28, 1, f64), small = shrunk(reshape(x, {2, 28, 28}), 8, 8);
  CHECK(small.shape() == Shape{2, 8, 8});
  CHECK(apart(mean(small, {1, 2}), mean(reshape(x, {2, 28 * 28}), {1})) < 1e-13);
  const Tensor leaf = ones({28, 28}, f64).requires_grad();
  CHECK(apart(grad(sum(shrunk(leaf, 8, 8)), leaf), full({28, 28}, 64.0 / 784, f64)) < 1e-14);
  CHECK_THROWS_AS(shrunk(ones({4, 4}), 5, 4), Error);
  CHECK_THROWS_AS(shrunk(ones({4, 4}), 0, 4), Error);
}

TEST_CASE("digits are drawn: all ten, of their own key, within the frame and the range") {
  const Images a = drawn_digits(500, Key(1)), b = drawn_digits(500, Key(1)), c = drawn_digits(500, Key(2));
  CHECK(a.pixels.shape() == Shape{500, 8, 8});
  CHECK(a.rows().shape() == Shape{500, 64});
  CHECK(apart(a.pixels, b.pixels) == 0);
  CHECK(apart(a.pixels, c.pixels) > 0);
  CHECK(min(a.pixels).item() >= 0);
  CHECK(max(a.pixels).item() <= 1);
  CHECK(apart(sum(one_hot(a.labels, 10), {0}), full({10}, 50)) < 1);  // 50 each, give or take less than 50
  // A hat has unit sum, so a glyph keeps its dots: 19 for the eight... counted on the glyph 8: 3 + 2 + 2 + 3 + 2 + 2 + 3.
  const Tensor light = sum(a.pixels, {1, 2});
  const std::vector<int64_t> labels = a.labels.to_vector<int64_t>();
  const std::vector<double> sums = light.to_vector<double>();
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] == 8) {
      CHECK(sums[i] > 17 * 0.6 - 1e-4);
      CHECK(sums[i] < 17 + 1e-4);
    }
}

TEST_CASE("a folder of MNIST's kind is read, and refused where its files are missing or do not belong together") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("scoregrad-images-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& bytes) { std::ofstream(folder / name, std::ios::binary) << bytes; };
  CHECK_THROWS_AS(load_images(folder.string()), Error);
  write("train-images-idx3-ubyte", std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x00\x33\xff\x66", 20));
  CHECK_THROWS_AS(load_images(folder.string()), Error);
  write("train-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\x07\x03", 10));
  const Images got = load_images(folder.string());
  CHECK(apart(got.pixels, from({0, 0.2, 1, 0.4}, {2, 1, 2})) < 1e-7);
  CHECK(got.labels.to_vector<int64_t>() == std::vector<int64_t>{7, 3});
  CHECK(load_images(folder.string(), true, {float64}).pixels.dtype() == float64);
  CHECK_THROWS_AS(load_images(folder.string(), false), Error);
  write("train-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x01\x07", 9));
  CHECK_THROWS_AS(load_images(folder.string()), Error);
  std::filesystem::remove_all(folder);
}

#if SCOREGRAD_HAVE_PNG
TEST_CASE("a folder of PNG files is read in the order of its names, and a file of another size is named") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "scoregrad-test-pngs";
  std::filesystem::create_directory(folder);
  CHECK(contains(message_of([&] { load_pngs(folder.string()); }), "no file whose name ends in .png"));
  save_png((folder / "b.png").string(), full({2, 3}, 0.2));
  save_png((folder / "a.png").string(), zeros({2, 3}));
  std::ofstream(folder / "notes.txt") << "not an image";
  CHECK(apart(load_pngs(folder.string()), stack({zeros({1, 2, 3}), full({1, 2, 3}, 0.2)})) < 1e-7);
  CHECK(load_pngs(folder.string(), {float64}).dtype() == float64);
  save_png((folder / "c.png").string(), zeros({3, 2, 3}));
  CHECK(contains(message_of([&] { load_pngs(folder.string()); }), "c.png', [3, 2, 3] came"));
  std::filesystem::remove_all(folder);
  CHECK(contains(message_of([&] { load_pngs(folder.string()); }), "No such file"));
}
#endif

#if SCOREGRAD_HAVE_ZLIB
TEST_CASE("Fashion-MNIST is what its authors describe, where it is installed, and else an error that names the package") {
  if (!has_fashion_mnist()) {
    CHECK_THROWS_AS(fashion_mnist(), Error);
    return;
  }
  const Images test = fashion_mnist(false);
  CHECK(test.pixels.shape() == Shape{10000, 28, 28});
  CHECK(apart(sum(one_hot(test.labels, 10), {0}), full({10}, 1000)) == 0);  // a thousand of each class
  CHECK(max(test.pixels).item() == 1);
  CHECK(apart(mean(test.pixels).item(), 0.2868) < 1e-4);  // as published beside the data set
}
#endif
