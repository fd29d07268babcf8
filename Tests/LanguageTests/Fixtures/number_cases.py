#!/usr/bin/env python3
"""Prints cases for NumberModelTests, `EXPRESSION => VALUE`: numbers as Python's int, Fraction and float have them.

The kinds and how they mix are Clojure's, a decimal's scale is Java's BigDecimal's; what is computed is computed here.

    python3 number_cases.py [SEED [COUNT]] > number_cases.txt
"""
import random
import struct
import sys
from fractions import Fraction
from math import gcd

LOW, HIGH = -(2**63), 2**63 - 1
ARITHMETIC, FORMAT, ARGUMENT = "ArithmeticException", "NumberFormatException", "IllegalArgumentException"


class Thrown(Exception):
    pass


# A number is (kind, value): "i" and "n" an int of 64 bits or any size, "r" a Fraction that is not whole, "f" a float, and
# "m" a pair (unscaled, scale).

def fraction(x):
    kind, v = x
    if kind == "m":
        return Fraction(v[0]) / Fraction(10) ** v[1]
    return Fraction(v)


def to_float(x):
    if x[0] == "f":
        return x[1]
    exact = fraction(x)
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


def shown_float(f):
    if f != f:
        return "##NaN"
    if f in (float("inf"), float("-inf")):
        return "##Inf" if f > 0 else "##-Inf"
    sign = "-" if struct.pack(">d", f)[0] & 0x80 else ""
    f = abs(f)
    if f == 0:
        return sign + "0.0"
    digits, exponent = shortest(f)
    if f == 5e-324:
        # Java gives at least two digits, and of those two these are the nearest.
        digits, exponent = "49", -323
    if 1e-3 <= f < 1e7:
        if exponent <= 0:
            text = "0." + "0" * -exponent + digits
        else:
            digits = digits.ljust(exponent, "0")
            text = digits[:exponent] + "." + (digits[exponent:] or "0")
    else:
        text = digits[0] + "." + (digits[1:] or "0") + "E" + str(exponent - 1)
    return sign + text


def shortest(f):
    """The digits of a positive float, and where the point stands before which they would be 0.ddd."""
    mantissa, _, exponent = repr(f).partition("e")
    whole, _, part = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + part
    point -= len(digits) - len(digits.lstrip("0"))
    return digits.strip("0"), point


def shown_decimal(v):
    unscaled, scale = v
    sign, digits = ("-" if unscaled < 0 else ""), str(abs(unscaled))
    adjusted = len(digits) - 1 - scale
    if scale == 0:
        return sign + digits
    if scale > 0 and adjusted >= -6:
        digits = digits.rjust(scale + 1, "0")
        return sign + digits[:-scale] + "." + digits[-scale:]
    text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return sign + text + ("E%+d" % adjusted if adjusted else "")


def shown(x):
    kind, v = x
    if kind == "i":
        return str(v)
    if kind == "n":
        return str(v) + "N"
    if kind == "r":
        return "%d/%d" % (v.numerator, v.denominator)
    if kind == "f":
        return shown_float(v)
    return shown_decimal(v) + "M"


RANKS = "inrmf"


def exact(value):
    """What arithmetic with ratios gives."""
    return ("n", value.numerator) if value.denominator == 1 else ("r", value)


def decimal(x):
    """Exactly, or an error when the digits never end."""
    if x[0] == "m":
        return x[1]
    return divided((fraction(x).numerator, 0), (fraction(x).denominator, 0))


def ratio_or_decimal(x, y, operation):
    return operation(decimal(x), decimal(y))


def integer(value):
    """In the smaller kind that holds it."""
    return ("i" if LOW <= value <= HIGH else "n", value)


def sixty_four(value, promotes):
    if LOW <= value <= HIGH:
        return ("i", value)
    if promotes:
        return ("n", value)
    raise Thrown(ARITHMETIC)


def rank(x, y):
    return max(x[0], y[0], key=RANKS.index)


def aligned(a, b):
    scale = max(a[1], b[1])
    return a[0] * 10 ** (scale - a[1]), b[0] * 10 ** (scale - b[1]), scale


def plus(x, y, sign=1, promotes=False):
    kind = rank(x, y)
    if kind == "f":
        return ("f", to_float(x) + sign * to_float(y))
    if kind == "m":
        p, q, scale = aligned(decimal(x), decimal(y))
        return ("m", (p + sign * q, scale))
    value = fraction(x) + sign * fraction(y)
    if kind == "i":
        return sixty_four(int(value), promotes)
    return ("n", int(value)) if kind == "n" else exact(value)


