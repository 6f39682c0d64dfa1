"""Diagrams of the chapters, drawn from the run that they describe."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hornbook.model.config import STOCK, ModelConfig
from hornbook.press.markdown import escape
from hornbook.press.plates import Node, long_word
from hornbook.tokenizer.alphabet import visible

if TYPE_CHECKING:
    from hornbook.press.run_folder import Run

PICTURE = "\\begin{tikzpicture}[book diagram]\n%s\n\\end{tikzpicture}"
DETAIL = (
    "\\tikzset{detail/.style={font=\\fontsize{7}{8}\\selectfont}}"
)
SOFTMAX = (
    "$\\mathrm{softmax}\\left(QK^\\top/\\sqrt{d_k} + M\\right)$"
)


def attention_layer(run: "Run") -> str:
    """Draw one attention layer with its shapes and its weights."""
    return draw_attention(run.model)


def draw_attention(c: ModelConfig) -> str:
    """Draw the layer of one configuration, from input to output."""
    parts = [*boxes(c), *passages(c), *meeting(c)]
    if c.kv_heads < c.heads:
        parts.append(
            "\\node[note, anchor=east, align=right] at (69mm,-50mm) "
            "{each key and value\\\\serves "
            f"{c.heads // c.kv_heads} queries}};"
        )
    return PICTURE % "\n".join([DETAIL, *parts])


def boxes(c: ModelConfig) -> list[str]:
    """Place what is there in every form, from the top down."""
    queries, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim
    stream = shape("T", c.width)
    score, take = SOFTMAX, "weights times values"
    if c.attention not in STOCK:
        score, take = r"an attention\\of its own", "what it gives"
    return [
        node("io", "x", 36, 0, f"input\\enspace${stream}$"),
        matrix("wq", 0, -16, "W_Q", c.width, queries),
        matrix("wk", 36, -16, "W_K", c.width, shared),
        matrix("wv", 72, -16, "W_V", c.width, shared),
        node("op", "s", 18, -50, score),
        node("op", "a", 45, -68, take),
        matrix("wo", 45, -86, "W_O", queries, c.width),
        node("io", "y", 45, -99, f"output\\enspace${stream}$"),
    ]


def passages(c: ModelConfig) -> list[str]:
    """Draw the arrows that are there in every form."""
    own = c.attention not in STOCK
    table = "" if own else shape(c.heads, "T", "T")
    values = shape(c.kv_heads, "T", c.head_dim)
    return [
        flow("x", "wk"),
        "\\draw[flow] (x.south) -- ++(0,-2mm) -| (wq.north);",
        "\\draw[flow] (x.south) -- ++(0,-2mm) -| (wv.north);",
        "\\draw[flow] (s.south) |- node[detail, pos=.24, left] "
        f"{{${table}$}} (a.west);",
        "\\draw[flow] (wv.south) |- node[detail, pos=.2, right] "
        f"{{${values}$}} (a.east);",
        flow("a", "wo", shape("T", c.heads * c.head_dim)),
        flow("wo", "y"),
    ]


def meeting(c: ModelConfig) -> list[str]:
    """Prepare queries and keys as this form does; let them meet."""
    queries = shape(c.heads, "T", c.head_dim)
    keys = shape(c.kv_heads, "T", c.head_dim)
    prepared = preparation(c)
    if not prepared:
        return [
            beside("wq", "left", queries),
            beside("wk", "right", keys),
            meet("wq", "-6mm"),
            meet("wk", "6mm"),
        ]
    return [
        node("norm", "pq", 0, -33, prepared),
        node("norm", "pk", 36, -33, prepared),
        flow("wq", "pq", queries),
        flow("wk", "pk", keys),
        meet("pq", "-6mm"),
        meet("pk", "6mm"),
    ]


def preparation(c: ModelConfig) -> str:
    """Say what happens to queries and keys before they meet."""
    turn = "rotate by place" if c.positions == "rope" else ""
    steps = {
        "none": [turn],
        "weight": ["norm", turn],
        "plain": [turn, "norm"],
    }[c.qk_norm]
    return ", ".join(step for step in steps if step)


def shape(*sizes: int | str) -> str:
    """Write a tensor's shape in mathematics."""
    return " \\times ".join(str(size) for size in sizes)


def node(style: str, name: str, x: float, y: float, text: str) -> str:
    """Place a box, in millimetres."""
    return f"\\node[{style}] ({name}) at ({x}mm,{y}mm) {{{text}}};"


def matrix(
    name: str, x: float, y: float, symbol: str, rows: int, columns: int
) -> str:
    """Place a matrix with its shape and how many weights it has."""
    count = f"\\detail{{{rows * columns:,} weights}}"
    size = shape(rows, columns)
    text = f"${symbol}$\\enspace${size}$\\\\[-1pt]{count}"
    return node("op", name, x, y, text)


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
    leaves = sum(not part.parts for part in walk(tree))
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
            branch(a, b + (2.6 if b else 3), x, y - 4) for a, b in ends
        )
        out.append(joint(part, x, y, part is tree))
        return x, y

    place(tree)
    return PICTURE % "\n".join(out)


def branch(a: float, b: float, x: float, y: float) -> str:
    """Draw a line up from a part, and over to what it became."""
    return (
        f"\\draw[line width=.5pt] ({a:.2f}mm,{b:.2f}mm) -- "
        f"({a:.2f}mm,{y:.2f}mm) -- ({x:.2f}mm,{y:.2f}mm);"
    )


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
        f"({x:.2f}mm,{y:.2f}mm) {{{spelled(part)}\\\\[-1pt]"
        f"\\detail{{{part.rank:,}}}}};"
    )


def spelled(part: Node) -> str:
    """Print a token in the face of code, all on one line."""
    return f"\\code{{\\vphantom{{Ag}}{escape(visible(part.token))}}}"


def token_tree(run: "Run") -> str:
    """Draw the merges of a long word of the run's vocabulary."""
    return merge_diagram(long_word(run)[1])


LEARNED = "\\fcolorbox{accent}{accent}{\\color{white}\\strut %s}"
READ = "\\fcolorbox{hairline}{white}{\\strut %s}"


def loss_mask(run: "Run") -> str:
    """Draw a dialogue's tokens; those to be learned are red."""
    from hornbook.base.dialogue import ask
    from hornbook.tokenizer.chat import render
    from hornbook.tokenizer.tokenizer import Tokenizer

    # Write a dialogue of two turns, a message to a line
    tok = Tokenizer.load(run.path("tokenizer"))
    talk = ask(
        "What is a hat?",
        "A covering for the head.",
        "And which topic is it?",
        "Everyday life",
    )
    lines: list[list[str]] = []
    for token, learned in zip(*render(tok, talk), strict=True):
        text = escape(visible(tok.token_bytes(token)))
        if token in tok.specials.values() and not learned:
            starts = not lines or not text.startswith("<|end")
            lines += [[]] if starts else []
        box = LEARNED if learned else READ
        lines[-1].append(box % f"\\code{{{text}}}")

    # Set the lines below each other
    rows = ["\\hspace{1pt}".join(line) for line in lines]
    shown = "\\\\[3pt]".join(rows)
    return (
        "{\\setlength\\fboxsep{1.5pt}\\parbox{\\textwidth}"
        f"{{\\raggedright {shown}}}}}"
    )


DIAGRAMS: dict[str, Callable[["Run"], str]] = {
    "attention_layer": attention_layer,
    "loss_mask": loss_mask,
    "token_tree": token_tree,
}
