// The library's types in fmt's format strings.
#include <scoregrad.h>
#include <scoregrad/fmt.h>

int main() {
  namespace sg = scoregrad;
  const std::string s = fmt::format("{} {:>8} {} {:.2f}", sg::Shape{2, 3}, sg::float64, sg::cpu, sg::full({}, 1.5));
  fmt::print("{}\n", s);
  return s == "[2, 3]  float64 cpu 1.50" ? 0 : 1;
}
