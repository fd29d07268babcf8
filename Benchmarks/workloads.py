"""The same workloads for Python: workloads.py CASE N"""
import re, sys, time
from collections import Counter
from functools import reduce

def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)

def counted(n):
    total = 0
    for i in range(n): total += i
    return total

def strings(n): return len("".join("item-" + str(i) for i in range(n)))

def tables(n):
    m = {}
    for i in range(n): m[i] = 2 * i
    return sum(m[i] for i in range(n))

def pipeline(n): return reduce(lambda a, b: a + b, map(lambda x: x * x % 7, filter(lambda x: x % 2 == 1, range(n))))

def words(n):
    text = "".join(chr(97 + i * i % 26) + chr(97 + i % 19) + "word " for i in range(n))
    return max(Counter(re.findall("[a-z]+", text)).values())

def sorting(n):
    xs, x = [], 12345
    for _ in range(n):
        x = (x * 1103515245 + 12345) % 2147483648
        xs.append(x)
    return sorted(xs)[n // 2]

name, n = sys.argv[1], int(sys.argv[2])
work = {"fib": fib, "loop": counted, "string": strings, "table": tables, "pipeline": pipeline, "words": words, "sort": sorting}.get(name)
if work:
    start = time.perf_counter()
    result = work(n)
    print("TIME", name, time.perf_counter() - start, n, result)
