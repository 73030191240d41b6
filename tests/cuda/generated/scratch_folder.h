// A folder that a test writes into and that goes with it.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <string>

namespace scoregrad::generated {

class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : path_((std::filesystem::temp_directory_path() / ("scoregrad-" + std::to_string(getpid()) + "-" + name)).string()) {}
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace scoregrad::generated
