// Tensors: making, printing, broadcasting, views, and what is refused.
#include <fmt/format.h>

#include <cmath>

#include "scoregrad.h"
#include "scoregrad/fmt.h"
namespace sg = scoregrad;

int main() {
  fmt::print("-- making\n");
  const sg::Tensor x = sg::from({1, 2, 3, 4, 5, 6}, {2, 3});
  fmt::print("{}\n", x);
  fmt::print("{}\n", sg::linspace(0, 1, 5, {.dtype = sg::float64}));
  fmt::print("{}\n", sg::indices({2, 0}));

  fmt::print("\n-- numbers meet tensors, shapes broadcast from the right\n");
  fmt::print("{}\n", 10 * x + sg::from({0.5, 0, -0.5}));
  fmt::print("{}\n", x > 2);
  fmt::print("{:.3f}\n", sg::exp(-x));

  fmt::print("\n-- reductions: all axes, or those named\n");
  fmt::print("{}\n", sg::sum(x));
  fmt::print("{}\n", sg::mean(x, {0}));
  fmt::print("{}\n", sg::max(x, {-1}, true));

  fmt::print("\n-- views share the bytes of what they show\n");
  const sg::Tensor columns = sg::slice(x, {{}, {.step = 2}});
  fmt::print("{}\n", sg::transpose(columns));
  sg::fill_(columns, 0);
  fmt::print("{}\n", x);
  fmt::print("{}\n", sg::index_select(x, 0, sg::indices({1, 1, 0})));

  fmt::print("\n-- random numbers come from explicit keys: the same key, the same numbers\n");
  const sg::Key key(42);
  const sg::Tensor noise = sg::normal({2, 3}, key.fold("noise"));
  fmt::print("{:.3f}\n", noise);
  fmt::print("again: {}\n", sg::all(noise == sg::normal({2, 3}, key.fold("noise"))).item() == 1);

  fmt::print("\n-- long tensors are cut in the middle\n");
  fmt::print("{}\n", sg::arange(0, 10000));

  fmt::print("\n-- mistakes are errors that name the op, the shapes and your line\n");
  int caught = 0;
  const auto attempt = [&](auto f) {
    try {
      f();
    } catch (const sg::Error& e) {
      const std::string text = e.what();
      const size_t place = text.find(" [at ");
      fmt::print("{} [line {}]\n", text.substr(0, place), e.where().line);
      ++caught;
    }
  };
  attempt([&] { x + sg::ones({2, 2}); });
  attempt([&] { x* sg::ones({2, 3}, {.dtype = sg::float64}); });
  attempt([&] { sg::indices({1, 2}) * 0.5; });
  attempt([&] { sg::zeros({1 << 30, 1 << 30, 1 << 30}); });
  return caught == 4 ? 0 : 1;
}