def minus(x, y, promotes=False):
    return plus(x, y, -1, promotes)


def times(x, y, promotes=False):
    kind = rank(x, y)
    if kind == "f":
        return ("f", to_float(x) * to_float(y))
    if kind == "m":
        p, q = decimal(x), decimal(y)
        return ("m", (p[0] * q[0], p[1] + q[1]))
    value = fraction(x) * fraction(y)
    if kind == "i":
        return sixty_four(int(value), promotes)
    return ("n", int(value)) if kind == "n" else exact(value)


def divided(p, q):
    """BigDecimal.divide: the scale as near to the difference of the scales as the digits allow."""
    if q[0] == 0:
        raise Thrown(ARITHMETIC)
    preferred = p[1] - q[1]
    value = Fraction(p[0], q[0])
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise Thrown(ARITHMETIC)
    digits = max(twos, fives)
    return int(value * 10**digits), preferred + digits


def over(x, y):
    kind = rank(x, y)
    if kind == "f":
        return ("f", float_over(to_float(x), to_float(y)))
    if kind == "m":
        return ("m", divided(decimal(x), decimal(y)))
    if fraction(y) == 0:
        raise Thrown(ARITHMETIC)
    value = fraction(x) / fraction(y)
    if kind == "i" and value.denominator == 1:
        return sixty_four(int(value), False)
    return exact(value)


def float_over(p, q):
    if q != 0:
        return p / q if abs(q) != float("inf") or abs(p) != float("inf") else float("nan")
    if p == 0 or p != p:
        return float("nan")
    negative = (struct.pack(">d", p)[0] ^ struct.pack(">d", q)[0]) & 0x80
    return float("-inf" if negative else "inf")


def truncated(value):
    return abs(value.numerator) // value.denominator * (1 if value >= 0 else -1)


def quot(x, y):
    kind = rank(x, y)
    if kind == "f":
        return ("f", float_quot(to_float(x), to_float(y)))
    if kind == "m":
        return ("m", decimal_quot(decimal(x), decimal(y)))
    if fraction(y) == 0:
        raise Thrown(ARITHMETIC)
    value = truncated(fraction(x) / fraction(y))
    return sixty_four(value, False) if kind == "i" else ("n", value)


def float_quot(p, q):
    if q == 0:
        raise Thrown(ARITHMETIC)
    quotient = float_over(p, q)
    if quotient != quotient or abs(quotient) == float("inf"):
        raise Thrown(FORMAT)
    return float(int(quotient))


def decimal_quot(p, q):
    if q[0] == 0:
        raise Thrown(ARITHMETIC)
    preferred = p[1] - q[1]
    value = truncated(fraction(("m", p)) / fraction(("m", q)))
    if value == 0:
        return 0, preferred
    scale = 0
    while scale > preferred and value % 10 == 0:
        value, scale = value // 10, scale - 1
    return (value * 10 ** (preferred - scale), preferred) if scale < preferred else (value, scale)


def rem(x, y):
    kind = rank(x, y)
    if kind == "f":
        p, q = to_float(x), to_float(y)
        return ("f", p - float_quot(p, q) * q)
    if kind == "m":
        p, q = decimal(x), decimal(y)
        return minus(("m", p), times(("m", decimal_quot(p, q)), ("m", q)))
    if fraction(y) == 0:
        raise Thrown(ARITHMETIC)
    value = fraction(x) - truncated(fraction(x) / fraction(y)) * fraction(y)
    return (kind, int(value)) if kind in "in" else exact(value)


def signum(x):
    return (x[1] > 0) - (x[1] < 0) if x[0] == "f" else (fraction(x) > 0) - (fraction(x) < 0)


def mod(x, y):
    value = rem(x, y)
    if signum(value) == 0 or (signum(x) > 0) == (signum(y) > 0):
        return value
    return plus(value, y)


def compared(x, y):
    """Less, equal, greater; none of them beside a NaN."""
    if rank(x, y) == "f":
        p, q = to_float(x), to_float(y)
    else:
        p, q = fraction(x), fraction(y)
    return p < q, p == q, p > q


def same(x, y):
    """`=`: of one category and equal."""
    category = {"i": "n"}
    return category.get(x[0], x[0]) == category.get(y[0], y[0]) and compared(x, y)[1]


