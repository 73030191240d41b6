// Files that are read with suspicion and written whole or not at all.
#pragma once
#include <cstdio>
#include <string>

#include "autograd/backend/error.h"

namespace scoregrad {

/// Bytes to be read once, from front to back: a file, or a member of an archive. Every Error names the reader, the path and what was
/// expected.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Bytes not yet read: what a header claims is compared with this before anything is allocated.
  virtual int64_t left() const = 0;
  /// Exactly so many bytes; throws Error if the source ends before.
  virtual void read(void* to, int64_t bytes, const char* what) = 0;
  /// What to throw, with the place.
  virtual Error error(const std::string& why) const = 0;
  [[noreturn]] void refuse(const std::string& why) const { throw error(why); }
};

/// A regular file open for reading.
class InputFile final : public ByteSource {
 public:
  InputFile(const std::string& path, const char* reader, Where at);
  ~InputFile() override { std::fclose(file_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int64_t size() const { return size_; }
  int64_t left() const override { return left_; }
  void read(void* to, int64_t bytes, const char* what) override;
  /// Goes to a byte counted from the beginning; throws Error beyond the end.
  void seek(int64_t offset);
  Error error(const std::string& why) const override { return Error(at_, std::string(reader_) + ": '" + path_ + "': " + why); }

 private:
  std::string path_;
  const char* reader_;
  Where at_;
  std::FILE* file_;
  int64_t size_ = 0, left_ = 0;
};

/// Written under a temporary name beside `path`, which finish() renames once the bytes are on the disk: whoever looks, also after a crash,
/// finds the old file or the new one. Without finish() nothing remains, unless the process was killed.
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

/// Removes the temporary files that killed writers of `path` have left.
void remove_abandoned(const std::string& path);

}  // namespace scoregrad
