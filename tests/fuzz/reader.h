// What the fuzz targets share: bytes as a file in memory, seeds into the corpus, and the one rule that a reader must keep.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "autograd/backend/error.h"

/// Files that the reader understands, and the reader, which may throw scoregrad::Error and nothing else.
std::vector<std::string> seeds();
void read(const std::string& path);

/// The bytes of the file that write(path) makes.
inline std::string made(const std::function<void(const std::string&)>& write) {
  const std::string path = (std::filesystem::temp_directory_path() / ("scoregrad-seed-" + std::to_string(getpid()))).string();
  write(path);
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::filesystem::remove(path);
  return bytes;
}

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    const std::filesystem::path folder = (*arguments)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    int number = 0;
    for (const std::string& bytes : seeds()) std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary) << bytes;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = memfd_create("input", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  try {
    read(path);
  } catch (const scoregrad::Error&) {
  }
  return 0;
}
