"""Words that make another statement where one stands for the other. Only the semantic tier reads them: to an embedding, opposites
are near neighbours. The first of each group excludes the others.
"""

from __future__ import annotations

from typing import Final

from keystep.core.lexicon import stem

_OPPOSITES: Final = """
above below under | absorb release emit give reflect | accept reject refuse | acid base alkali | acidic basic alkaline neutral
active inactive passive | acute obtuse right | add remove take keep | add subtract | adult child | advance retreat | agree disagree
ahead behind | alike different | alive dead | allow forbid prohibit ban | alone together | ancient modern | appear disappear vanish
arrival departure depart leave | arrive depart leave departure | artery vein | ascend descend | ascending descending
attach detach remove | attack defend | attract repel push | attractive repulsive | awake asleep sleep | before after
begin end stop finish | big small | bigger smaller | bounded unbounded | boy girl | bright dark dim | broad narrow | brother sister
buy sell | cathode anode | cause effect | cheap expensive | circle square triangle | clean dirty
clockwise counterclockwise anticlockwise | close far | closest farthest furthest | complete incomplete
compress stretch expand contract | connect disconnect separate detach | constant varying variable changing
continuous discontinuous | convex concave | correct incorrect wrong | cover uncover | credit debit | cross apart
curved straight flat | day night | deep shallow | departure arrive | difficult easy simple | direct indirect inverse
doctor patient | domain range | domestic foreign | dress undress | earlier later | early late | east west | employer employee
endothermic exothermic | enter leave exit | equal unequal different | even odd | export import | faster slower | father mother
fill empty drain leave | finite infinite | first last | first second | flat steep hilly | fold unfold | forward backward
fresh rotten stale | friend enemy | front back behind | full empty | gain lose | give receive take | greater smaller less
grow shrink decrease | happy sad | hard easy soft | healthy sick ill | heat cool warm chill | hidden visible | hide show reveal
high low | highest lowest | horizontal vertical | huge tiny | husband wife | identical different | imports exports | in out
include exclude | income expense | increase decrease | indoor outdoor | indoors outdoors | inflate deflate | inner outer
input output | inscribed circumscribed | inside outside | interior exterior | internal external | inward outward | inwards outwards
joined apart | keep remove discard | king queen | large small | largest smallest | laugh cry | left right | lend borrow
level tilted | light dark | light heavy | like unlike | linear nonlinear | liquid solid gas | live die dead alive | load unload
lock unlock | long short | longest shortest | loud quiet | love hate | majority minority | male female | man woman | many few
maximum minimum | meet separate | melt freeze solidify | metal rubber plastic wood glass | minor major | more less fewer
morning evening | most least few | multiply divide | near far | nearest farthest furthest | new old | noon midnight | north south
northwards southwards | numerator denominator | old recent | on off | open close shut | over under
parallel perpendicular intersect | pass fail | past future | peak trough minimum | permit prohibit | plus minus | positive negative
possible impossible | predator prey | present absent | prime composite | producer consumer | product sum quotient | profit loss
proton electron neutron | public private | pull push | quick slow | raise lower cut reduce | rational irrational | raw cooked
real fake imaginary | regular irregular | revenue cost | reversible irreversible | rich poor | right wrong | ring line row
rise fall drop sink decrease decline | rising falling | safe dangerous | same different | save spend | send receive
series parallel | sharp blunt dull | similar different | simple complex | single double multiple | sit stand lie | smile frown cry
smooth rough jagged | soft hard | solid liquid gas | son daughter | spring autumn | stable unstable | stand lie sit
start stop finish end | steady varying unsteady | steep gentle flat | straight curved bent | strong weak | succeed fail
sum difference product quotient | summer winter | sunrise sunset | supply demand | surplus deficit | sweet sour bitter salty
symmetric asymmetric | tall short | tallest shortest | tangent secant | teacher student | thick thin | tie untie | together apart
top bottom | toward away | towards away | true false | unchanged rising falling changed | uncle aunt | up down | upstream downstream
upward downward | upwards downwards | urban rural | valid invalid | visible invisible hidden | walk run | wear remove
wet dry dusty | wide narrow | win lose | wooden metal plastic | wrap unwrap | young old
"""


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in _OPPOSITES.replace("|", "\n").strip().splitlines():
        first, *others = group.split()
        for other in others:
            for one, another in ((first, other), (other, first)):
                # A function word is met as it is written, any other as its stem.
                for form in {one, stem(one)}:
                    found.setdefault(form, set()).update({another, stem(another)} - {one, stem(one)})
    return {word: frozenset(opposites) for word, opposites in found.items()}


OPPOSITES: Final = _table()
