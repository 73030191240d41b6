#include "cuda/cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace scoregrad::on_cuda {
namespace {

namespace fs = std::filesystem;

constexpr const char* mark = "scoregrad kernel 1";

// FNV-1a of 64 bits; two starts make a name of 128.
uint64_t hash(const std::string& text, uint64_t h) {
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}
constexpr uint64_t first_start = 0xcbf29ce484222325, second_start = 0x9ae16a3b2f90404f;

std::string header(const std::string& code) { return fmt::format("{} {} {:016x}\n", mark, code.size(), hash(code, first_start)); }

}  // namespace

std::string cache_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return (fs::path(xdg) / "scoregrad").string();
  if (const char* home = std::getenv("HOME"); home && *home) return (fs::path(home) / ".cache" / "scoregrad").string();
  return {};
}

std::string cache_file(const std::string& folder, const std::string& key) {
  return (fs::path(folder) / fmt::format("{:016x}{:016x}.kernel", hash(key, first_start), hash(key, second_start))).string();
}

std::string load_cached(const std::string& folder, const std::string& key) {
  if (folder.empty()) return {};
  std::ifstream in(cache_file(folder, key), std::ios::binary);
  std::string line, code;
  if (!std::getline(in, line)) return {};
  code.assign(std::istreambuf_iterator<char>(in), {});
  return line + "\n" == header(code) ? code : std::string();
}

void store_cached(const std::string& folder, const std::string& key, const std::string& code) {
  if (folder.empty()) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return;
  // Written under a name of its own and renamed, which replaces a file at once: readers see the old one or the new.
  static std::atomic<unsigned> count{0};
  const std::string file = cache_file(folder, key), part = fmt::format("{}.{}.{}", file, getpid(), count++);
  {
    std::ofstream out(part, std::ios::binary);
    out << header(code) << code;
    out.close();
    if (out) fs::rename(part, file, failed);
    if (out && !failed) return;
  }
  fs::remove(part, failed);
}

}  // namespace scoregrad::on_cuda
