// Machine code of generated kernels on disk, so that a program compiles each only once on a machine. Any number of processes may share the
// folder: a file appears complete or not at all, and one that is damaged is no file.
#pragma once
#include <string>

namespace scoregrad::on_cuda {

/// $XDG_CACHE_HOME/scoregrad, else ~/.cache/scoregrad; empty where neither variable is set.
std::string cache_folder();

/// What store() kept under `key`; empty if there is nothing or it is damaged.
std::string load_cached(const std::string& folder, const std::string& key);
/// Keeps `code`, or does nothing where the folder cannot be written.
void store_cached(const std::string& folder, const std::string& key, const std::string& code);

/// The file in which `key` is kept.
std::string cache_file(const std::string& folder, const std::string& key);

}  // namespace scoregrad::on_cuda
