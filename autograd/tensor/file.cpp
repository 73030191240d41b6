#include "autograd/tensor/file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace scoregrad {

InputFile::InputFile(const std::string& path, const char* reader, Where at)
    : path_(path), reader_(reader), at_(at), file_(std::fopen(path.c_str(), "rb")) {
  if (!file_) refuse(std::strerror(errno));
  struct stat about;
  if (fstat(fileno(file_), &about) != 0 || !S_ISREG(about.st_mode)) {
    std::fclose(file_);
    refuse("not a regular file");
  }
  size_ = left_ = about.st_size;
}

void InputFile::read(void* to, int64_t bytes, const char* what) {
  if (bytes > left_) refuse(fmt::format("truncated: {} bytes are left where {} needs {}", left_, what, bytes));
  if (std::fread(to, 1, static_cast<size_t>(bytes), file_) != static_cast<size_t>(bytes)) refuse(fmt::format("cannot read {}", what));
  left_ -= bytes;
}

void InputFile::refuse(const std::string& why) const { throw Error(at_, fmt::format("{}: '{}': {}", reader_, path_, why)); }

namespace {

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return fmt::format("{}.{}-{}.tmp", path, getpid(), count++);
}

}  // namespace

OutputFile::OutputFile(const std::string& path, const char* writer, Where at)
    : path_(path), temporary_(temporary_name(path)), writer_(writer), at_(at), file_(std::fopen(temporary_.c_str(), "wbx")) {
  if (!file_) refuse("cannot be created");
}

OutputFile::~OutputFile() {
  if (file_) std::fclose(file_);
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  if (bytes != 0 && std::fwrite(data, 1, bytes, file_) != bytes) refuse("cannot be written");
}

void OutputFile::finish() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) refuse("cannot be written");
  if (std::fclose(std::exchange(file_, nullptr)) != 0) refuse("cannot be written");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse("cannot be renamed into place");
  temporary_.clear();
}

void OutputFile::refuse(const char* doing) const {
  throw Error(at_, fmt::format("{}: '{}' {}: {}", writer_, path_, doing, std::strerror(errno)));
}

}  // namespace scoregrad
