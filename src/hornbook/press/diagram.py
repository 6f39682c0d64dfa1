"""Diagrams drawn in TikZ from the configuration of the run.

Every number in them is the model's: a diagram cannot disagree with the
code. Each function takes the model's shape and gives one TikZ picture.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from hornbook.base.errors import DataError
from hornbook.model.config import ModelConfig
from hornbook.model.count import parameters
from hornbook.press.run_folder import Run

DRAWINGS = "hornbook.press.chapters.drawings"
"""Where the chapters keep drawings of their own."""
NORMS = {"rmsnorm": "RMSNorm", "layernorm": "LayerNorm"}
FEEDFORWARDS = {
    "gelu": "GELU",
    "swiglu": "SwiGLU",
    "relu2": r"$\mathrm{ReLU}^2$",
}
Diagram = Callable[[Run], str]


def draw(name: str, run: Run, where: str) -> str:
    """Draw a diagram by its name.

    Raises:
        DataError: no diagram has that name.
    """
    known: dict[str, Diagram] = dict(DIAGRAMS)
    if find_spec("hornbook.press.chapters") and find_spec(DRAWINGS):
        known |= import_module(DRAWINGS).DIAGRAMS
    if name not in known:
        raise DataError(
            f"{where}: there is no diagram {name!r}; known are "
            f"{', '.join(sorted(known))}"
        )
    return known[name](run)


def picture(lines: list[str]) -> str:
    """Wrap TikZ commands in a picture of the book's style."""
    body = "\n".join(f"  {line}" for line in lines)
    return (
        "\\begin{tikzpicture}[book diagram]\n"
        f"{body}\n\\end{{tikzpicture}}"
    )


