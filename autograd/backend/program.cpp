#include "autograd/backend/program.h"

namespace scoregrad {

const Row rows[op_count] = {
#define SG_UNARY(name, value, partial, types, lo, hi) {#name, #value, Form::unary, Types::types, lo, hi},
#define SG_BINARY(name, value, da, db, types, lo, hi) {#name, #value, Form::binary, Types::types, lo, hi},
#define SG_COMPARE(name, value, types, lo, hi) {#name, #value, Form::compare, Types::types, lo, hi},
#define SG_SELECT(name, value, types, lo, hi) {#name, #value, Form::select, Types::types, lo, hi},
#include "autograd/backend/elementwise.def"
};

}  // namespace scoregrad
