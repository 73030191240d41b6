// Goes first where ctest runs tests on a device other than the default one: says whether the named device is there, so that without it they
// count as skipped.
#include <cstdio>

#include "autograd/backend/machine.h"

int main(int count, char** words) {
  std::string missing = "name one";
  if (count == 2 && scoregrad::available(scoregrad::device_named(words[1]), &missing)) return 0;
  std::printf("skipped: no device %s: %s\n", count == 2 ? words[1] : "?", missing.c_str());
  return 1;
}