def count(number: int) -> str:
    """Write a number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", r"\,")


def each(total: int, layers: int) -> str:
    """Write one block's share of a count, in a detail's size."""
    return rf"\detail{{{count(total // layers)} parameters}}"


def transformer_block(config: ModelConfig) -> str:
    """One block: two sublayers that read from and add to a stream."""
    c, counts = config, parameters(config)
    norm = NORMS[c.norm]
    heads = f"{c.heads} heads of {c.head_dim}"
    if c.kv_heads != c.heads:
        heads += f", keys and values of {c.kv_heads}"
    inner = rf"${c.width}\to{c.hidden}\to{c.width}$"
    where = "rotary" if c.positions == "rope" else "learned"
    return picture([
        r"\node[io] (in) {from block $\ell-1$};",
        r"\coordinate[above=5mm of in] (s1);",
        r"\node[norm, right=11mm of s1, yshift=6mm] (n1)",
        rf"  {{{norm}}};",
        r"\node[op, above=4mm of n1] (att) {causal attention\\[-1pt]",
        rf"  \detail{{{heads}}}}};",
        r"\node[sum, at=(s1|-att.north), yshift=6mm] (a1) {};",
        r"\coordinate[above=6mm of a1] (s2);",
        r"\node[norm, at=(n1|-s2), yshift=6mm] (n2)",
        rf"  {{{norm}}};",
        r"\node[op, above=4mm of n2] (mlp)",
        rf"  {{{FEEDFORWARDS[c.feedforward]} layer\\[-1pt]",
        rf"  \detail{{{inner}}}}};",
        r"\node[sum, at=(s1|-mlp.north), yshift=6mm] (a2) {};",
        r"\node[io, above=6mm of a2] (out) {to block $\ell+1$};",
        r"\draw[stream] (in) -- (a1); \draw[stream] (a1) -- (a2);",
        r"\draw[stream, -{Stealth[length=6pt,width=6pt]}]",
        r"  (a2) -- (out);",
        r"\draw[flow] (s1) -| (n1); \draw[flow] (n1) -- (att);",
        r"\draw[flow] (att) |- (a1); \draw[flow] (s2) -| (n2);",
        r"\draw[flow] (n2) -- (mlp); \draw[flow] (mlp) |- (a2);",
        r"\node[note, right=7mm of att] (m2)",
        rf"  {{{where} positions\\$d_k={c.head_dim}$,",
        rf"  $T\le{c.context}$\\{each(counts['attention'], c.layers)}}};",
        r"\node[note, right=7mm of mlp] (m3) {each place alone\\",
        rf"  {each(counts['feed-forward'], c.layers)}}};",
        r"\foreach \a/\b in {att/m2, mlp/m3}",
        r"  \draw[hair] (\a) -- (\b);",
        r"\node[note, left=3mm of s2, align=right] {the residual\\",
        rf"  stream, $\mathbb{{R}}^{{{c.width}}}$}};",
        r"\begin{scope}[on background layer]",
        r"  \node[fit=(s1)(a2)(n1)(mlp)(att), frame,",
        r"    inner xsep=4mm, inner ysep=3mm] (box) {};",
        r"\end{scope}",
        r"\node[note, anchor=south east] at (box.north east)",
        rf"  {{$\times\,{c.layers}$}};",
    ])


def whole_model(config: ModelConfig) -> str:
    """The way from ids to logits, with the shape after every part."""
    c, counts = config, parameters(config)
    table = count(counts["token embedding"])
    block = counts["attention"] + counts["feed-forward"]
    blocks = count(block)
    head = "tied to the embedding" if c.tied else (
        f"{count(counts['head'])} parameters"
    )
    places = "rotary positions turn queries and keys in every block"
    if c.positions == "learned":
        places = f"{count(counts['position embedding'])} for positions"
    parts = [
        ("token ids", "T", "", ""),
        ("embedding", f"T\\times{c.width}", f"{table} parameters",
         places if c.positions == "learned" else ""),
        (f"{c.layers} blocks", f"T\\times{c.width}",
         f"{blocks} parameters",
         places if c.positions == "rope" else ""),
        (NORMS[c.norm], f"T\\times{c.width}", "", ""),
        ("head", f"T\\times{c.vocab_size}", head, ""),
        ("logits", f"T\\times{c.vocab_size}", "", ""),
    ]
    lines = []
    for i, (name, shape, numbers, more) in enumerate(parts):
        ends = i in (0, len(parts) - 1)
        style = "io" if ends else "op, minimum height=7mm"
        place = f", above=6.5mm of p{i - 1}" if i else ""
        lines.append(rf"\node[{style}{place}] (p{i}) {{{name}}};")
        words = r"\\".join(rf"\detail{{{w}}}" for w in (numbers, more) if w)
        if words:
            lines += [
                rf"\node[note, right=8mm of p{i}] (n{i}) {{{words}}};",
                rf"\draw[hair] (p{i}) -- (n{i});",
            ]
        if i:
            before = parts[i - 1][1]
            lines += [
                rf"\draw[stream, line width=1.2pt, ->] (p{i - 1}) --",
                rf"  node[note, left=2mm] {{${before}$}} (p{i});",
            ]
    return picture(lines)


def attention_shapes(config: ModelConfig) -> str:
    """Multi-head attention: what is multiplied, and what comes out."""
    c = config
    q, kv = c.heads * c.head_dim, c.kv_heads * c.head_dim
    head_count = count(parameters(c)["attention"] // c.layers)
    per_head = rf"{c.heads}\times T\times {c.head_dim}"
    per_kv = rf"{c.kv_heads}\times T\times {c.head_dim}"
    scores = rf"{c.heads}\times T\times T"
    cap = r"\detail{{hide the future, softmax over keys}}"
    return picture([
        rf"\node[io] (x) {{$x$\quad $T\times{c.width}$}};",
        r"\node[norm, minimum width=22mm, above=9mm of x] (k)",
        rf"  {{$W_K$ \detail{{${c.width}\times{kv}$}}}};",
        r"\node[norm, minimum width=22mm, left=8mm of k] (q)",
        rf"  {{$W_Q$ \detail{{${c.width}\times{q}$}}}};",
        r"\node[norm, minimum width=22mm, right=8mm of k] (v)",
        rf"  {{$W_V$ \detail{{${c.width}\times{kv}$}}}};",
        r"\foreach \n in {q,k,v} \draw[flow] (x) -- ++(0,5mm) -| (\n);",
        r"\coordinate (m) at ($(q)!.5!(k)$);",
        r"\node[op, minimum width=30mm, above=14mm of m] (s)",
        r"  {$QK^{\top}/\sqrt{d_k}+M$};",
        r"\node[op, minimum width=30mm, above=8mm of s] (a)",
        rf"  {{softmax\\[-1pt]{cap}}};",
        r"\node[op, minimum width=26mm, minimum height=7mm,",
        r"  above=9mm of a, xshift=15mm] (o) {weights $\times\,V$};",
        r"\node[norm, minimum width=26mm, above=8mm of o] (w)",
        rf"  {{$W_O$ \detail{{${q}\times{c.width}$}}}};",
        rf"\node[io, above=6mm of w] (y) {{$T\times{c.width}$}};",
        r"\draw[flow] (q) |- ($(s.south west)!.5!(s.south)-(0,5mm)$)",
        r"  -- ($(s.south west)!.5!(s.south)$);",
        r"\draw[flow] (k) |- ($(s.south east)!.5!(s.south)-(0,5mm)$)",
        r"  -- ($(s.south east)!.5!(s.south)$);",
        r"\draw[flow] (s) -- node[note, right=1mm]",
        rf"  {{${scores}$}} (a);",
        r"\draw[flow] (a.north) |- ($(o.south)-(5mm,4mm)$)",
        r"  -- ($(o.south)-(5mm,0)$);",
        r"\draw[flow] (v) |- ($(o.south)+(5mm,-4mm)$)",
        r"  -- ($(o.south)+(5mm,0)$);",
        r"\draw[flow] (o) -- node[note, right=1mm]",
        rf"  {{heads side by side, $T\times{q}$}} (w);",
        r"\draw[flow] (w) -- (y);",
        rf"\node[note, left=2mm of q.north, anchor=south east]",
        rf"  {{$Q$: ${per_head}$}};",
        rf"\node[note, anchor=south west] at ($(k.north)+(1mm,0)$)",
        rf"  {{$K$: ${per_kv}$}};",
        rf"\node[note, anchor=south west] at ($(v.north)+(1mm,0)$)",
        rf"  {{$V$: ${per_kv}$}};",
        r"\node[note, right=6mm of w]",
        rf"  {{\detail{{{head_count} parameters}}\\",
        r"  \detail{in one block's attention}};",
    ])


DIAGRAMS: dict[str, Diagram] = {
    "attention_shapes": lambda run: attention_shapes(run.model),
    "transformer_block": lambda run: transformer_block(run.model),
    "whole_model": lambda run: whole_model(run.model),
}
