// Many small images as one.
#pragma once
#include "autograd/tensor/tensor.h"
#include "report/page.h"

namespace scoregrad::report {

struct GridOptions {
  int64_t columns = 0;          ///< 0: as many as make the grid about square
  double black = 0, white = 1;  ///< the values that are drawn so: -1 and 1 for pixels between them
  int64_t gap = 1;              ///< pixels between the images
};
/// The images row by row, in one image of values 0 .. 1 with light grey between them: what save_png takes.
/// [n, h, w], [n, 1, h, w] or [n, 3, h, w] -> [h', w'] or [3, h', w']
Tensor image_grid(const Tensor& images, const GridOptions& options = {}, Where at = Where::here());

/// The same as a figure of a page, in one embedded PNG; `zoom` is the width of a pixel on the page. In a build without libpng the figure
/// has its words only.
Figure image_figure(const Tensor& images, const std::string& caption, const std::string& alt, const GridOptions& options = {},
                    int64_t zoom = 3, Where at = Where::here());

}  // namespace scoregrad::report
