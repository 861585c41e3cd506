"""Fresh rollouts from a seed: groups as the wire has them, 4 rollouts a question, 300 to 800 words each, right and wrong.

Mulberry-framed reasoning over charts, triangles, object counts, fractions and quadratics; gold answers are integers, decimals,
percentages, letters, yes/no and LaTeX. Another seed gives other numbers, names and wording throughout,
so that no cache has seen any of it.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any

ROLLOUTS_PER_QUESTION = 4


class Work:
    """A chain of calculations; the slip-th of them comes out wrong and the rest goes on from there."""

    def __init__(self, slip: int | None = None, off: int = 0) -> None:
        self.slip, self.off = slip, off
        self.lines: list[tuple[str, str, str]] = []  # what, left side, result

    def do(self, what: str, left: str, value: Fraction | int) -> Fraction:
        value = Fraction(value) + (self.off if len(self.lines) == self.slip else 0)
        self.lines.append((what, left, show(value)))
        return value


def as_latex(left: str) -> str:
    return re.sub(r"(\S+) / (\S+)", r"\\frac{\1}{\2}", left.replace("*", r"\times"))


def show(value: Fraction) -> str:
    """An integer, a decimal of at most two places, else a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):g}" if 100 % value.denominator == 0 else f"{value.numerator}/{value.denominator}"


PLACES = ("Lisbon", "Oslo", "Turin", "Ghent", "Porto", "Malmo", "Cadiz", "Bergen", "Lyon", "Graz", "Basel", "Bilbao", "Derby", "Leeds")
THINGS = ("umbrellas", "bicycles", "lanterns", "violins", "teapots", "notebooks", "cameras", "kites", "helmets", "baskets", "clocks")
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "grey", "brown")
POINTS = ("ABC", "PQR", "XYZ", "DEF", "KLM", "STU")

# question, what the image shows, and the work that ends in the answer
Problem = tuple[str, list[str], Callable[[Work], str]]


def share(r: Random) -> Problem:
    names, thing = r.sample(PLACES, 4), r.choice(THINGS)
    v = [4 * r.randrange(5, 24) for _ in range(3)]
    v.append(400 - sum(v))
    facts = [f"the slice of {n} stands for {x} {thing}" for n, x in zip(names, v, strict=True)]

    def work(w: Work) -> str:
        a = w.do("the first two slices", f"{v[0]} + {v[1]}", v[0] + v[1])
        b = w.do("the last two slices", f"{v[2]} + {v[3]}", v[2] + v[3])
        total = w.do("the whole pie", f"{show(a)} + {show(b)}", a + b)
        p = w.do("the share as a percentage", f"100 * {v[0]} / {show(total)}", Fraction(round(10_000 * v[0] / total), 100))
        return show(p) + "%"

    return f"What percentage of all {thing} belongs to {names[0]}?", facts, work


def triangle(r: Random) -> Problem:
    t, base, height = r.choice(POINTS), 2 * r.randrange(3, 30), 4 * r.randrange(2, 20)
    facts = [
        f"{t} is a triangle with base {t[1:]} = {base}",
        f"its height is {height}",
        f"D is the midpoint of {t[1:]}",
        f"{t[0]}D is a median",
        f"E is the midpoint of {t[0]}D",
    ]

    def work(w: Work) -> str:
        a = w.do("base times height", f"{base} * {height}", base * height)
        b = w.do(f"the area of {t}", f"{show(a)} / 2", a / 2)
        c = w.do("the median halves the area", f"{show(b)} / 2", b / 2)
        return show(w.do("E halves the median, so the area is halved again", f"{show(c)} / 2", c / 2))

    return f"What is the area of the shaded triangle {t[1]}DE in the figure?", facts, work


def fraction(r: Random) -> Problem:
    colours = r.sample(COLOURS, 3)
    n = [r.randrange(3, 17) for _ in colours]
    facts = [f"there are {k} {c} marbles in the jar" for c, k in zip(colours, n, strict=True)]

    def work(w: Work) -> str:
        total = w.do("all marbles", f"{n[0]} + {n[1]} + {n[2]}", sum(n))
        wanted = w.do("the marbles asked for", f"{n[0]} + {n[1]}", n[0] + n[1])
        p = w.do("the probability", f"{show(wanted)} / {show(total)}", wanted / total)
        q = w.do("the probability of the other event", f"1 - {p}", 1 - p)
        return rf"\frac{{{q.numerator}}}{{{q.denominator}}}"

    question = f"One marble is drawn from the jar in the picture. How likely is it neither {colours[0]} nor {colours[1]}?"
    return question, facts, work


def quadratic(r: Random) -> Problem:
    a, b, c = r.randrange(1, 5), r.randrange(3, 12), -r.randrange(1, 9)
    facts = [f"the curve is y = {a}x^2 + {b}x - {-c}", "it opens upwards", "it crosses the x axis on both sides of the origin"]

    def work(w: Work) -> str:
        s = w.do("the square of the linear coefficient", f"{b}^2", b * b)
        f = w.do("four times the outer coefficients", f"4 * {a} * {-c}", -4 * a * c)
        d = w.do("the discriminant", f"{show(s)} + {show(f)}", s + f)
        n = w.do("the denominator", f"2 * {a}", 2 * a)
        return rf"\frac{{-{b}+\sqrt{{{show(d)}}}}}{{{show(n)}}}"

    return "Where does the curve in the figure cross the positive x axis?", facts, work


