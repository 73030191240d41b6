// Which calls can be made for some rows at a time: their results and operands are divided along their first axis, but for the operands
// that every row reads whole. All that dealing rows out must know of a call stands in one line for each call, in rows.cpp.
#pragma once
#include "autograd/compile/call.h"

namespace scoregrad::compiled {

/// The extent along which the call may be divided; 0 where it may not.
int64_t rows_of(const Call& c);
/// True if every row reads all of operand k: the right factor of a product, a table, a key.
bool reads_whole(const Call& c, size_t k);
/// What the call takes, roughly.
double ns_of(const Call& c);
/// How many rows a block of it should have, because each block does some work anew; 0: any number will do.
int64_t enough_rows(const Call& c);
/// Of `rows` rows, each has the bytes [r P, (r + 1) P) of a buffer of rows P bytes, and p's share of row r lies in them.
bool lies_by_rows(const Place& p, const Buffer& b, int64_t rows);
/// Bytes from one of `rows` rows of p to the next.
int64_t row_bytes(const Place& p, int64_t rows);

}  // namespace scoregrad::compiled
