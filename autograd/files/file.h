// Files that are read with suspicion and written whole or not at all.
#pragma once
#include <cstdio>
#include <string>

#include "autograd/backend/error.h"

namespace scoregrad {

/// A file or a member of one that is whole but of a kind that is not read: text, complex numbers. Archives note `why` and go on.
struct Foreign : Error {
  Foreign(const Error& whole, std::string reason) : Error(whole), why(std::move(reason)) {}
  std::string why;
};

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
  [[noreturn]] void foreign(const std::string& why) const { throw Foreign(error(why), why); }
  /// The next bytes as a text; throws Error if the source ends before, or if there is no memory for them.
  std::string text(int64_t bytes, const char* what);
};

/// A regular file open for reading; anything else is refused at once, also a pipe to which nobody writes.
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
/// finds the old file or the new one. Without finish() nothing remains, unless the process was killed. Links are followed, also to where
/// there is nothing yet, and a file keeps its permissions. What is no regular file (a device, a pipe, /dev/stdout) cannot be replaced: it
/// is written straight.
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
  std::string path_, place_, temporary_;
  const char* writer_;
  Where at_;
  std::FILE* file_;
};

/// Throws Error if an OutputFile of this path could not be written, and leaves everything as it was: what cannot be written is better known
/// before the work than after it.
void check_writable(const std::string& path, const char* writer, Where at);

/// Removes the temporary files that killed writers of `path` have left.
void remove_abandoned(const std::string& path);

}  // namespace scoregrad
