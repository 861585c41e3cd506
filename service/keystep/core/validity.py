"""StepRVR: is the reasoning complete, and in a logical order? (R1-VL, section 3.2: r_val = 1 when both hold, else 0.)

    completeness  background (image description and rationale), steps and a final answer are all there, none empty
    logic         the background comes before the steps; the final answer comes only after the steps

The think grammar has no background section of its own, so none is asked of it. Step numbers are not part of either
definition (reflection may restart them). Two answer sections are no final answer.
"""

from __future__ import annotations

from typing import Final

from keystep.core.structure import is_empty
from keystep.nouns import Reason, Section, SectionKind, Structure, Validity

_BACKGROUND: Final = (SectionKind.DESCRIPTION, SectionKind.RATIONALE)


def validate(structure: Structure, text: str) -> Validity:
    """Completeness and logic over the parsed sections, each defect named."""
    if not structure.sections:
        return Validity(completeness=False, logic=False, reasons=(Reason.NO_STRUCTURE,))
    background = structure.of(*_BACKGROUND)
    steps = structure.of(SectionKind.STEP)
    answers = structure.of(SectionKind.ANSWER)
    needs_background = structure.grammar != "think"

    incomplete: list[Reason] = []
    if needs_background and {s.kind for s in background} != set(_BACKGROUND):
        incomplete.append(Reason.MISSING_BACKGROUND)
    if any(is_empty(text, s.body) for s in background):
        incomplete.append(Reason.EMPTY_BACKGROUND)
    if not steps:
        incomplete.append(Reason.MISSING_STEPS)
    if any(is_empty(text, s.body) for s in steps):
        incomplete.append(Reason.EMPTY_STEP)
    if not answers:
        incomplete.append(Reason.MISSING_ANSWER)
    elif len(answers) > 1:
        incomplete.append(Reason.SEVERAL_ANSWER_SECTIONS)
    if any(is_empty(text, s.body) for s in answers):
        incomplete.append(Reason.EMPTY_ANSWER)

    illogical: list[Reason] = []
    if steps and background and _start(background[-1]) > _start(steps[0]):
        illogical.append(Reason.BACKGROUND_AFTER_STEPS)
    if steps and answers and _start(answers[0]) < _start(steps[-1]):
        illogical.append(Reason.ANSWER_BEFORE_STEPS)
    # An order can only hold between parts that exist.
    ordered = bool(steps and answers and (background or not needs_background)) and not illogical
    return Validity(completeness=not incomplete, logic=ordered, reasons=(*incomplete, *illogical))


def _start(section: Section) -> int:
    return section.header[0]
