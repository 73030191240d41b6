// What a run says: a table on the terminal, a JSON file, a page.
#pragma once
#include "examples/verify/run.h"

namespace scoregrad::verify {

/// Where and with what the run was made, in one line.
std::string machine(const Plan& plan);
/// Prints statements from number `first` on; returns how many there are now, so that families appear as they finish.
size_t print(const Run& run, size_t first);
/// "82 checks, 82 passed, 0 failed, 0 skipped".
std::string summary(const Run& run);
void save_json(const Run& run, const std::string& path);
/// A page with a link to the JSON file, if there is one.
void save_report(const Run& run, const std::string& path, const std::string& json);

}  // namespace scoregrad::verify
