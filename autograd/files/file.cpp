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
#include <new>
#include <utility>

namespace scoregrad {

namespace fs = std::filesystem;

std::string ByteSource::text(int64_t bytes, const char* what) {
  if (bytes > left()) refuse(fmt::format("truncated: {} needs {} bytes, {} are left", what, bytes, left()));
  try {
    std::string out(static_cast<size_t>(bytes), '\0');
    read(out.data(), bytes, what);
    return out;
  } catch (const std::bad_alloc&) {
    refuse(fmt::format("out of memory: {} has {} bytes", what, bytes));
  }
}

InputFile::InputFile(const std::string& path, const char* reader, Where at) : path_(path), reader_(reader), at_(at), file_(nullptr) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would be waited for
  if (descriptor < 0) refuse(std::strerror(errno));
  struct stat about;
  if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
    close(descriptor);
    refuse("not a regular file");
  }
  file_ = fdopen(descriptor, "rb");
  if (!file_) {
    const int why = errno;
    close(descriptor);
    refuse(std::strerror(why));
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
void sync_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written but not read; the file itself is complete
  fsync(descriptor);
  close(descriptor);
}

// The file behind a path: links followed as far as they lead, so that a rename replaces what they point to and not the link.
struct Target {
  std::string place;
  bool straight = false;  // there is something that a rename must not replace
  mode_t mode = 0;        // of the file that is there; 0: none
};
Target target_of(const std::string& path) {
  for (const char* stream : {"/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/"})
    if (path.rfind(stream, 0) == 0) return {path, true};
  struct stat about;
  if (stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) return {path, true};
  Target target{path, false, 0};
  std::error_code failed;
  for (int links = 0; links < 40; ++links) {  // as many as Linux follows
    const fs::path to = fs::read_symlink(target.place, failed);
    if (failed) break;
    target.place = (to.is_absolute() ? to : fs::path(target.place).parent_path() / to).string();
  }
  if (!failed) return {path, true};  // links in a circle: opening it says so
  if (stat(target.place.c_str(), &about) == 0) target.mode = about.st_mode & 07777;
  return target;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, const char* writer, Where at) : path_(path), writer_(writer), at_(at), file_(nullptr) {
  const Target target = target_of(path);
  place_ = target.place;
  if (target.straight) {
    file_ = std::fopen(place_.c_str(), "abe");
    if (!file_) refuse("cannot be written");
    return;
  }
  temporary_ = temporary_name(place_);
  file_ = std::fopen(temporary_.c_str(), "wbxe");
  if (!file_) {
    temporary_.clear();
    refuse("cannot be created");
  }
  if (target.mode != 0) static_cast<void>(fchmod(fileno(file_), target.mode));  // of a file that is not ours it may fail
}

OutputFile::~OutputFile() {
  if (file_) std::fclose(file_);
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  if (bytes != 0 && std::fwrite(data, 1, bytes, file_) != bytes) refuse("cannot be written");
}

void OutputFile::finish() {
  const bool straight = temporary_.empty();
  if (std::fflush(file_) != 0 || (!straight && fsync(fileno(file_)) != 0)) refuse("cannot be written");
  if (std::fclose(std::exchange(file_, nullptr)) != 0) refuse("cannot be written");
  if (straight) return;
  if (std::rename(temporary_.c_str(), place_.c_str()) != 0) refuse("cannot be renamed into place");
  temporary_.clear();
  sync_folder(place_);
}

void OutputFile::refuse(const char* doing) const {
  throw Error(at_, fmt::format("{}: '{}' {}: {}", writer_, path_, doing, std::strerror(errno)));
}

void check_writable(const std::string& path, const char* writer, Where at) {
  const auto refuse = [&](int why) { throw Error(at, fmt::format("{}: '{}' cannot be written: {}", writer, path, std::strerror(why))); };
  const Target target = target_of(path);
  if (!target.straight) {
    OutputFile(path, writer, at);  // and forgotten
    return;
  }
  struct stat about;
  if (stat(path.c_str(), &about) != 0) refuse(errno);
  if (S_ISDIR(about.st_mode)) refuse(EISDIR);
  if (access(path.c_str(), W_OK) != 0) refuse(errno);  // opening it might wait for a reader, or end one
}

void remove_abandoned(const std::string& path) {
  const fs::path whole(target_of(path).place);
  const std::string start = whole.filename().string() + ".";
  std::error_code ignored;  // what cannot be listed or removed does no harm
  fs::directory_iterator entry(whole.has_parent_path() ? whole.parent_path() : ".", ignored);
  for (; !ignored && entry != fs::directory_iterator(); entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    int process = 0, end = 0;
    unsigned count = 0;
    if (name.rfind(start, 0) != 0 || std::sscanf(name.c_str() + start.size(), "%d-%u.tmp%n", &process, &count, &end) != 2) continue;
    if (static_cast<size_t>(end) != name.size() - start.size() || process <= 0) continue;
    std::error_code stays;
    if (kill(process, 0) != 0 && errno == ESRCH) fs::remove(entry->path(), stays);
  }
}

}  // namespace scoregrad
