"""Scenes of objects to be subtracted, in the manner of CLEVR and of R1-VL's Figure 4: a picture, and steps that must be seen.

    Subtract all red things. Subtract all small matte spheres. How many objects are left?

An object fills one cell of 28 pixels, which is one visual token of Qwen2-VL.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from keystep_train.tasks.question import BROKEN_ORDERS, Flaws, Layout, Question, Split, split_rng

CELL = 28
COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 150, 50),
    "blue": (40, 70, 200),
    "yellow": (225, 205, 40),
    "purple": (130, 40, 160),
    "cyan": (50, 190, 200),
}
SHAPES = {"cube": "cubes", "sphere": "spheres", "cylinder": "cylinders"}
SIZES = ("small", "large")
MATERIALS = ("matte", "metal")
_BACKGROUND = (235, 235, 235)
_COLUMNS = 4


@dataclass(frozen=True)
class Thing:
    """One object; cell: its place, row by row."""

    size: str
    colour: str
    material: str
    shape: str
    cell: int


@dataclass(frozen=True)
class Kind:
    """What is subtracted: objects with all of these attributes; None: any."""

    size: str | None
    colour: str | None
    material: str | None
    shape: str | None

    def holds(self, thing: Thing) -> bool:
        return all(
            wanted in {None, has}
            for wanted, has in (
                (self.size, thing.size),
                (self.colour, thing.colour),
                (self.material, thing.material),
                (self.shape, thing.shape),
            )
        )

    def text(self) -> str:
        words = [word for word in (self.size, self.colour, self.material) if word is not None]
        return " ".join([*words, SHAPES[self.shape] if self.shape else "things"])


@dataclass(frozen=True)
class Scene:
    """things, and the kinds to subtract, one after the other."""

    things: tuple[Thing, ...]
    kinds: tuple[Kind, ...]

    def counts(self) -> list[int]:
        """How many each kind takes of those that are left."""
        left = list(self.things)
        taken = []
        for kind in self.kinds:
            taken.append(sum(kind.holds(thing) for thing in left))
            left = [thing for thing in left if not kind.holds(thing)]
        return taken

    def picture(self) -> Image.Image:
        rows = -(-_cells(len(self.kinds)) // _COLUMNS)
        image = Image.new("RGB", (_COLUMNS * CELL, rows * CELL), _BACKGROUND)
        for thing in self.things:
            _draw_thing(ImageDraw.Draw(image), thing)
        return image


class Scenes:
    """difficulty: how many kinds are subtracted; a scene has 3 to 4 + 2 * difficulty objects."""

    name = "scenes"

    def __init__(self, *, difficulty: int = 2, seed: int = 0) -> None:
        if not 1 <= difficulty <= 6:
            raise ValueError(f"difficulty is {difficulty}; a scene has 1 to 6 kinds subtracted")
        self.difficulty = difficulty
        self.seed = seed

    def question(self, split: Split, index: int) -> Question:
        scene = self.scene(split, index)
        counts = scene.counts()
        return Question(
            id=f"{self.name}/{self.difficulty}/{split}/{index}",
            prompt="".join(f"Subtract all {kind.text()}. " for kind in scene.kinds) + "How many objects are left?\n",
            answer=str(len(scene.things) - sum(counts)),
            reference=_layout(scene, counts).text(),
            key_steps=_key_steps(scene, counts),
            images=(scene.picture(),),
        )

    def response(self, split: Split, index: int, flaws: Flaws, rng: random.Random) -> str:
        """A wrong step miscounts a kind. There is one operator, so flaws.only has no say."""
        scene = self.scene(split, index)
        left = len(scene.things)
        counts = []
        for count in scene.counts():
            wrong = rng.random() < flaws.step
            counts.append(rng.choice([n for n in range(left + 1) if n != count] or [0]) if wrong else min(count, left))
            left -= counts[-1]
        order = rng.choice(BROKEN_ORDERS) if rng.random() < flaws.layout else Layout.order
        return _layout(scene, counts, order).wordy(flaws.filler, rng).text()

    def texts(self) -> list[str]:
        numbers = "\n".join(f"{n} - {n} = {n}" for n in range(_cells(self.difficulty) + 1))
        drawn = [self.question("train", i) for i in range(2000)]
        return [numbers, *(q.prompt for q in drawn), *(q.reference for q in drawn)]

    def scene(self, split: Split, index: int) -> Scene:
        """Drawn anew until it belongs to the split, which is written in where its objects stand."""
        rng = split_rng(self.seed, split, index)
        while True:
            scene = _draw_scene(rng, self.difficulty)
            if (sum(thing.cell for thing in scene.things) % 4 == 0) == (split == "test"):
                return scene


def _cells(difficulty: int) -> int:
    return 4 + 2 * difficulty


def _draw_scene(rng: random.Random, difficulty: int) -> Scene:
    cells = rng.sample(range(_cells(difficulty)), rng.randint(3, _cells(difficulty)))
    things = tuple(
        Thing(rng.choice(SIZES), rng.choice(list(COLOURS)), rng.choice(MATERIALS), rng.choice(list(SHAPES)), cell) for cell in sorted(cells)
    )
    return Scene(things, tuple(_draw_kind(rng, rng.choice(things)) for _ in range(difficulty)))


def _draw_kind(rng: random.Random, like: Thing) -> Kind:
    """One that a thing of the scene is of, by one to three of its attributes."""
    named = rng.sample(("size", "colour", "material", "shape"), rng.randint(1, 3))
    return Kind(**{name: getattr(like, name) if name in named else None for name in ("size", "colour", "material", "shape")})


def _steps(scene: Scene, counts: list[int]) -> list[str]:
    left = len(scene.things)
    steps = [f"Count all objects. There are {left}."]
    for kind, count in zip(scene.kinds, counts, strict=True):
        steps.append(f"Of {kind.text()} there are {count}. {left} - {count} = {left - count}")
        left -= count
    return steps


def _key_steps(scene: Scene, counts: list[int]) -> tuple[tuple[str, ...], ...]:
    """The count of everything, and each subtraction, in figures or in words."""
    left = len(scene.things)
    found: list[tuple[str, ...]] = [(f"There are {left}", f"{left} objects")]
    for count in counts:
        found.append((f"{left} - {count} = {left - count}", f"{left} minus {count} is {left - count}"))
        left -= count
    return tuple(found)


def _layout(scene: Scene, counts: list[int], order: tuple[str, ...] = Layout.order) -> Layout:
    seen = ", ".join(f"{t.size} {t.colour} {t.material} {t.shape}" for t in scene.things)
    rationale = "Count the objects, then subtract those of each kind."
    return Layout(f"{seen}.", rationale, _steps(scene, counts), str(len(scene.things) - sum(counts)), order)


def _draw_thing(draw: ImageDraw.ImageDraw, thing: Thing) -> None:
    """Large fills its cell, small half of it; metal has a bright spot."""
    row, column = divmod(thing.cell, _COLUMNS)
    half = 12 if thing.size == "large" else 7
    x, y = column * CELL + CELL // 2, row * CELL + CELL // 2
    box = (x - half, y - half, x + half, y + half)
    colour = COLOURS[thing.colour]
    if thing.shape == "sphere":
        draw.ellipse(box, fill=colour, outline="black")
    elif thing.shape == "cube":
        draw.rectangle(box, fill=colour, outline="black")
    else:
        draw.rectangle((x - half // 2, y - half, x + half // 2, y + half), fill=colour, outline="black")
        draw.ellipse((x - half // 2, y - half, x + half // 2, y - half // 2), fill=colour, outline="black")
    if thing.material == "metal":
        spot = half // 3
        draw.ellipse((x - spot, y - spot, x + spot, y + spot), fill="white")