def extreme(x, y, index):
    for one in (x, y):
        if one[1] != one[1]:
            return one
    if compared(x, y)[1]:
        return None
    return x if compared(x, y)[index] else y


def negated(x, promotes=False):
    kind, v = x
    if kind == "f":
        return ("f", -v)
    if kind == "m":
        return ("m", (-v[0], v[1]))
    return sixty_four(-v, promotes) if kind == "i" else (kind, -v)


def absolute(x):
    if x[0] == "f":
        return ("f", abs(x[1]))
    return x if fraction(x) >= 0 or x == ("i", LOW) else negated(x)


def decimal_of_float(f):
    """BigDecimal.valueOf: the digits that print."""
    if f != f or abs(f) == float("inf"):
        raise Thrown(FORMAT)
    mantissa, _, exponent = shown_float(f).partition("E")
    whole, _, part = mantissa.partition(".")
    return int(whole + part), len(part) - int(exponent or 0)


def to_integer(x, low, high):
    if x[0] == "f":
        if x[1] != x[1]:
            return ("i", 0)
        if abs(x[1]) == float("inf") or (high < HIGH and not low <= x[1] <= high):
            raise Thrown(ARGUMENT)
    value = int(x[1]) if x[0] == "f" else truncated(fraction(x))
    if not low <= value <= high:
        raise Thrown(ARGUMENT)
    return ("i", value)


def bigint(x):
    if x[0] == "f":
        x = ("m", decimal_of_float(x[1]))
    return ("n", truncated(fraction(x)))


def bigdec(x):
    return ("m", decimal_of_float(x[1])) if x[0] == "f" else ("m", decimal(x))


def rationalize(x):
    if x[0] in "inr":
        return x
    return exact(fraction(bigdec(x)))


# Cases.

def bits64(value):
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def edge(self, bits):
        r = self.random
        value = r.choice([1 << r.randrange(bits), r.getrandbits(bits), (1 << bits) - 1, r.getrandbits(r.randint(1, bits))])
        return (value + r.choice([-1, 0, 0, 1])) * r.choice([-1, 1])

    def limbs(self, count):
        """Limbs at the edges, where carries run and estimates of quotients are wrong."""
        r = self.random
        value = 0
        for _ in range(count):
            limb = r.choice([0, 1, 2**63, 2**63 - 1, 2**64 - 1, 2**64 - 2, r.getrandbits(64), r.getrandbits(64)])
            value = value << 64 | limb
        return value * r.choice([-1, 1])

    def int(self):
        r = self.random
        choice = r.randrange(8)
        if choice < 3:
            return ("i", r.randint(-12, 12))
        if choice == 3:
            return ("i", r.choice([LOW, LOW + 1, HIGH, HIGH - 1, -1, 0, 1, 2**31, -(2**31), 2**53, 2**53 + 1, 3037000500]))
        return ("i", max(LOW, min(HIGH, self.edge(r.choice([8, 31, 32, 53, 62, 63])))))

    def big(self):
        r = self.random
        return ("n", r.choice([r.randint(-12, 12), self.edge(r.choice([63, 64, 65, 128, 200])), self.limbs(r.randint(1, 6))]))

    def ratio(self):
        r = self.random
        while True:
            bits = r.choice([3, 3, 10, 64, 130])
            value = Fraction(self.edge(bits), abs(self.edge(r.choice([3, 3, 10, bits]))) or 1)
            if r.randrange(4) == 0:
                value = Fraction(r.randint(-50, 50), r.choice([2, 4, 5, 8, 10, 16, 25]))
            if value.denominator != 1:
                return ("r", value)

    def decimal(self):
        r = self.random
        unscaled = r.choice([r.randint(-200, 200), r.randint(-20, 20) * 10 ** r.randint(0, 6), self.edge(64), self.edge(100)])
        return ("m", (unscaled, r.choice([0, 0, 1, 2, 3, -1, -3, r.randint(-12, 25)])))

    def float(self):
        r = self.random
        while True:
            value = r.choice([
                lambda: float(r.randint(-20, 20)), lambda: r.randint(-10**6, 10**6) / 100,
                lambda: struct.unpack(">d", r.getrandbits(64).to_bytes(8, "big"))[0],
                lambda: r.choice([0.0, -0.0, 0.1, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e-3, 1e7,
                                  9999999.999999998, 9.999999999999999e-4, 1e21, 1e22, 1e23, 2.0**53, 2.0**63, -(2.0**63),
                                  4.35, 2e-3, 123456789.0, 2.0**-44, 8.41e21, 5e-324 * 3]),
                lambda: float(self.edge(r.choice([31, 53, 63, 80]))), lambda: r.uniform(-1e10, 1e10),
                lambda: r.choice([float("inf"), float("-inf"), float("nan")]),
            ])()
            if value == value or r.randrange(3) == 0:
                return ("f", value)

    def number(self):
        return self.random.choice([self.int, self.int, self.big, self.ratio, self.decimal, self.float])()

    def pair(self):
        """Often of one kind, often equal in value."""
        r = self.random
        x = self.number()
        if r.randrange(8) == 0 and x[0] != "f":
            return x, self.alike(x)
        if r.randrange(3) == 0:
            kinds = {"i": self.int, "n": self.big, "r": self.ratio, "m": self.decimal, "f": self.float}
            return x, kinds[x[0]]()
        if r.randrange(6) == 0:
            return ("n", self.limbs(r.randint(1, 9))), ("n", self.limbs(r.randint(1, 5)))
        return x, self.number()

    def alike(self, x):
        """The same value, or its neighbour, in another form."""
        value = fraction(x) + self.random.choice([0, 0, 0, 1, -1])
        forms = [("f", to_float((x[0], x[1])))]
        if value.denominator == 1:
            forms.append(("n", int(value)))
            if LOW <= value <= HIGH:
                forms.append(("i", int(value)))
        else:
            forms.append(("r", value))
        try:
            unscaled, scale = divided((value.numerator, 0), (value.denominator, 0))
            forms += [("m", (unscaled, scale)), ("m", (unscaled * 1000, scale + 3))]
        except Thrown:
            pass
        return self.random.choice(forms)


