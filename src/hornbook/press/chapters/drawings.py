"""Diagrams of the chapters, drawn from the run that they describe."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hornbook.model.config import ModelConfig
from hornbook.press.markdown import escape
from hornbook.press.plates import Node, long_word, visible

if TYPE_CHECKING:
    from hornbook.press.run_folder import Run

PICTURE = "\\begin{tikzpicture}[book diagram]\n%s\n\\end{tikzpicture}"


def attention_layer(run: "Run") -> str:
    """Draw one attention layer with its shapes and its weights."""
    return draw_attention(run.model)


def draw_attention(c: ModelConfig) -> str:
    """Draw the layer of one configuration, from input to output."""
    queries, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim
    wide = f"{c.width} \\times {queries}"
    narrow = f"{c.width} \\times {shared}"

    # Place what is there in every form, from the top down
    nodes = [
        node("io", "x", 36, 0, f"input\\enspace${shape('T', c.width)}$"),
        matrix("wq", 0, "W_Q", wide, c.width * queries),
        matrix("wk", 36, "W_K", narrow, c.width * shared),
        matrix("wv", 72, "W_V", narrow, c.width * shared),
        node("op", "s", 18, -50, softmax()),
        node("op", "a", 45, -68, "weights times values"),
        matrix("wo", 45, "W_O", wide_back(c, queries), c.width * queries,
               -86),
        node("io", "y", 45, -99, f"output\\enspace${shape('T', c.width)}$"),
    ]
    lines = [
        flow("x", "wk"),
        "\\draw[flow] (x.south) -- ++(0,-2mm) -| (wq.north);",
        "\\draw[flow] (x.south) -- ++(0,-2mm) -| (wv.north);",
        flow("a", "wo", shape("T", queries)),
        flow("wo", "y"),
    ]

    # Turn and norm queries and keys as this form does
    prepared = preparation(c)
    above = ("wq", "wk")
    if prepared:
        nodes += [
            node("norm", "pq", 0, -33, prepared),
            node("norm", "pk", 36, -33, prepared),
        ]
        lines += [
            flow("wq", "pq", shape(c.heads, "T", c.head_dim)),
            flow("wk", "pk", shape(c.kv_heads, "T", c.head_dim)),
        ]
        above = ("pq", "pk")
    else:
        nodes += [
            beside("wq", "left", shape(c.heads, "T", c.head_dim)),
            beside("wk", "right", shape(c.kv_heads, "T", c.head_dim)),
        ]
    lines += [
        meet(above[0], "-6mm"),
        meet(above[1], "6mm"),
        "\\draw[flow] (s.south) |- node[detail, pos=.24, left]"
        f" {{${shape(c.heads, 'T', 'T')}$}} (a.west);",
        "\\draw[flow] (wv.south) |- node[detail, pos=.2, right]"
        f" {{${shape(c.kv_heads, 'T', c.head_dim)}$}} (a.east);",
    ]
    if c.kv_heads < c.heads:
        each = c.heads // c.kv_heads
        nodes.append(
            "\\node[note, anchor=east, align=right] at (69mm,-50mm) "
            f"{{each key and value\\\\serves {each} queries}};"
        )
    return PICTURE % "\n".join(
        ["\\tikzset{detail/.style={font=\\fontsize{7}{8}\\selectfont}}",
         *nodes, *lines]
    )


def wide_back(c: ModelConfig, queries: int) -> str:
    """Write the shape of the matrix that leads back."""
    return f"{queries} \\times {c.width}"


def preparation(c: ModelConfig) -> str:
    """Say what happens to queries and keys before they meet."""
    turn = "rotate by place" if c.positions == "rope" else ""
    steps = {
        "none": [turn],
        "weight": ["norm", turn],
        "plain": [turn, "norm"],
    }[c.qk_norm]
    return ", ".join(step for step in steps if step)


def softmax() -> str:
    """Write the middle of the formula of attention."""
    return (
        "$\\mathrm{softmax}\\left(QK^\\top/\\sqrt{d_k} + M\\right)$"
    )


def shape(*sizes: int | str) -> str:
    """Write a tensor's shape in mathematics."""
    return " \\times ".join(str(size) for size in sizes)


