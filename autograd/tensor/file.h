// Files that are read with suspicion and written whole or not at all.
#pragma once
#include <cstdio>
#include <string>

#include "autograd/backend/error.h"

namespace scoregrad {

/// A regular file open for reading. Every Error names `reader`, the path and what was expected.
class InputFile {
 public:
  InputFile(const std::string& path, const char* reader, Where at);
  ~InputFile() { std::fclose(file_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int64_t size() const { return size_; }
  /// Bytes not yet read: what a header claims is compared with this before anything is allocated.
  int64_t left() const { return left_; }
  /// Exactly so many bytes; throws Error if the file ends before.
  void read(void* to, int64_t bytes, const char* what);
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  std::string path_;
  const char* reader_;
  Where at_;
  std::FILE* file_;
  int64_t size_ = 0, left_ = 0;
};

/// Written under a temporary name beside `path`, which finish() renames; without finish() nothing remains.
class OutputFile {
 public:
  OutputFile(const std::string& path, const char* writer, Where at);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, size_t bytes);
  void finish();

 private:
  [[noreturn]] void refuse(const char* doing) const;
  std::string path_, temporary_;
  const char* writer_;
  Where at_;
  std::FILE* file_;
};

}  // namespace scoregrad
