"""Word classes of the phrase tier: which words weigh nothing, which mean the same, and which exclude each other.

Small on purpose and written for visual reasoning (objects, charts, geometry, tables). A word that is in no list counts as
itself; its stem is found by suffix alone.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from keystep.core.canonical import Number

FUNCTION: Final = frozenset(
    """a an the this that these those it its they them their there here he she his her him we us our you your i my me who whom whose which what
    is are was were be been being am do does did done has have had having will shall can may must of to in on at by for from with as into onto upon
    and or but so then than therefore thus hence because since while where when if also too very just only both each all any some such both
    about around approximately roughly exactly clearly indeed again still now per via during through between among within s t re ve ll d
    up out off get gets got let us's one's itself themselves however moreover furthermore finally next first-ly respectively namely other another
    overall corresponding located situated positioned placed present visible remain remaining left-over call called known would should could might not no nor never
    true fact case""".split()
)
BE: Final = frozenset({"is", "are", "was", "were", "be", "being", "been"})
# In capitals these are lines between points: "BE is perpendicular to AC".
SEGMENTS: Final = frozenset({"AM", "AN", "AS", "AT", "BE", "DO", "HE", "ME"})
# Words that frame a statement instead of making it.
LIGHT = frozenset(
    """image picture figure show see observe note notice identify determine find count calculate compute use look question ask answer step given
    give make need want know tell say state mean value number amount total object thing item type kind way part now consider according
    data information following above-mentioned appear exist contain include there result conclude subtract solve problem final respective new same-as""".split()
)

# Groups of words that say the same here; the first names the concept.
_SYNONYMS: Final = """
sphere ball orb globe
cube block box-shaped
subtract remove exclude deduct discard eliminate
image picture photo photograph
graph chart plot diagram
figure drawing
show depict represent indicate display illustrate denote signify portray symbolize
equal same identical congruent match
parallel \u2225
perpendicular orthogonal \u22a5
increase rise grow climb ascend grew rose risen
decrease fall drop decline shrink descend fell reduce fallen diminish
largest biggest greatest maximum highest
smallest least minimum lowest fewest tiniest
large big huge
small tiny little
bisect halve
start begin commence
end finish conclude
car automobile
bicycle bike
person human
child kid
shiny metallic metal reflective
matte rubber rubbery dull
buy purchase
quick fast rapid
cyan teal turquoise
gray grey silver
purple violet
center centre middle
midpoint mid-point
total sum altogether
area surface
length long
height tall
circle round circular
right-angled right-angle
angle \u2220
triangle \u25b3
above over
below under beneath underneath
left
right
behind
front
before earlier prior precede
after later following
inside within
outside
country nation
street road
woman lady
man guy
city town
vertical upright
opposite
adjacent neighbouring neighboring beside next-to
intersect cross meet
average mean
speed velocity pace
cost price
student pupil
more greater larger bigger exceed higher
less fewer smaller lower
line segment
"""
# Each line: concepts of which a statement has one; another of them in its place makes it another statement.
_EXCLUSIVE: Final = """
increase decrease constant
largest smallest
large small medium
above below
left right
behind front
before after
inside outside
open closed
even odd
positive negative zero
convex concave
acute obtuse right-angled
interior exterior
vertical horizontal diagonal
maximum minimum
primary secondary tertiary
north south east west
male female
man woman boy girl
parallel perpendicular intersect
shiny matte
more less
more equal
true false
numerator denominator
isosceles equilateral scalene
diameter radius circumference
perimeter area volume
square circle triangle rectangle pentagon hexagon octagon trapezoid rhombus parallelogram
sphere cube cylinder cone pyramid
median altitude bisector
mean median mode
supplementary complementary
row column
width height depth
first second third fourth fifth
january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
morning afternoon evening night
top bottom
upper lower
clockwise counterclockwise anticlockwise
same different
similar congruent
arithmetic geometric
prime composite
add subtract multiply divide
linear quadratic cubic exponential
domain range
sine cosine tangent
chord tangent secant
alternate corresponding adjacent opposite
wood metal plastic glass stone
hot cold
win lose
empty full
tall short
old young
heavy light
fast slow
long short
thick thin
wide narrow
near far
early late
strong weak
import export
income expense
profit loss
summer winter spring autumn
"""
COLOURS: Final = frozenset(
    "red blue green yellow orange purple pink brown black white gray cyan magenta gold beige maroon navy olive lime tan".split()
)
# How the second stands to the first when the sides are exchanged.
_CONVERSE: Final = "more less|tall short|left right|above below|before after|old young|heavy light|fast slow|long short|large small|behind front|high low|hot cold|wide narrow|strong weak|thick thin|inside contain|early late|rich poor|expensive cheap"
ASYMMETRIC_VERBS: Final = frozenset(
    "show chase push pull hold contain follow lead support eat beat hit defeat feed carry cover precede inscribe circumscribe owe pay teach help exceed give cause own love see".split()
)
NEGATORS: Final = frozenset({"not", "no", "never", "neither", "nor", "without", "cannot", "none", "nothing", "isn't", "aren't", "wasn't", "weren't", "doesn't", "don't", "didn't", "can't", "won't", "hasn't", "haven't", "couldn't", "wouldn't", "shouldn't", "lack", "lacks", "absent", "nobody", "hardly", "barely", "scarcely"})  # fmt: skip
CLAUSE_WORDS: Final = frozenset(
    "but while whereas although though because since so therefore thus hence which however and then unless".split()
)
SINGLE: Final = {"single": 1, "sole": 1, "lone": 1, "once": 1, "pair": 2, "couple": 2, "twice": 2, "double": 2, "triple": 3}

# unit -> (dimension, factor to the dimension's base)
_UNITS: Final[dict[str, tuple[str, Number]]] = {}
for _dimension, _table in {
    "length": "km kilometer kilometre:1000 m meter metre:1 cm centimeter centimetre:1/100 mm millimeter millimetre:1/1000 mile mi:1609344/1000 foot feet ft:3048/10000 inch:254/10000 yard yd:9144/10000",
    "time": "second sec s:1 minute min:60 hour hr h:3600 day:86400 week:604800 year yr:31536000 month:2628000",
    "mass": "kg kilogram:1000 g gram:1 mg milligram:1/1000 lb pound:45359237/100000 ounce oz:28349523125/1000000000 ton tonne:1000000",
    "volume": "l liter litre:1 ml milliliter millilitre:1/1000 gallon:3785411784/1000000000 cup:1/4",
    "money": "dollar usd $:1 cent \u00a2:1/100",
    "euro": "euro eur \u20ac:1",
    "pounds": "gbp \u00a3:1",
    "angle": "degree deg \u00b0:1 radian rad:180/3",
    "share": "% percent percentage:1",
    "temperature": "celsius:1 fahrenheit:2",
}.items():
    _names: list[str] = []
    for _entry in _table.split():
        _name, _, _factor = _entry.partition(":")
        _names.append(_name)
        if _factor:
            for _n in _names:
                _UNITS[_n] = (_dimension, Fraction(_factor))
            _names = []
# Plurals as they are written.
UNITS: Final = (
    _UNITS
    | {f"{name}s": value for name, value in _UNITS.items() if len(name) > 2 and name.isalpha()}
    | {"inches": _UNITS["inch"], "hrs": _UNITS["hr"]}
)

CONCEPT: dict[str, str] = {}
for _line in _SYNONYMS.strip().splitlines():
    _words = _line.split()
    for _word in _words:
        CONCEPT.setdefault(_word, _words[0])

_IRREGULAR: Final = {
    "children": "child", "people": "person", "men": "man", "women": "woman", "feet": "foot", "mice": "mouse", "vertices": "vertex", "indices": "index",
    "axes": "axis", "radii": "radius", "halves": "half", "leaves": "leave", "lies": "lie", "dice": "die", "teeth": "tooth", "knives": "knife",
    "is": "be", "are": "be", "drawn": "draw", "shown": "show", "seen": "see", "given": "give", "held": "hold", "bought": "buy", "sold": "sell",
    "made": "make", "has": "have", "gone": "go", "went": "go", "left": "left", "met": "meet", "lost": "lose", "won": "win", "ate": "eat", "eaten": "eat",
    "fell": "fall", "fallen": "fall", "rose": "rise", "risen": "rise", "grew": "grow", "grown": "grow", "began": "begin", "begun": "begin",
    "taller": "tall", "shorter": "short", "older": "old", "younger": "young", "heavier": "heavy", "lighter": "light", "faster": "fast", "slower": "slow",
    "longer": "long", "wider": "wide", "narrower": "narrow", "thicker": "thick", "thinner": "thin", "hotter": "hot", "colder": "cold", "cheaper": "cheap",
    "richer": "rich", "poorer": "poor", "stronger": "strong", "weaker": "weak", "closer": "close", "nearer": "near", "farther": "far", "further": "far",
    "series": "series", "always": "always", "this": "this", "gas": "gas", "bus": "bus", "axis": "axis", "radius": "radius", "basis": "basis", "analysis": "analysis",
    "isosceles": "isosceles", "congruent": "congruent", "was": "be", "were": "be", "fewer": "fewer", "lower": "lower", "greater": "greater", "larger": "larger",
    "smaller": "smaller", "bigger": "bigger", "higher": "higher", "red": "red", "bed": "bed", "seed": "seed", "speed": "speed", "feed": "feed", "need": "need",
    "ring": "ring", "king": "king", "string": "string", "spring": "spring", "building": "building", "ceiling": "ceiling", "evening": "evening", "wing": "wing",
    "thing": "thing", "morning": "morning", "sibling": "sibling", "hundred": "hundred", "sided": "side", "bisector": "bisector", "bisects": "bisect",
}  # fmt: skip


@lru_cache(maxsize=32768)
def stem(word: str) -> str:
    """The concept a word stands for: lower case, suffix cut, synonyms joined."""
    low = word.lower()
    base = _IRREGULAR.get(low) or (low if low in CONCEPT else _cut(low))
    return CONCEPT.get(base, base)


def _cut(low: str) -> str:
    low = low.removesuffix("'s")
    n = len(low)
    if n > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    if n > 4 and low.endswith(("sses", "shes", "ches", "xes", "zes")):
        return low[:-2]
    if n > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is")):
        low = low[:-1]
        n -= 1
    if n > 5 and low.endswith("ing"):
        return _restore(low[:-3])
    if n > 4 and low.endswith("ied"):
        return low[:-3] + "y"
    if n > 4 and low.endswith("ed"):
        return _restore(low[:-2])
    if n > 5 and low.endswith("ly"):
        return low[:-2]
    return low[:-1] if n > 4 and low.endswith("e") else low


def _restore(base: str) -> str:
    """'stopped' -> stop, 'bisected' -> bisect; a final e is cut everywhere, so 'represented' and 'compared' need none."""
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
        return base[:-1]
    return base


# Every list is kept in stems, so that lists and texts meet.
def _concept(word: str) -> str:
    return stem(word)


CONCEPT = {_IRREGULAR.get(w, _cut(w)): g for w, g in CONCEPT.items()} | CONCEPT
stem.cache_clear()
EXCLUSIVE: Final[dict[str, tuple[frozenset[str], ...]]] = {}
for _line in _EXCLUSIVE.strip().splitlines():
    _group = frozenset(_concept(w) for w in _line.split())
    for _member in _group:
        EXCLUSIVE[_member] = (*EXCLUSIVE.get(_member, ()), _group)
CONVERSE: Final[dict[str, str]] = {}
for _pair in _CONVERSE.split("|"):
    _a, _b = (_concept(w) for w in _pair.split())
    CONVERSE.setdefault(_a, _b)
    CONVERSE.setdefault(_b, _a)
# Where a noun phrase ends: what follows stands beside the thing or acts on another.
HEAD_STOPS: Final = frozenset(
    _concept(w)
    for w in (
        "left",
        "right",
        "above",
        "below",
        "before",
        "after",
        "behind",
        "front",
        "inside",
        "outside",
        "between",
        "near",
        *ASYMMETRIC_VERBS,
    )
)
ASYMMETRIC: Final = frozenset(CONVERSE) | frozenset(_concept(v) for v in ASYMMETRIC_VERBS)
LIGHT = frozenset(_concept(w) for w in LIGHT) | LIGHT
COLOUR: Final = frozenset(_concept(w) for w in COLOURS)