BINARY = {
    "+": plus, "-": minus, "*": times, "/": over, "quot": quot, "rem": rem, "mod": mod,
    "+'": lambda x, y: plus(x, y, 1, True), "-'": lambda x, y: minus(x, y, True), "*'": lambda x, y: times(x, y, True),
    "max": lambda x, y: extreme(x, y, 2), "min": lambda x, y: extreme(x, y, 0),
    "<": lambda x, y: compared(x, y)[0], "<=": lambda x, y: any(compared(x, y)[:2]), ">": lambda x, y: compared(x, y)[2],
    ">=": lambda x, y: any(compared(x, y)[1:]), "==": lambda x, y: compared(x, y)[1], "=": same,
    "not=": lambda x, y: not same(x, y),
    "compare": lambda x, y: ("i", compared(x, y)[2] - compared(x, y)[0]),
}
UNARY = {
    "inc": lambda x: plus(x, ("i", 1)), "dec": lambda x: minus(x, ("i", 1)), "inc'": lambda x: plus(x, ("i", 1), 1, True),
    "dec'": lambda x: minus(x, ("i", 1), True), "-": negated, "-'": lambda x: negated(x, True), "abs": absolute,
    "identity": lambda x: x, "long": lambda x: to_integer(x, LOW, HIGH),
    "int": lambda x: to_integer(x, -(2**31), 2**31 - 1), "short": lambda x: to_integer(x, -(2**15), 2**15 - 1),
    "byte": lambda x: to_integer(x, -128, 127), "double": lambda x: ("f", to_float(x)), "bigint": bigint, "bigdec": bigdec,
    "rationalize": rationalize, "zero?": lambda x: signum(x) == 0 and x[1] == x[1],
    "pos?": lambda x: signum(x) > 0, "neg?": lambda x: signum(x) < 0,
}
WHOLE = {
    "even?": lambda x: x[1] % 2 == 0, "odd?": lambda x: x[1] % 2 == 1,
}
BITS = {
    "bit-and": lambda p, q: p & q, "bit-or": lambda p, q: p | q, "bit-xor": lambda p, q: p ^ q,
    "bit-and-not": lambda p, q: p & ~q, "bit-shift-left": lambda p, q: bits64(p << (q & 63)),
    "bit-shift-right": lambda p, q: p >> (q & 63),
    "unsigned-bit-shift-right": lambda p, q: bits64((p & (2**64 - 1)) >> (q & 63)),
    "bit-set": lambda p, q: bits64(p | 1 << (q & 63)), "bit-clear": lambda p, q: bits64(p & ~(1 << (q & 63))),
    "bit-flip": lambda p, q: bits64(p ^ 1 << (q & 63)), "bit-test": lambda p, q: p >> (q & 63) & 1 == 1,
    "unchecked-add": lambda p, q: bits64(p + q), "unchecked-subtract": lambda p, q: bits64(p - q),
    "unchecked-multiply": lambda p, q: bits64(p * q),
}


