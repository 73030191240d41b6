# How gdb shows the library's types: a Shape as [2, 3], a Tensor with its description and first values, a Node with its op and line.
# Every program that links the library carries this text and gdb loads it with the program, once its folder is trusted:
#   (gdb) add-auto-load-safe-path FOLDER
import gdb
import gdb.printing

SHOWN = 8  # values of a tensor
VALUE_TYPES = {"float32": "float", "float64": "double", "int64": "long", "boolean": "bool"}


def last_name(value):
    """The enumerator's own name: cuda of scoregrad::Device::cuda."""
    return str(value).rsplit("::", 1)[-1]


def numbers(dims):
    return [int(dims["at"][i]) for i in range(int(dims["rank"]))]


def place(where):
    return "%s:%d" % (where["file"].string(), int(where["line"])) if int(where["file"]) else "an unknown line"


def op_of(address):
    """The class behind a node, from the name of its table of virtual functions: no debug information of the library is needed."""
    table = gdb.Value(int(address)).cast(gdb.lookup_type("unsigned long").pointer()).dereference()
    symbol = gdb.execute("info symbol %d" % int(table), to_string=True)
    name = symbol.split(" for ", 1)[-1].split(" in section ")[0].rsplit(" + ", 1)[0].strip()
    return name.replace("(anonymous namespace)::", "").replace("scoregrad::", "")


def first_values(body):
    """The first values in row-major order, wherever the strides put them."""
    shape, strides = numbers(body["shape"]), numbers(body["strides"])
    count = 1
    for extent in shape:
        count *= extent
    storage = body["storage"]["p_"].dereference()
    data = storage["data"].cast(gdb.lookup_type(VALUE_TYPES[last_name(body["dtype"])]).pointer())
    texts = []
    for i in range(min(count, SHOWN)):
        at, rest = int(body["offset"]), i
        for extent, stride in zip(reversed(shape), reversed(strides)):
            at += rest % extent * stride
            rest //= extent
        texts.append((data + at).dereference().format_string())
    return ", ".join(texts) + (", ..." if count > SHOWN else "")


class ShapePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "[%s]" % ", ".join(map(str, numbers(self.value)))


class NodePrinter:
    def __init__(self, value):
        self.value = value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value

    def to_string(self):
        if not self.value.type.strip_typedefs().fields():  # a library without debug information
            return op_of(self.value.address)
        return "%s %s at %s, node %d" % (op_of(self.value.address), self.value["shape"].format_string(), place(self.value["at"]), int(self.value["id"]))


class TensorPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        pointer = self.value["body_"]["p_"]
        if int(pointer) == 0:
            return "undefined"
        body = pointer.dereference()
        device = last_name(body["storage"]["p_"]["device"])
        text = "%s %s %s" % (last_name(body["dtype"]).replace("boolean", "bool"), body["shape"].format_string(), device)
        if device != "cuda":
            text += ", values " + first_values(body)
        if int(body["producer"]["p_"]):
            text += ", made by " + op_of(body["producer"]["p_"])
        return text


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("scoregrad")
    collection.add_printer("Shape", "^scoregrad::Dims$", ShapePrinter)
    collection.add_printer("Node", "^scoregrad::(Node|Leaf)$", NodePrinter)
    collection.add_printer("Tensor", "^scoregrad::Tensor$", TensorPrinter)
    return collection


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
