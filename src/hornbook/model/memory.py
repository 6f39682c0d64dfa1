"""What a training holds in memory, counted tensor by tensor.

The backward pass needs much of what the forward pass made: the input of
every product, the result of every bend. Here these are counted, for a
model as it stands (*eager*) and for one that is compiled, in which
torch makes again what is cheap to make.
"""

import math

import msgspec

from hornbook.model.config import ModelConfig
from hornbook.model.inventory import tensors

FULL_BYTES, HALF_BYTES = 4, 2
FEW_LOGITS = 2**24
"""So many are held at once without a second thought."""
PIECES = 8
"""More are made in at most so many pieces."""
HELD = 1.8
"""How much memory an eager training holds for what it needs; measured
with glibc 2.36, see ``benchmarks/memory.py``."""


class Learning(msgspec.Struct, frozen=True):
    """The part of a model that learns, where the rest stays."""

    weights: int
    """How many numbers learn."""
    blocks: int
    """The last blocks through which slopes pass on their way."""


def number_bytes(bf16: bool) -> int:
    """The size of a number that goes through a product."""
    return HALF_BYTES if bf16 else FULL_BYTES


def norm_bytes(c: ModelConfig, compiled: bool) -> int:
    """What a norm keeps of one token: its input, and how it measured.

    A scale that is learnt needs the scaled numbers' own input as well,
    unless they are made again.
    """
    if c.norm == "layernorm":
        return FULL_BYTES * (c.width + 2)
    scaled = c.norm_weight and not compiled
    return FULL_BYTES * (c.width * (1 + scaled) + 1)


def attention_bytes(c: ModelConfig, bf16: bool, compiled: bool) -> int:
    """What attention keeps of one token, its norm apart."""
    number, places = number_bytes(bf16), c.context
    queries, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim

    # The input of the three products; eager bf16 copies it for each
    copies = 3 if bf16 and not compiled else 1
    kept = copies * c.width * number

    # Queries and keys before their norms, and what these measured
    if c.qk_norm != "none":
        before = number if compiled else FULL_BYTES
        scaled = c.qk_norm == "weight" and not compiled
        kept += (queries + shared) * before * (1 + scaled)
        kept += (c.heads + c.kv_heads) * FULL_BYTES

    # Queries, keys and values as they meet, and who looked where
    kept += 3 * queries * number
    if c.attention == "sdpa":
        kept += queries * number + c.heads * FULL_BYTES
    else:
        kept += c.heads * places * number

    # The heads joined again: a copy, save where a bias is added to it
    copied = not (c.bias and c.attention == "sdpa")
    return kept + queries * number * copied


def feedforward_bytes(
    c: ModelConfig, bf16: bool, compiled: bool
) -> int:
    """What the feed-forward layer keeps of one token, its norm apart.

    SwiGLU keeps both halves, the bent one and the product; the others
    what is bent and what came of it.
    """
    number = number_bytes(bf16)
    gated = c.feedforward == "swiglu"
    inner = 4 if gated and not compiled else 3 if gated else 2
    copies = 2 if gated and bf16 and not compiled else 1
    return number * (copies * c.width + inner * c.hidden)


def kept_bytes(c: ModelConfig, bf16: bool, compiled: bool) -> int:
    """What is kept of one token between forward and backward pass.

    The logits and their loss are counted apart.
    """
    norm = norm_bytes(c, compiled)
    block = (
        2 * norm
        + attention_bytes(c, bf16, compiled)
        + feedforward_bytes(c, bf16, compiled)
    )
    last = norm + c.width * number_bytes(bf16)
    return c.layers * block + last + norm * c.embedding_norm


def passing_bytes(c: ModelConfig, bf16: bool) -> int:
    """What one token needs for a moment in a block's backward pass.

    The slope of the residual stream, old and new, and inside: slopes
    of who looked where, or of the feed-forward layer's numbers.
    """
    number = number_bytes(bf16)
    queries = c.heads * c.head_dim
    table = 0 if c.attention == "sdpa" else 2 * c.heads * c.context
    inside = max(table + 4 * queries, 3 * c.hidden)
    return 2 * FULL_BYTES * c.width + number * inside


def loss_bytes(
    c: ModelConfig, tokens: int, bf16: bool, compiled: bool
) -> int:
    """What the logits and their loss need at their peak.

    As a whole: the capped logits, their logarithms, and two slopes.
    In pieces: five tables of a piece, seven with a cap, and the slope
    of the head. Compiled: the scores, their slope, and one in full.
    """
    number, head = number_bytes(bf16), c.vocab_size * c.width
    logits = tokens * c.vocab_size
    written = 2 * number + FULL_BYTES
    if logits <= FEW_LOGITS:
        tables = 4 if c.softcap else 3
        return logits * (written if compiled else tables * FULL_BYTES)

    # A piece, the slope of the head old and new, and of the model
    piece = max(-(-tokens // PIECES) * c.vocab_size, FEW_LOGITS)
    tables = 7 if c.softcap else 5
    short = number if bf16 or c.softcap else 0
    each = written if compiled else tables * FULL_BYTES + short
    slopes = head * (2 * FULL_BYTES + number)
    slopes += 2 * tokens * c.width * FULL_BYTES
    return piece * each + slopes


def matrices(c: ModelConfig) -> dict[tuple[int, int], int]:
    """Count the matrices inside the blocks, by their shapes."""
    found: dict[tuple[int, int], int] = {}
    for name, shape in tensors(c).items():
        if name.startswith("blocks.") and len(shape) == 2:
            side = (shape[0], shape[1])
            found[side] = found.get(side, 0) + 1
    return found


def step_bytes(c: ModelConfig, bf16: bool, muon: bool) -> int:
    """What the optimiser needs for a moment while it steps.

    AdamW makes the scale of a whole group. Muon takes all matrices of
    a shape together: their slopes, those ahead, and inside Newton's
    steps four of the same size and three squares of the shorter side.
    """
    number = number_bytes(bf16)
    sizes = {math.prod(s) * n for s, n in matrices(c).items()}
    rest = c.vocab_size * c.width * FULL_BYTES
    if not muon:
        return max(sum(sizes) * FULL_BYTES, rest)
    stacks = [
        count * rows * columns * (2 * FULL_BYTES + 4 * number)
        + count * min(rows, columns) ** 2 * 3 * number
        for (rows, columns), count in matrices(c).items()
    ]
    return max(*stacks, rest)
