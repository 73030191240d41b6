#include "nn/log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "autograd/files/file.h"

namespace scoregrad::nn {

Log::Log(const std::string& path, const std::vector<std::string>& columns, int64_t step, Where at) : path_(path), at_(at) {
  const std::string header = fmt::format("step,{}", fmt::join(columns, ","));
  std::string kept = header + "\n";
  std::error_code unknown;
  const bool regular = std::filesystem::is_regular_file(path, unknown);  // a pipe would be waited for
  std::ifstream old(step > 0 && regular ? path : "");
  std::string line;
  if (std::getline(old, line)) {
    if (line != header) refuse(fmt::format("has the columns '{}', this run '{}'", line, header));
    while (std::getline(old, line) && !old.eof()) {  // a line without its end was being written when the run was killed
      char* end = nullptr;
      const long long at_step = std::strtoll(line.c_str(), &end, 10);
      if (end == line.c_str() || *end != ',' || at_step > step) break;
      kept += line + "\n";
    }
  }
  const bool stream = !regular && std::filesystem::exists(path, unknown);
  if (!stream) {
    OutputFile file(path, "train", at);
    file.write(kept.data(), kept.size());
    file.finish();
  }
  file_ = std::fopen(path.c_str(), "abe");
  if (!file_) refuse(std::strerror(errno));
  if (stream && std::fwrite(kept.data(), 1, kept.size(), file_) != kept.size()) refuse(std::strerror(errno));
}

void Log::row(int64_t step, const std::vector<double>& values) {
  const std::string text = fmt::format("{},{}\n", step, fmt::join(values, ","));
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0)
    refuse(fmt::format("cannot be written: {}", std::strerror(errno)));
}

void Log::sync() {
  if (fsync(fileno(file_)) != 0 && errno != EINVAL)
    refuse(fmt::format("cannot be written: {}", std::strerror(errno)));  // EINVAL: a device or a pipe keeps nothing
}

void Log::refuse(const std::string& why) const { throw Error(at_, fmt::format("train: the log '{}' {}", path_, why)); }

}  // namespace scoregrad::nn
