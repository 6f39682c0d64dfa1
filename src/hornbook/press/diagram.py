"""Diagrams drawn in TikZ from the configuration of the run.

Every number in them is the model's: a diagram cannot disagree with the
code. Each drawing is plain TikZ with names (``@width``) in the places
of numbers; a function beside it works the numbers out.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from string import Template

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
PLACES = {"rope": "rotary positions", "learned": "learned positions"}
Diagram = Callable[[Run], str]


class Drawing(Template):
    """TikZ with names in the places of numbers."""

    delimiter = "@"


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


def picture(body: str) -> str:
    """Wrap TikZ commands in a picture of the book's style."""
    return (
        "\\begin{tikzpicture}[book diagram]\n"
        f"{body.strip()}\n\\end{{tikzpicture}}"
    )


def count(number: int) -> str:
    """Write a number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", r"\,")


BLOCK = Drawing(r"""
\node[io] (in) {from block $\ell-1$};
\coordinate[above=5mm of in] (s1);
\node[norm, right=11mm of s1, yshift=6mm] (n1) {@norm};
\node[op, above=4mm of n1] (att)
  {causal attention\\[-1pt]\detail{@heads}};
\node[sum, at=(s1|-att.north), yshift=6mm] (a1) {};
\coordinate[above=6mm of a1] (s2);
\node[norm, at=(n1|-s2), yshift=6mm] (n2) {@norm};
\node[op, above=4mm of n2] (mlp)
  {@feedforward layer\\[-1pt]\detail{$@width\to@hidden\to@width$}};
\node[sum, at=(s1|-mlp.north), yshift=6mm] (a2) {};
\node[io, above=6mm of a2] (out) {to block $\ell+1$};
\draw[stream] (in) -- (a1);
\draw[stream] (a1) -- (a2);
\draw[stream, -{Stealth[length=6pt,width=6pt]}] (a2) -- (out);
\draw[flow] (s1) -| (n1);
\draw[flow] (n1) -- (att);
\draw[flow] (att) |- (a1);
\draw[flow] (s2) -| (n2);
\draw[flow] (n2) -- (mlp);
\draw[flow] (mlp) |- (a2);
\node[note, right=7mm of att] (m2) {@places\\
  $d_k=@head_dim$, $T\le@context$\\
  \detail{@attention parameters}};
\node[note, right=7mm of mlp] (m3) {each place alone\\
  \detail{@inner parameters}};
\foreach \a/\b in {att/m2, mlp/m3} \draw[hair] (\a) -- (\b);
\node[note, left=3mm of s2, align=right]
  {the residual\\stream, $\mathbb{R}^{@width}$};
\begin{scope}[on background layer]
  \node[fit=(s1)(a2)(n1)(mlp)(att), frame, inner xsep=4mm,
    inner ysep=3mm] (box) {};
\end{scope}
\node[note, anchor=south east] at (box.north east)
  {$\times\,@layers$};
""")


def transformer_block(config: ModelConfig) -> str:
    """One block: two sublayers that read from and add to a stream."""
    c, counts = config, parameters(config)
    heads = f"{c.heads} heads of {c.head_dim}"
    if c.kv_heads != c.heads:
        heads += f", keys and values of {c.kv_heads}"
    return picture(
        BLOCK.substitute(
            norm=NORMS[c.norm],
            heads=heads,
            feedforward=FEEDFORWARDS[c.feedforward],
            width=c.width,
            hidden=c.hidden,
            places=PLACES[c.positions],
            head_dim=c.head_dim,
            context=c.context,
            attention=count(counts["attention"] // c.layers),
            inner=count(counts["feed-forward"] // c.layers),
            layers=c.layers,
        )
    )


MODEL = Drawing(r"""
\node[io] (p0) {token ids};
\node[norm, minimum height=7mm, above=6.5mm of p0] (p1) {embedding};
\node[norm, minimum height=7mm, above=6.5mm of p1] (p2) {@blocks};
\node[norm, minimum height=7mm, above=6.5mm of p2] (p3) {@norm};
\node[norm, minimum height=7mm, above=6.5mm of p3] (p4) {head};
\node[io, above=6.5mm of p4] (p5) {logits};
\foreach \a/\b/\shape in {0/1/T, 1/2/T\times @width,
    2/3/T\times @width, 3/4/T\times @width, 4/5/T\times @vocabulary}
  \draw[stream, line width=1.2pt, ->] (p\a) --
    node[note, left=2mm, text=black] {$\shape$} (p\b);
