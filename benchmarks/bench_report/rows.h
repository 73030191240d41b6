// The lines that the programs print, read back, and their medians over the rounds of a run.
#pragma once
#include <istream>
#include <string>
#include <vector>

namespace bench {

/// One case timed once by one program.
struct Row {
  std::string peer, name, device = "cpu", unit = "", notes = "";
  int threads = 1, round = 0;
  double scale = 1, size = 0;
  double median_us = 0, p10_us = 0, p90_us = 0, maxrss_mb = 0, growth_mb = 0;
  double flops = 0, bytes = 0, functions = 0, normals = 0;
  double foreign_cores = 0;  ///< used by other programs meanwhile
  bool loaded = false;       ///< more of them than the run allows
};

/// Reads a JSON line; fields that a peer leaves out keep their defaults. Throws Error naming the line if it is no object, lacks peer, case
/// or median_us, or holds something of another type.
Row read_row(const std::string& line);
/// All lines; empty ones are skipped.
std::vector<Row> read_rows(std::istream& in);
/// The row as a JSON line.
std::string written(const Row& row);

/// Rows of one program, case, device, number of threads and scale come together: the times are medians over them, memory is the largest.
/// Rows that were taken under foreign load count only where there are no others; the result says so in `loaded`.
class Measurements {
 public:
  explicit Measurements(const std::vector<Row>& rows);

  /// Null if that was not measured.
  const Row* find(const std::string& peer, const std::string& name, int threads, double scale = 1, const std::string& device = "cpu") const;
  const std::vector<Row>& rows() const { return rows_; }
  /// What was measured, each once, in the order of the lines.
  std::vector<std::string> peers() const;
  std::vector<std::string> names(const std::string& peer) const;
  std::vector<int> threads() const;

 private:
  std::vector<Row> rows_;
};

/// The middle value, or the mean of the two middle ones. Throws Error for none.
double median(std::vector<double> values);

}  // namespace bench
