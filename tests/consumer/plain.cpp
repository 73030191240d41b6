#include <scoregrad.h>

#include <cstdio>
#ifdef FMT_VERSION
#error "scoregrad.h drags fmt in"
#endif

int main() {
  namespace sg = scoregrad;
  const sg::Shape s = sg::broadcast_shapes(sg::Where::here(), "consumer", {3, 1}, {4});
  std::printf("scoregrad %s, shape %s\n", SCOREGRAD_VERSION, sg::to_string(s).c_str());
  return s == sg::Shape{3, 4} ? 0 : 1;
}
