// A report: one HTML file that needs nothing else, neither network nor scripts; it prints well and follows the reader's light or dark
// theme.
#pragma once
#include <string>
#include <vector>

namespace scoregrad::report {

/// Rows of text under a head. A column whose cells are numbers stands right-aligned.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  /// A class for each row: "pass", "fail", "skip", "head" (one cell across the table) or ""; may be left out.
  std::vector<std::string> kinds = {};
};

/// A drawing, what it shows in words for those who cannot see it, and its numbers. Without the drawing the numbers stand open.
struct Figure {
  std::string caption, alt;
  std::string svg = {};  ///< empty if the program that draws it is not installed
  Table data = {};
};

/// Text made safe for HTML.
std::string escaped(const std::string& text);

class Page {
 public:
  explicit Page(std::string title) : title_(std::move(title)) {}

  void heading(const std::string& text);
  /// A paragraph; `text` is plain.
  void text(const std::string& text);
  /// A paragraph that is a link to a file beside the page.
  void link(const std::string& file, const std::string& text);
  void table(const Table& table);
  void figure(const Figure& figure);

  std::string html() const;
  /// Writes the whole page or nothing; throws Error.
  void save(const std::string& path) const;

 private:
  std::string title_, body_;
};

}  // namespace scoregrad::report
