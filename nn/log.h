// A training log: a CSV file with a row every few steps.
#pragma once
#include <cstdio>
#include <string>
#include <vector>

#include "autograd/backend/error.h"

namespace scoregrad::nn {

class Log {
 public:
  /// Opens the file of a run that has taken `step` steps: rows up to there stay, whatever stands after them goes (a run that was killed had
  /// gone on beyond its checkpoint). Throws Error if the file cannot be written or has other columns.
  Log(const std::string& path, const std::vector<std::string>& columns, int64_t step, Where at = Where::here());
  ~Log() { std::fclose(file_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// One row, with the shortest digits that give each number back.
  void row(int64_t step, const std::vector<double>& values);
  /// Returns once all rows are on the disk.
  void sync();

 private:
  [[noreturn]] void refuse(const std::string& why) const;
  std::string path_;
  Where at_;
  std::FILE* file_ = nullptr;
};

}  // namespace scoregrad::nn
