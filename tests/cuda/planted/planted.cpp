// A library that says so when it is loaded.
#include <cstdio>

namespace {
[[maybe_unused]] const int said = std::puts("planted");
}
