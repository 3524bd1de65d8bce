"""Models and datasets that are wrong in every way that people's code is wrong, with what has to be said of each."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Faulty:
    """code: of a file, whose `Net` or `make` it is about. said: a part of the one line. frame: a part of the innermost frame that is
    told, "" where none is. settings: beside those that name it.
    """

    name: str
    code: str
    said: str
    frame: str = ""
    settings: tuple[str, ...] = ()


def net(forward: str, init: str = "self.fc = nn.Linear(13, 3)", more: str = "", top: str = "") -> str:
    """A module, as a file."""
    lines = [
        "import torch",
        "from torch import nn",
        *dedent(top).splitlines(),
        "class Net(nn.Module):",
        "    def __init__(self):",
    ]
    lines += ["        super().__init__()", *(f"        {line}" for line in dedent(init).splitlines())]
    lines += [*(f"    {line}" for line in dedent(more).splitlines()), "    def forward(self, x):"]
    lines += [f"        {line}" for line in dedent(forward).splitlines()]
    return "\n".join(lines) + "\n"


GOOD = "return self.fc(x)"

MODELS = (
    Faulty("syntax error", "class Net(:\n    pass\n", "loading broken.py: SyntaxError: invalid syntax", "broken.py:1: class Net(:"),
    Faulty("wrong indentation", "class Net:\npass\n", "IndentationError: expected an indented block", "broken.py:2: pass"),
    Faulty("raises on import", "import os\nos.environ['NO_SUCH_NAME_HERE']\n", "KeyError: 'NO_SUCH_NAME_HERE'", "in <module>"),
    Faulty("lacks a package", "import nosuchpackage\n", "ModuleNotFoundError: No module named 'nosuchpackage'; install it", "in <module>"),
    Faulty("its own engine", "from engine import Motor\n", "'engine' is a package of nntui's own: rename yours", "in <module>"),
    Faulty("exits on import", "import sys\nsys.exit(0)\n", "loading broken.py: calls sys.exit(0)", "sys.exit(0)"),
    Faulty("asks on import", "name = input('name? ')\n", "EOFError", "in <module>"),
    Faulty("odd exception", "class Odd(BaseException):\n    def __str__(self):\n        raise self\nraise Odd\n", "Odd", "raise Odd"),
    Faulty("endless recursion", "def f():\n    f()\nf()\n", "RecursionError: maximum recursion depth", "in f: f()"),
    Faulty("no module", "def Net():\n    return lambda x: x\n", "Net(...) gives a function, and a torch.nn.Module is wanted"),
    Faulty("forgets to return", "from torch import nn\ndef Net():\n    nn.Linear(3, 3)\n", "Net(...) gives None", ""),
    Faulty("raises when made", net(GOOD, "raise RuntimeError('no weights file\\nmore')"), "Net(): RuntimeError: no weights file", "raise RuntimeError"),
    Faulty("exits when made", net(GOOD, "raise SystemExit"), "Net(): calls sys.exit()", "raise SystemExit"),
    Faulty("forgets super", "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(1, 1)\n", "AttributeError: cannot assign module before Module.__init__() call", "self.fc"),
    Faulty("no weights", net("return x[:, :3]", "self.n = 3"), "Net has no weights to train"),
    Faulty("layers in a list", net("return self.l[0](x)", "self.l = [nn.Linear(13, 3)]"), "Net has no weights to train; make its layers attributes"),
    Faulty("frozen", net(GOOD, "self.fc = nn.Linear(13, 3).requires_grad_(False)"), "all weights of Net are frozen"),
    Faulty("doubles", net(GOOD, "self.fc = nn.Linear(13, 3).double()"), "the weights fc.weight of Net are float64, and nntui keeps them in float32"),
    Faulty("extra state", net(GOOD, more="def get_extra_state(self):\n    return 3\ndef set_extra_state(self, state):\n    pass"), "the state _extra_state of Net is no tensor"),
    Faulty("no forward", "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(13, 3)\n", 'is missing the required "forward" function'),
    Faulty("too few arguments", net(GOOD).replace("(self, x)", "(self)"), "forward() takes 1 positional argument but 2 were given"),
    Faulty("too many arguments", net(GOOD).replace("(self, x)", "(self, x, mask)"), "missing 1 required positional argument: 'mask'"),
    Faulty("wrong input", net("return self.fc(x)", "self.fc = nn.Linear(14, 3)"), "Net: fc (Linear) got (4, 13) and wants (n, 14); a batch of this data is (4, 13)", "return self.fc(x)"),
    Faulty("wrong deep inside", net("return self.s(x)", "self.s = nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(9, 3))"), "s.2 (Linear) got (4, 8) and wants (n, 9)", "return self.s(x)"),
    Faulty("pictures wanted", net("return self.c(x).mean((2, 3))", "self.c = nn.Conv2d(1, 3, 3)"), "c (Conv2d) got (4, 13) and wants (n, 1, height, width)", "self.c(x)"),
    Faulty("sequences wanted", net("return self.g(x)[0][:, -1]", "self.g = nn.GRU(5, 3, batch_first=True)"), "g (GRU) got (4, 13) and wants (n, time, 5)", "self.g(x)"),
    Faulty("norm of another width", net("return self.fc(self.b(x))", "self.b = nn.BatchNorm1d(12)\nself.fc = nn.Linear(13, 3)"), "b (BatchNorm1d) got (4, 13) and wants (n, 12, ...)", "self.b(x)"),
    Faulty("wrong view", net("return self.fc(x.view(-1, 5))"), "RuntimeError: shape '[-1, 5]' is invalid for input of size", "x.view(-1, 5)"),
    Faulty("too few outputs", net(GOOD, "self.fc = nn.Linear(13, 2)"), "Net gives (4, 2) for 4 rows and (4, 3) is wanted, a score for each of the 3 classes (the last layer is fc, Linear)"),
    Faulty("mixes up the rows", net("return self.fc(x).sum(0)"), "Net gives (3,) for 4 rows and (4, 3) is wanted"),
    Faulty("gives two things", net("return self.fc(x), x"), "Net gives a tuple, and one tensor is wanted; return it alone"),
    Faulty("gives nothing", net("self.fc(x)"), "Net gives a NoneType, and one tensor is wanted"),
    Faulty("gives the class", net("return self.fc(x).argmax(1, keepdim=True).expand(-1, 3)"), "Net gives int64, and numbers that can be differentiated are wanted"),
    Faulty("detached", net("return self.fc(x).detach()"), "the outputs of Net do not depend on its weights; leave out .detach()"),
    Faulty("by way of numpy", net("return torch.from_numpy(self.fc(x).numpy())"), "RuntimeError: Can't call numpy() on Tensor that requires grad", ".numpy()"),
    Faulty("without gradients", net("with torch.no_grad():\n    return self.fc(x)"), "the outputs of Net do not depend on its weights"),
    Faulty("changes in place", net("h = torch.sigmoid(self.fc(x))\nh += 1\nreturn h"), "one of the variables needed for gradient computation has been modified by an inplace operation"),
    Faulty("not a number", net("return self.fc(x) / 0 * 0"), "Net gives numbers that are not finite before it has learnt anything"),
    Faulty("fails in training only", net("assert not self.training, 'not now'\nreturn self.fc(x)"), "AssertionError: not now", "assert not self.training"),
    Faulty("exits in forward", net("raise SystemExit(3)"), "calls sys.exit(3)", "raise SystemExit(3)"),
    Faulty("unknown words", net(GOOD), "Net takes no argument 'width'; it takes none", settings=("model.arguments=width=3",)),
)  # fmt: skip


def data(body: str, top: str = "") -> str:
    """A file with a function `make`."""
    lines = ["import numpy as np", "import torch", *dedent(top).splitlines(), "def make():"]
    return "\n".join([*lines, *(f"    {line}" for line in dedent(body).splitlines())]) + "\n"


def items(getitem: str, length: str = "return 40", base: str = "torch.utils.data.Dataset") -> str:
    """A file whose `make` is a Dataset."""
    return (
        f"import numpy as np\nimport torch\nimport torch.utils.data\nclass make({base}):\n    def __len__(self):\n        {length}\n"
        f"    def __getitem__(self, i):\n        {getitem}\n"
    )


XY = "x, y = np.random.normal(size=(40, 3)), np.arange(40) % 2\n"

DATA = (
    Faulty("syntax error", "def make(:\n", "SyntaxError", "broken.py:1: def make(:"),
    Faulty("raises", data("return open('nosuch.npy')"), "make(): FileNotFoundError: [Errno 2] No such file or directory: 'nosuch.npy'", "open('nosuch.npy')"),
    Faulty("exits", data("exit()"), "calls sys.exit()", "exit()"),
    Faulty("nothing", data("pass"), "it gives nothing as its data; give (x, y)"),
    Faulty("one array", data(XY + "return x"), "a single array, without anything to predict"),
    Faulty("three arrays", data(XY + "return x, y, y"), "it gives 3 arrays in a row"),
    Faulty("two parts", data(XY + "return (x, y), (x, y)"), "it gives two parts"),
    Faulty("odd key", data(XY + "return {'train': (x, y), 'vla': (x, y)}"), "a mapping with the key 'vla'; did you mean 'val'?"),
    Faulty("no training part", data(XY + "return {'test': (x, y)}"), "it gives no part called 'train'"),
    Faulty("different lengths", data(XY + "return x, y[:-1]"), "x has 40 rows, and y has 39"),
    Faulty("different shapes", data(XY + "return {'train': (x, y), 'test': (x[:, :2], y)}"), "the samples of its parts differ in shape: train (3,), test (2,)"),
    Faulty("ragged", data("return [[1, 2], [3]] * 20, [0, 1] * 20"), "the rows of x differ in length"),
    Faulty("text", data(XY + "return x.astype(str), y"), "x holds text, and numbers are wanted"),
    Faulty("complex", data(XY + "return x * 1j, y"), "x holds complex numbers"),
    Faulty("missing values", data(XY + "x[3, 1] = np.nan\nreturn x, y"), "x has missing values (NaN) in 1 rows, the first of them row 3; set data.missing"),
    Faulty("infinite", data(XY + "x[7, 1] = np.inf\nreturn x, y"), "x has infinite values, the first of them in row 7"),
    Faulty("too large numbers", data(XY + "x[7, 1] = 1e300\nreturn x, y"), "x has values beyond what float32 can hold"),
    Faulty("targets missing", data(XY + "y = y * 1.5\ny[5] = np.nan\nreturn x, y"), "y has 1 missing values (NaN), the first of them in row 5"),
    Faulty("no targets", data(XY + "return {'x': x, 'y': None}"), "y is None"),
    Faulty("one-hot", data(XY + "return x, np.eye(2)[y]"), "y (40, 2) is one-hot; give the number of the class: y.argmax(1)"),
    Faulty("many targets", data(XY + "return x, x"), "y has the shape (40, 3)"),
    Faulty("one class", data(XY + "return x, y * 0"), "all rows are of the class 0"),
    Faulty("constant quantity", data(XY + "return x, y * 0 + 1.5"), "y is 1.5 in every row"),
    Faulty("few rows", data(XY + "return x[:6], y[:6]"), "it gives 6 rows; at least 10 are needed"),
    Faulty("empty", data("return np.empty((0, 3)), np.empty(0)"), "x has the shape (0, 3): nothing is in it"),
    Faulty("sparse", data(XY + "import scipy.sparse\nreturn scipy.sparse.csr_matrix(x), y"), "x is a sparse matrix; give what its toarray() returns"),
    Faulty("generator", data("return ((i, 0) for i in range(40))"), "a generator, which can be read only once"),
    Faulty("iterable", items("return 1", base="torch.utils.data.IterableDataset") + "    def __iter__(self):\n        return iter(())\n", "an IterableDataset, which has neither a length nor rows to choose from; give a map-style Dataset"),
    Faulty("loader", data(XY + "import torch.utils.data as d\nreturn d.DataLoader(d.TensorDataset(torch.tensor(x), torch.tensor(y)))"), "a DataLoader, and nntui makes the batches itself; give its dataset"),
    Faulty("no items", items("return 0, 0", "return 0"), "make has no items"),
    Faulty("length of no sense", items("return 0, 0", "return -1"), "ValueError: __len__() should return >= 0"),
    Faulty("item fails", items("return [[1.0], 0][i % 2 if i != 17 else 5], 0").replace("[[1.0], 0][i % 2 if i != 17 else 5]", "[[1.0]][0 if i != 17 else 5]"), "item 17 of make: IndexError: list index out of range", "in __getitem__"),
    Faulty("item of three", items("return [1.0], 0, 2"), "item 0 of make is a tuple of 3; each has to be (x, y)"),
    Faulty("items differ", items("return [1.0] * (3 if i != 9 else 4), i % 2"), "item 9 of make has the shape (4,), and the first has (3,)"),
    Faulty("items of text", items("return 'word', i % 2"), "x in item 0 of make holds text"),
    Faulty("too large", items("return np.zeros((64, 1024, 1024)), i % 2", "return 10**7"), "64 of them have to be in memory at a time"),
)  # fmt: skip