def node(style: str, name: str, x: float, y: float, text: str) -> str:
    """Place a box, in millimetres."""
    return f"\\node[{style}] ({name}) at ({x}mm,{y}mm) {{{text}}};"


def matrix(
    name: str, x: float, symbol: str, size: str, count: int, y: float = -16
) -> str:
    """Place a matrix with its shape and how many weights it has."""
    text = f"${symbol}$\\enspace${size}$\\\\[-1pt]"
    return node("op", name, x, y, f"{text}\\detail{{{count:,} weights}}")


def flow(above: str, below: str, label: str = "") -> str:
    """Draw an arrow down, with a shape beside it."""
    beside = f"node[detail, right] {{${label}$}} " if label else ""
    return f"\\draw[flow] ({above}) -- {beside}({below});"


def beside(above: str, side: str, label: str) -> str:
    """Write a shape beside the arrow that leaves a box downwards."""
    anchor = "north east" if side == "left" else "north west"
    return (
        f"\\node[detail, anchor={anchor}] at ([yshift=-1mm]"
        f"{above}.south) {{${label}$}};"
    )


def meet(above: str, at: str) -> str:
    """Draw queries or keys down to where they meet."""
    return (
        f"\\draw[flow] ({above}.south) -- ++(0,-6mm) -| "
        f"([xshift={at}]s.north);"
    )


def merge_diagram(tree: Node, measure_mm: float = 104) -> str:
    """Draw how bytes grew together into one token.

    Bytes stand at the foot; every join is one merge, and the number
    at it says when in the training it was learned.
    """
    # Give each byte a column and each join the middle of its parts
    leaves = sum(1 for _ in walk(tree) if not _.parts)
    step = min(11.0, measure_mm / max(leaves, 1))
    lift = 10.0
    out: list[str] = []
    column = 0

    def place(part: Node) -> tuple[float, float]:
        nonlocal column
        if not part.parts:
            x, column = column * step, column + 1
            out.append(leaf(part, x))
            return x, 0.0
        ends = [place(p) for p in part.parts]
        x = sum(end[0] for end in ends) / len(ends)
        y = part.height * lift
        out.extend(
            f"\\draw[line width=.5pt] ({a:.2f}mm,{b + (3 if not b else 2.6):.2f}mm) -- "
            f"({a:.2f}mm,{y - 4:.2f}mm) -- ({x:.2f}mm,{y - 4:.2f}mm);"
            for a, b in ends
        )
        out.append(joint(part, x, y, part is tree))
        return x, y

    place(tree)
    return PICTURE % "\n".join(out)


def walk(tree: Node) -> list[Node]:
    """List a tree's nodes, parts before what they make."""
    return [n for part in tree.parts for n in walk(part)] + [tree]


def leaf(part: Node, x: float) -> str:
    """Print one byte at the foot of the tree."""
    return (
        f"\\node[inner sep=1pt] at ({x:.2f}mm,0mm) "
        f"{{{spelled(part)}}};"
    )


def joint(part: Node, x: float, y: float, whole: bool) -> str:
    """Print a joined token over the number of its merge."""
    color = "text=accent, " if whole else ""
    return (
        f"\\node[{color}inner sep=1pt, fill=white, align=center] at "
        f"({x:.2f}mm,{y:.2f}mm) {{{spelled(part)}\\\\[-2.5pt]"
        f"\\detail{{{part.rank:,}}}}};"
    )


def spelled(part: Node) -> str:
    """Print a token in the face of code, all on one line."""
    return f"\\code{{\\vphantom{{Ag}}{escape(visible(part.token))}}}"


def token_tree(run: "Run") -> str:
    """Draw the merges of a long word of the run's vocabulary."""
    return merge_diagram(long_word(run)[1])


DIAGRAMS: dict[str, Callable[["Run"], str]] = {
    "attention_layer": attention_layer,
    "token_tree": token_tree,
}
