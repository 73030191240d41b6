#include "autograd/files/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
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
  if (bytes > left_) refuse(fmt::format("truncated: {} bytes are left at byte {} where {} needs {}", left_, size_ - left_, what, bytes));
  if (std::fread(to, 1, static_cast<size_t>(bytes), file_) != static_cast<size_t>(bytes)) refuse(fmt::format("cannot read {}", what));
  left_ -= bytes;
}

void InputFile::seek(int64_t offset) {
  if (offset < 0 || offset > size_) refuse(fmt::format("truncated: there is no byte {}, the file has {}", offset, size_));
  if (fseeko(file_, offset, SEEK_SET) != 0) refuse(fmt::format("cannot go to byte {}", offset));
  left_ = size_ - offset;
}

namespace {

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return fmt::format("{}.{}-{}.tmp", path, getpid(), count++);
}

// A rename is durable once its folder is.
void sync_folder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written but not read; the file itself is complete
  fsync(descriptor);
  close(descriptor);
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
  sync_folder(path_);
}

void OutputFile::refuse(const char* doing) const {
  throw Error(at_, fmt::format("{}: '{}' {}: {}", writer_, path_, doing, std::strerror(errno)));
}

void remove_abandoned(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string start = whole.filename().string() + ".";
  std::error_code ignored;  // what cannot be listed or removed does no harm
  for (const auto& entry : std::filesystem::directory_iterator(whole.has_parent_path() ? whole.parent_path() : ".", ignored)) {
    const std::string name = entry.path().filename().string();
    int process = 0, end = 0;
    unsigned count = 0;
    if (name.rfind(start, 0) != 0 || std::sscanf(name.c_str() + start.size(), "%d-%u.tmp%n", &process, &count, &end) != 2) continue;
    if (static_cast<size_t>(end) != name.size() - start.size() || process <= 0) continue;
    if (kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace scoregrad
