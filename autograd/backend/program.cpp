#include "autograd/backend/program.h"

namespace scoregrad {

const Row rows[op_count] = {
#define SG_UNARY(name, value, partial, types, ns, again, lo, hi) {#name, #value, Form::unary, Types::types, ns, Again::again, lo, hi},
#define SG_BINARY(name, value, da, db, types, ns, again, lo, hi) {#name, #value, Form::binary, Types::types, ns, Again::again, lo, hi},
#define SG_COMPARE(name, value, types, ns, again, lo, hi) {#name, #value, Form::compare, Types::types, ns, Again::again, lo, hi},
#define SG_SELECT(name, value, types, ns, again, lo, hi) {#name, #value, Form::select, Types::types, ns, Again::again, lo, hi},
#include "autograd/backend/elementwise.def"
};

}  // namespace scoregrad