def text(result):
    if isinstance(result, bool):
        return "true" if result else "false"
    return str(result) if isinstance(result, int) else shown(result)


def case(operation, function, *operands):
    try:
        result = function(*operands)
        if result is None:
            return None
        expected = text(result)
    except Thrown as thrown:
        expected = "!" + str(thrown)
    return "(%s %s) => %s" % (operation, " ".join(shown(x) for x in operands), expected)


def in_base(value, base):
    digits, sign = "", "-" if value < 0 else ""
    value = abs(value)
    while value or not digits:
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base] + digits
        value //= base
    return sign + digits


def literal(make):
    """A number written in one of the ways that are no printed form, and how it prints."""
    r = make.random
    choice = r.randrange(7)
    value = r.choice([make.int, make.big])()[1]
    plain = integer(value)
    if choice == 0:
        base = r.randint(2, 36)
        sign, digits = ("-", in_base(-value, base)) if value < 0 else ("", in_base(value, base))
        return sign + "%d%s%s" % (base, r.choice("rR"), r.choice([digits, digits.upper()])), shown(plain)
    if choice == 1:
        return r.choice(["", "+"] if value >= 0 else ["-"]) + "0" + r.choice("xX") + "%x" % abs(value), shown(plain)
    if choice == 2:
        return ("-" if value < 0 else "") + "0%o" % abs(value) + "N", shown(("n", value))
    if choice == 3:
        top, bottom = make.big()[1], abs(make.edge(20)) or 7
        value = Fraction(top, bottom)
        if value.denominator > 1:
            return "%d/%d" % (top, bottom), shown(("r", value))
        return "%d/%d" % (top, bottom), shown(integer(int(value)))
    digits = str(r.getrandbits(r.choice([10, 53, 64, 100, 300])))
    point = r.randint(1, len(digits))
    exponent = r.choice([r.randint(-20, 20), r.randint(-340, 320)])
    body = r.choice(["", "-"]) + digits[:point] + "." + digits[point:]
    if choice < 6:
        written = body + r.choice("eE") + str(exponent)
        return written, shown(("f", float(written)))
    scale = len(digits) - point - exponent
    return body + "e%dM" % exponent, shown(("m", (int(digits) * (-1 if body[0] == "-" else 1), scale)))


def cases(make):
    r = make.random
    choice = r.randrange(20)
    if choice < 11:
        operation = r.choice(list(BINARY))
        return case(operation, BINARY[operation], *make.pair())
    if choice < 15:
        operation = r.choice(list(UNARY))
        return case(operation, UNARY[operation], make.number())
    if choice == 15:
        operation = r.choice(list(WHOLE))
        return case(operation, WHOLE[operation], r.choice([make.int, make.big])())
    if choice == 16:
        operation = r.choice(list(BITS))
        x, y = make.int(), make.int()
        return "(%s %d %d) => %s" % (operation, x[1], y[1], text(BITS[operation](x[1], y[1])))
    if choice == 17:
        x, y = make.pair()
        if same(x, y):
            return "(= (hash %s) (hash %s)) => true" % (shown(x), shown(y))
        x = make.ratio()
        parts = [shown(integer(part)) for part in (x[1].numerator, x[1].denominator)]
        return "[(numerator %s) (denominator %s)] => [%s]" % (shown(x), shown(x), " ".join(parts))
    if choice == 18:
        written, expected = literal(make)
        return written + " => " + expected
    f = make.float()[1]
    if r.randrange(2):
        return '(parse-double "%s") => %s' % (repr(f).replace("inf", "Infinity").replace("nan", "NaN"), shown_float(f))
    value = r.choice([make.int, make.big])()[1]
    return '(parse-long "%d") => %s' % (value, value if LOW <= value <= HIGH else "nil")


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    make = Maker(seed)
    rows = []
    while len(rows) < count:
        row = cases(make)
        if row:
            rows.append(row)
    print("\n".join(rows))


main()
