"""Sixty answers made to hang, swell or run a verifier; each is nothing a right answer could look like."""

from __future__ import annotations

TOWERS = [
    "9**9**9", "9^{9^{9}}", "9^9^9^9", "2^{2^{2^{2^{2^{2}}}}}", "10^{10^{10}}", "(9^{9})^{(9^{9})}", "((2^{999})^{999})^{999}",
    "1000000^{1000000}", "7^{7^{x}} \\cdot 7^{7^{7}}", "2^{99999999}", "\\sqrt{2}^{\\sqrt{2}^{\\sqrt{2}^{\\sqrt{2}}}}", "1e999999999", "3 \\times 10^{999999999}",
]  # fmt: skip
FACTORIALS = [
    "100000000!",
    "((5!)!)!",
    "(10^{9})!",
    "99999!!",
    "\\frac{100000!}{99999!}",
    "(((3!)!)!)!",
    "170!^{170!}",
    "20!^{20!}",
    "(2^{40})!",
    "9999999! - 9999998!",
]
BINOMIALS = [
    "\\binom{10^9}{5*10^8}",
    "\\binom{1000000000}{500000000}",
    "{10^9 \\choose 5}",
    "\\binom{\\binom{1000}{500}}{2}",
    "\\Gamma(10^{9})",
    "\\binom{99999}{44444} + 1",
]
SUMS = [
    "\\sum_{k=1}^{1000000000} \\frac{1}{k}", "\\prod_{k=1}^{100000000} k", "\\sum_{i=1}^{n}\\sum_{j=1}^{n}\\sum_{k=1}^{n}\\sum_{l=1}^{n} i^j k^l",
    "\\sum_{k=0}^{\\infty} \\frac{x^k}{k!} \\sum_{m=0}^{99999} m^k", "\\lim_{n \\to \\infty} \\sum_{k=1}^{n^{99999}} k", "\\prod_{p=2}^{10^{12}} (1 - p^{-2})",
]  # fmt: skip
INTEGRALS = [
    "\\int_0^1 \\int_0^1 \\int_0^1 \\int_0^1 e^{xyzw} dx dy dz dw", "\\int_0^{\\infty} e^{-x^{99999}} dx", "\\int \\sin(\\cos(\\tan(x^{x^{x}}))) dx",
    "\\int_0^1 \\frac{x^{5000}}{\\ln(1+x^{5000})} dx", "\\int_{-\\infty}^{\\infty} \\frac{\\sin(x^{3000})}{x^{3001}} dx",
]  # fmt: skip
NESTING = [
    "(" * 5000 + "1" + ")" * 5000, "\\sqrt{" * 300 + "2" + "}" * 300, "\\frac{1}{" * 200 + "2" + "}" * 200, "{" * 900 + "5" + "}" * 900,
    "\\left(" * 200 + "x" + "\\right)" * 200, "\\boxed{" * 60 + "((((" * 12 + "3" + "))))" * 12 + "}" * 60,
]  # fmt: skip
DIGITS = ["7" * 100_000, "0." + "3" * 50_000, "1" + "0" * 5_000, "-" * 3_000 + "5", "1/" * 400 + "3", "9" * 130 + "^{" + "9" * 130 + "}"]
REGEX = ["$" * 4_000 + "5x", "\\text{" * 400, "a" * 50_000 + "=", " , " * 3_000 + "2", "(((,,,)))" * 300, "**" * 2_000 + "7?"]
UNICODE = ["\u0665\u0666" * 3_000 + "^2", "\uff19" * 20_000]
CODE = ["__import__('os').system('sleep 30')", "eval('9**9**9')"]

BOMBS = [*TOWERS, *FACTORIALS, *BINOMIALS, *SUMS, *INTEGRALS, *NESTING, *DIGITS, *REGEX, *UNICODE, *CODE]
