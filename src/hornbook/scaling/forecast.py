"""The forecast ledger: what was foretold, when, and what came.

``scaling/ledger.jsonl`` of a run is only ever added to. A forecast is
a line with its time; when the pretraining has ended, a second line
scores it.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import append_jsonl, read_jsonl
from hornbook.scaling.fit import fit_scaling_law
from hornbook.scaling.law import ScalingLaw
from hornbook.scaling.prior import load_prior

LEDGER = "scaling/ledger.jsonl"
LEAST_POINTS = 5
"""Trials without which a run's own text says nothing."""
DRIFT = 0.015
"""How far a corrected law may stray with each factor of e in tokens
beyond what was tried, as a share of the loss."""

FITTED = "the law that was fitted to this run's own trials"
CORRECTED = (
    "the law of other runs, corrected by how this run's own trials "
    "differ from it"
)
PRIOR = "a prior, from other runs"


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What held-out text will cost after pretraining, beforehand."""

    time: str
    """When it was made, in UTC."""
    kind: str
    """``fitted``, ``corrected`` or ``prior``: by which law."""
    law: str
    """The same in words."""
    parameters: int
    """All trained numbers, embeddings included."""
    tokens: int
    loss: float
    """Nats per token of all held-out text."""
    low: float
    high: float
    """The 95% interval of ``loss``."""
    bits_per_nat: float
    """Bits per byte for each nat per token of this vocabulary."""
    begun: bool = False
    """Whether a pretraining had begun in the run when it was made."""

    @property
    def bits_per_byte(self) -> tuple[float, float, float]:
        """The forecast and its ends in bits per byte."""
        return (
            self.loss * self.bits_per_nat,
            self.low * self.bits_per_nat,
            self.high * self.bits_per_nat,
        )


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a forecast."""

    time: str
    forecast: str
    """The time of the forecast that is scored."""
    loss: float
    """What all held-out text costs, in nats per token."""
    bits_per_byte: float
    error: float
    """Foretold minus measured, in nats per token."""
    inside: bool
    """Whether the measured loss lies within the interval."""


def choose_law(
    points: Sequence[dict[str, float]],
    target_tokens: int,
    ratio: float,
) -> tuple[str, ScalingLaw, ScalingLaw | None]:
    """Choose what foretells: its kind, the law, and the free fit.

    The free fit of five numbers foretells where the points settle it.
    Where they do not, the law of other runs is corrected by them;
    where there are hardly any, it stands alone. ``ratio`` is how much
    more text a token holds here than in those runs.
    """
    prior = carry_over(load_prior().law, ratio)
    if len(points) < LEAST_POINTS:
        return "prior", prior, None
    params, tokens, loss = (
        [point[name] for point in points]
        for name in ("parameters", "tokens", "loss")
    )
    free = fit_scaling_law(params, tokens, loss)
    if free.identified:
        return "fitted", free, free
    law = correct(prior, params, tokens, loss, target_tokens)
    return "corrected", law, free


def carry_over(law: ScalingLaw, ratio: float) -> ScalingLaw:
    """Express a law in tokens that hold ``ratio`` times the text.

    Text counts in bytes: a token that holds more of it costs more
    nats, and fewer such tokens are read.
    """
    scales = np.array([ratio, ratio, ratio, 1.0, 1.0])
    draws = np.array(law.draws) * scales
    draws[:, 2] /= ratio ** draws[:, 4]
    return msgspec.structs.replace(
        law,
        E=law.E * ratio,
        A=law.A * ratio,
        B=law.B * ratio / ratio**law.beta,
        offset=law.offset / ratio,
        interval={},
        draws=tuple(map(tuple, draws.tolist())),
    )


def correct(
    law: ScalingLaw,
    params: Sequence[float],
    tokens: Sequence[float],
    loss: Sequence[float],
    target_tokens: int,
) -> ScalingLaw:
    """Multiply a law by the factor by which a run's trials miss it.

    Each resample of the law gets a factor of its own, so that they
    differ in the way from the trials to the target and not in level.
    How unequally the trials miss the law is its spread. To this is
    added what a text may stray beyond the tokens that were tried.
    """
    n, d, measured = np.array(params), np.array(tokens), np.array(loss)
    misses = np.log(measured / law.predict(n, d))
    each = np.log(measured / law.predict_draws(n, d)).mean(axis=1)
    reach = max(math.log(target_tokens / d.max()), 0.0)
    return msgspec.structs.replace(
        law.times(math.exp(misses.mean()), np.exp(each)),
        identified=False,
        reason="its shape is that of other runs",
        points=len(misses),
        spread=math.hypot(misses.std(ddof=1), DRIFT * reach),
    )