def counting(r: Random) -> Problem:
    (x, y), n = r.sample(THINGS, 2), [r.randrange(3, 14) for _ in range(4)]
    facts = [f"the {x} stand in {n[0]} rows of {n[1]}", f"the {y} stand in {n[2]} rows of {n[3]}", f"{n[0]} {x} are broken"]

    def work(w: Work) -> str:
        a = w.do(f"all {x}", f"{n[0]} * {n[1]}", n[0] * n[1])
        b = w.do(f"all {y}", f"{n[2]} * {n[3]}", n[2] * n[3])
        whole = w.do(f"the {x} that are not broken", f"{show(a)} - {n[0]}", a - n[0])
        return "Yes" if w.do("the difference", f"{show(whole)} - {show(b)}", whole - b) > 0 else "No"

    return f"Are there more unbroken {x} than {y} in the image?", facts, work


KINDS = (share, triangle, fraction, quadratic, counting)

# A sentence is one of each, so that few are ever the same.
OPENERS = (
    "Looking once more at the picture,",
    "Before going on,",
    "To keep the order of use clear,",
    "Since {thing} and {place} are easily mixed up at this scale,",
    "Leaving the decoration around {place} aside,",
    "Whatever the scale of the drawing,",
)
MIDDLES = (
    "I note that {fact}",
    "a rough estimate near {n} seems plausible here",
    "we can rely on the statement that {fact}",
    "nothing further about the {thing} is needed at this point",
    "the quantity just found is the only one that enters next",
    "there remain {n} details that have no bearing on the result",
    "a side calculation for the {thing}, {sum}, leads nowhere",
)
CLOSERS = (
    ", which agrees with the proportions that can be seen.",
    ", and no assumption about the drawing is made.",
    "; the label next to {place} does not change this.",
    ", so the next relation follows directly from it.",
    ", although the axis near {place} is drawn a little darker.",
    ", because every part of the figure is counted once.",
)


def groups(seed: int, questions: int, words: int | None = None) -> list[dict[str, Any]]:
    """questions groups, as POST /v1/score takes them. words: of each rollout, at least; None: 300 to 800."""
    r = Random(seed)
    return [_group(r, f"s{seed}q{i}", KINDS[i % len(KINDS)], words) for i in range(questions)]


def _group(r: Random, id_: str, kind: Callable[[Random], Problem], words: int | None) -> dict[str, Any]:
    question, facts, work = kind(r)
    right = Work()
    gold = work(right)
    choices = None
    if kind is triangle and r.random() < 0.5:
        choices = sorted({gold, *(str(int(float(gold)) + d) for d in r.sample(range(1, 30), 3))})
    drafts = []
    for _ in range(ROLLOUTS_PER_QUESTION):
        w = Work(r.randrange(len(right.lines)), r.choice((-2, -1, 1, 2, 10))) if r.random() < 0.5 else Work()
        drafts.append((work(w), w))

    def written(answer: str) -> str:
        if choices is None:
            return answer
        return "ABCD"[choices.index(answer)] if answer in choices else r.choice("ABCD")

    return {
        "id": id_,
        "question": "\n".join([question, *(f"{letter}. {c}" for letter, c in zip("ABCD", choices or (), strict=False))]),
        "key_steps": [[f"{left} = {value}", f"{as_latex(left)} = {value}"] for _, left, value in right.lines] + [[f] for f in facts[:2]],
        "answer": written(gold),
        "choices": choices,
        "rollouts": [{"id": f"{id_}/{i}", "text": _text(r, question, facts, w, written(a), a, words)} for i, (a, w) in enumerate(drafts)],
    }


def _text(r: Random, question: str, facts: list[str], w: Work, answer: str, value: str, at_least: int | None) -> str:
    latex = r.random() < 0.4
    sections = [["### Image Description:", "The image shows the following: " + "; ".join(r.sample(facts, len(facts))) + "."]]
    sections.append(["### Rationales:", f"The question is: {question} To answer it I combine the values that are given."])
    sections.append(["### Let's think step by step."])
    for number, (what, left, result) in enumerate(w.lines, 1):
        equation = rf"\( {as_latex(left)} = {result} \)" if latex else f"{left} = {result}"
        lead = r.choice(("First I need", "Now I look for", "Next comes", "This leads to"))
        sections.append([f"### Step {number}:", f"{lead} {what}.", f"So {what}: {equation}."])
    if r.random() >= 0.04:  # else no answer at all
        styles = [answer, f"{answer}.", f"The final answer is: {answer}", rf"\boxed{{{answer}}}", f"${answer}$"]
        styles += [f"{answer}: {value}"] * (answer != value)
        sections.append(["### The final answer is:", r.choice(styles)])
    wanted = r.triangular(330, 770, 770) if at_least is None else at_least
    words = sum(len(line.split()) for s in sections for line in s)
    while words < wanted:
        aside = r.choice(OPENERS) + " " + r.choice(MIDDLES) + r.choice(CLOSERS)
        m, n = r.randrange(3, 400), r.randrange(3, 400)
        aside = aside.format(place=r.choice(PLACES), thing=r.choice(THINGS), fact=r.choice(facts), n=n, sum=f"{m} + {n} = {m + n}")
        section = r.choice([s for s in sections if len(s) > 1 and "final answer" not in s[0]])
        section.insert(r.randrange(2, len(section) + 1), aside)
        words += len(aside.split())
    return "\n\n".join("\n".join(s) for s in sections)
