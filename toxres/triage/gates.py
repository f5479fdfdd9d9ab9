"""Texts that are drawn at random for a purpose of their own: a group's gate, and its calibration rows.

The queue shows moderators the comments that a model is unsure of, so that what they decide there says nothing about the
comments it decides by itself. What judges a model, and what its thresholds are promised on, has to be drawn from all.
"""

from typing import NamedTuple

import numpy as np
from sqlalchemy import func
from sqlmodel import Session, select

from toxres.errors import InputError
from toxres.triage.database import Database
from toxres.triage.tables import CALIBRATION, GATE, TRAIN, Drawn, Item


class Draw(NamedTuple):
    """What was drawn.

    Attributes:
        gate: Texts that challengers are judged on.
        calibration: Texts that thresholds are set on.
        passed_over: Decided texts that could not be drawn, as models may have learned from them.
    """

    gate: int
    calibration: int
    passed_over: int


def draw_roles(database: Database, group: str, *, gate: int = 0, calibration: int = 0, seed: int = 0) -> Draw:
    """Draw texts of a group at random, whatever their verdict, for the gate and for calibration.

    They wait for moderators before all others, and are never trained on. A gate is drawn once for each group and then
    frozen; calibration rows may be added to. Draw early: texts that are decided already can't be drawn, and where the
    queue's choice made up many of them, what is left has fewer doubtful comments than come in.

    Args:
        database: An open one.
        group: Of sites.
        gate: Texts for the gate.
        calibration: Texts for calibration.
        seed: Of the draw.

    Raises:
        InputError: The group has a gate already, too few undecided texts, or no comment at all; nothing is drawn.
    """
    if gate < 0 or calibration < 0 or not gate + calibration:
        raise InputError("nothing to draw; say how many texts with --gate or --calibration, above 0")
    with database.write() as session:
        free = select(Item).where(Item.group == group, Item.role == TRAIN).order_by(Item.id).with_for_update()
        items = list(session.exec(free))
        open_items = [item for item in items if not item.decisions]
        drawn = _drawn(session, group)
        if gate and drawn.get(GATE):
            raise InputError(f"group {group!r}: its gate is drawn and frozen; leave --gate out")
        if not items and not drawn:
            raise InputError(f"group {group!r}: has no comments; record some first, or check its name")
        if len(open_items) < gate + calibration:
            raise InputError(
                f"group {group!r}: {gate + calibration:,} texts are wanted and {len(open_items):,} undecided ones are "
                "there; draw fewer, or wait for more comments"
            )
        order = np.random.default_rng(seed).permutation(len(open_items))
        for role, size, rows in (
            (GATE, gate, order[:gate]),
            (CALIBRATION, calibration, order[gate : gate + calibration]),
        ):
            for row in rows:
                open_items[row].role, open_items[row].waits = role, True
            if size:
                number = drawn.get(role, 0) + 1
                session.add(Drawn(group=group, role=role, number=number, size=size, seed=seed, drawn=database.clock()))
    return Draw(gate, calibration, len(items) - len(open_items))


def _drawn(session: Session, group: str) -> dict[str, int]:
    """Role to how often it was drawn for a group."""
    wanted = select(Drawn.role, func.max(Drawn.number)).where(Drawn.group == group).group_by(Drawn.role)
    return dict(session.exec(wanted).all())