def foretell(
    kind: str,
    law: ScalingLaw,
    parameters: int,
    tokens: int,
    bits_per_nat: float,
    begun: bool = False,
) -> Forecast:
    """Give the loss of a training to come, with its interval."""
    low, high = law.predict_interval(parameters, tokens)
    return Forecast(
        time=now(),
        kind=kind,
        law=LAWS[kind],
        parameters=parameters,
        tokens=tokens,
        loss=law.predict(parameters, tokens),
        low=low,
        high=high,
        bits_per_nat=bits_per_nat,
        begun=begun,
    )


def foretell_by_prior(
    parameters: int, tokens: int, ratio: float, begun: bool = False
) -> Forecast:
    """Give the forecast of other runs, before this one tried anything.

    Its interval is widened by how far another text may lie beside
    theirs. ``ratio`` is that of ``choose_law``.
    """
    prior = load_prior()
    law = msgspec.structs.replace(
        carry_over(prior.law, ratio),
        spread=math.hypot(prior.law.spread, prior.margin),
    )
    bits_per_nat = 1 / (prior.bytes_per_token * ratio * math.log(2))
    return foretell(
        "prior", law, parameters, tokens, bits_per_nat, begun
    )


def enter(folder: Path, entry: Forecast | Score) -> None:
    """Add a line to the run's ledger."""
    kind = type(entry).__name__.lower()
    line = {kind: msgspec.to_builtins(entry)}
    append_jsonl(folder / LEDGER, line)


def score(folder: Path, result: dict[str, Any]) -> Score | None:
    """Score the last forecast by what pretraining gave.

    A forecast is scored once, and only by the training that it was
    made for.
    """
    forecast, before = last_entries(folder)
    if forecast is None or before is not None:
        return None
    if forecast.tokens != result["tokens"]:
        return None
    loss = float(result["heldout_loss"])
    made = Score(
        time=now(),
        forecast=forecast.time,
        loss=loss,
        bits_per_byte=float(result["heldout_bpb"]),
        error=forecast.loss - loss,
        inside=forecast.low <= loss <= forecast.high,
    )
    enter(folder, made)
    return made


def last_entries(folder: Path) -> tuple[Forecast | None, Score | None]:
    """Read the last forecast of a run, and its score if it has one.

    Raises:
        CorruptFileError: the ledger holds something else.
    """
    forecast, found = None, None
    try:
        for line in read_jsonl(folder / LEDGER):
            if "forecast" in line:
                forecast = msgspec.convert(line["forecast"], Forecast)
                found = None
            else:
                found = msgspec.convert(line["score"], Score)
    except (KeyError, msgspec.ValidationError) as error:
        raise CorruptFileError(
            f"{folder / LEDGER} is no ledger of forecasts ({error}); "
            "delete it, and 'hornbook scale' makes a new one"
        ) from error
    return forecast, found


def entries(folder: Path) -> tuple[Forecast, Score | None]:
    """Give a run's forecast, and its score if pretraining has ended.

    Raises:
        DataError: nothing was foretold in this folder.
    """
    forecast, scored = last_entries(folder)
    if forecast is None:
        raise DataError(
            f"{folder} has no forecast; 'hornbook scale' with its "
            "recipe makes one, before the pretraining begins"
        )
    return forecast, scored


def describe_forecast(
    forecast: Forecast, scored: Score | None = None
) -> list[tuple[str, str]]:
    """Write a forecast and its score as rows, for people."""
    # Say what was foretold, when, and by what
    asked = f"{forecast.parameters:,} parameters, embeddings included"
    nats = f"{forecast.loss:.3f} nats per token of held-out text"
    nats += f" ({forecast.low:.3f} to {forecast.high:.3f})"
    bits, least, most = forecast.bits_per_byte
    rows = [
        ("made", forecast.time),
        ("by", forecast.law),
        ("for", f"{asked}; {forecast.tokens:,} tokens"),
        ("forecast", nats),
        ("", f"{bits:.3f} bits per byte ({least:.3f} to {most:.3f})"),
    ]

    # Say what came of it
    if forecast.begun:
        rows.append(("but", "a pretraining had begun here before"))
    if scored:
        came = f"{scored.loss:.3f} nats per token of all held-out text"
        came += f", {scored.bits_per_byte:.3f} bits per byte"
        rows += [("came", came), ("so it was", verdict(scored))]
    return rows


def verdict(scored: Score) -> str:
    """Say in a line how far off a forecast was."""
    where = "inside" if scored.inside else "outside"
    side = "high" if scored.error > 0 else "low"
    return (
        f"{abs(scored.error):.3f} nats per token too {side} "
        f"({abs(scored.error) / scored.loss:.1%}), {where} its interval"
    )


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


LAWS = {"fitted": FITTED, "corrected": CORRECTED, "prior": PRIOR}
