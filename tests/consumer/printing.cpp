#include <scoregrad.h>
#include <scoregrad/fmt.h>

int main() {
  const std::string s = fmt::format("{} {:>8} {}", scoregrad::Shape{2, 3}, scoregrad::float64, scoregrad::cpu);
  fmt::print("{}\n", s);
  return s == "[2, 3]  float64 cpu" ? 0 : 1;
}