\node[note, right=8mm of p1] (n1) {@embedding};
\node[note, right=8mm of p2] (n2) {@inside};
\node[note, right=8mm of p4] (n4) {@head};
\foreach \i in {1, 2, 4} \draw[hair] (p\i) -- (n\i);
""")


def whole_model(config: ModelConfig) -> str:
    """The way from ids to logits, with the shape after every part."""
    c, counts = config, parameters(config)
    block = counts["attention"] + counts["feed-forward"]
    table = f"{count(counts['token embedding'])} parameters"
    if c.positions == "learned":
        places = count(counts["position embedding"])
        table += rf"\\and {places} for the positions"
    head = f"{count(counts['head'])} parameters"
    if c.tied:
        head = "the embedding's own matrix"
    if c.softcap:
        head += rf"\\then a soft cap at $\pm{c.softcap:g}$"
    return picture(
        MODEL.substitute(
            blocks=f"{c.layers} block{'s' * (c.layers != 1)}",
            norm=NORMS[c.norm],
            width=c.width,
            vocabulary=c.vocab_size,
            embedding=table,
            inside=rf"{count(block)} parameters\\{PLACES[c.positions]}",
            head=head,
        )
    )


SHAPES = Drawing(r"""
\node[io] (x) {$x$\quad $T\times @width$};
\node[norm, minimum width=22mm, above=9mm of x] (k)
  {$W_K$ \detail{$@width\times @shared$}};
\node[norm, minimum width=22mm, left=8mm of k] (q)
  {$W_Q$ \detail{$@width\times @queries$}};
\node[norm, minimum width=22mm, right=8mm of k] (v)
  {$W_V$ \detail{$@width\times @shared$}};
\foreach \n in {q, k, v}
  \draw[flow] (x) -- ++(0,5mm) -| (\n);
\coordinate (m) at ($(q)!.5!(k)$);
\node[op, minimum width=30mm, above=14mm of m] (s)
  {$QK^{\top}/\sqrt{d_k}+M$};
\node[op, minimum width=30mm, above=8mm of s] (a)
  {softmax\\[-1pt]\detail{over the keys of the past}};
\node[op, minimum width=26mm, minimum height=7mm, above=9mm of a,
  xshift=15mm] (o) {weights $\times\,V$};
\node[norm, minimum width=26mm, above=8mm of o] (w)
  {$W_O$ \detail{$@queries\times @width$}};
\node[io, above=6mm of w] (y) {$T\times @width$};
\coordinate (l) at ($(s.south west)!.5!(s.south)$);
\coordinate (r) at ($(s.south east)!.5!(s.south)$);
\draw[flow] (q) |- ($(l)-(0,5mm)$) -- (l);
\draw[flow] (k) |- ($(r)-(0,5mm)$) -- (r);
\draw[flow] (s) -- node[note, right=1mm]
  {$@heads\times T\times T$} (a);
\draw[flow] (a.north) |- ($(o.south)-(5mm,4mm)$)
  -- ($(o.south)-(5mm,0)$);
\draw[flow] (v) |- ($(o.south)+(5mm,-4mm)$)
  -- ($(o.south)+(5mm,0)$);
\draw[flow] (o) -- node[note, right=1mm]
  {heads side by side, $T\times @queries$} (w);
\draw[flow] (w) -- (y);
\node[note, anchor=south east] at ($(q.north)-(1mm,0)$)
  {$Q$: $@heads\times T\times @head_dim$};
\node[note, anchor=south west] at ($(k.north)+(1mm,0)$)
  {$K$: $@kv_heads\times T\times @head_dim$};
\node[note, anchor=south west] at ($(v.north)+(1mm,0)$)
  {$V$: $@kv_heads\times T\times @head_dim$};
\node[note, right=6mm of w]
  {@total parameters\\in each block's attention};
""")


def attention_shapes(config: ModelConfig) -> str:
    """Multi-head attention: what is multiplied, and what comes out."""
    c = config
    return picture(
        SHAPES.substitute(
            width=c.width,
            queries=c.heads * c.head_dim,
            shared=c.kv_heads * c.head_dim,
            heads=c.heads,
            kv_heads=c.kv_heads,
            head_dim=c.head_dim,
            total=count(parameters(c)["attention"] // c.layers),
        )
    )


DIAGRAMS: dict[str, Diagram] = {
    "attention_shapes": lambda run: attention_shapes(run.model),
    "transformer_block": lambda run: transformer_block(run.model),
    "whole_model": lambda run: whole_model(run.model),
}
