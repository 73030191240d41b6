// Goes first where ctest runs tests on the GPU: says whether there is one, so that without it they count as skipped.
#include <cstdio>

#include "autograd/backend/machine.h"

int main() {
  std::string missing;
  if (scoregrad::available(scoregrad::cuda, &missing)) return 0;
  std::printf("skipped: no CUDA device: %s\n", missing.c_str());
  return 1;
}
