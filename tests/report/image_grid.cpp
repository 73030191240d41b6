// Grids of images: where each one lies, and the picture in the page.
#include "report/image_grid.h"

#include "autograd/files/png.h"
#include "autograd/ops/ops.h"
#include "scoregrad/config.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::report;

TEST_CASE("images stand row by row with a gap between them, places that are left over are empty") {
  const Tensor images = reshape(arange(0, 12), {3, 2, 2}) / 20;
  const Tensor grid = image_grid(images, {.columns = 2});
  const double g = 0.8;
  CHECK(apart(grid * 20, from({{0, 1, 20 * g, 4, 5},
                               {2, 3, 20 * g, 6, 7},
                               {20 * g, 20 * g, 20 * g, 20 * g, 20 * g},
                               {8, 9, 20 * g, 20 * g, 20 * g},
                               {10, 11, 20 * g, 20 * g, 20 * g}})) < 1e-6);
  CHECK(image_grid(images, {.columns = 3, .gap = 0}).shape() == Shape{2, 6});
  CHECK(image_grid(images, {.columns = 9}).shape() == Shape{2, 8});  // no more columns than images
  CHECK(image_grid(zeros({10, 8, 8})).shape() == Shape{3 * 9 - 1, 4 * 9 - 1});
}

TEST_CASE("channels come first, and the values that are black and white can be chosen") {
  const Tensor grid = image_grid(from({-1, 1, 0, 3}, {2, 1, 1, 2}), {.columns = 2, .black = -1, .white = 3, .gap = 0});
  CHECK(apart(grid, from({{0, 0.5, 0.25, 1}})) < 1e-6);
  const Tensor colours = image_grid(reshape(arange(0, 12), {2, 3, 1, 2}), {.columns = 2, .gap = 0});
  CHECK(apart(colours, from({{{0, 1, 6, 7}}, {{2, 3, 8, 9}}, {{4, 5, 10, 11}}})) < 1e-6);
}

TEST_CASE("what makes no grid is refused") {
  CHECK(contains(message_of([] { image_grid(zeros({4, 2, 8, 8})); }), "image_grid: [n, h, w], [n, 1, h, w] or [n, 3, h, w] wanted"));
  CHECK(contains(message_of([] { image_grid(zeros({0, 8, 8})); }), "[0, 8, 8] came"));
  CHECK(contains(message_of([] { image_grid(zeros({1, 8, 8}), {.black = 1, .white = 1}); }), "black 1 and white 1"));
}

#if SCOREGRAD_HAVE_PNG
TEST_CASE("the figure holds the grid's own file in base64") {
  const Tensor images = reshape(arange(0, 8), {2, 2, 2}) / 7;
  const Figure figure = image_figure(images, "Two images", "Two squares.", {.columns = 2});
  CHECK(contains(figure.svg, "viewBox=\"0 0 5 2\" width=\"15\""));
  const size_t start = figure.svg.find("base64,") + 7, end = figure.svg.find('"', start);
  const std::string text = figure.svg.substr(start, end - start),
                    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0, count = 0;
  for (char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(letters.find(c)), count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
  }
  CHECK(text.size() % 4 == 0);
  CHECK(bytes == png_bytes(image_grid(images, {.columns = 2})));
}
#endif
