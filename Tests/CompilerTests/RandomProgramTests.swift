import Testing
import Values

/// Random programs against a reference evaluator that walks the same tree.
@Suite struct RandomProgramTests {
    indirect enum Expression {
        case number(Int64), local(String), vector([Expression])
        case arithmetic(String, Expression, Expression)
        case compare(String, Expression, Expression), not(Expression), both(Expression, Expression), either(
            Expression, Expression)
        case branch(Expression, Expression, Expression)
        case bind(String, Expression, Expression)
        /// `(loop [i 0 a start] (if (< i n) (recur (inc i) step) a))`
        case repeated(String, String, Int64, Expression, Expression)
        case call(String, Expression, Expression)
        case element(Expression, Expression)
        case note(Expression), raise
        case attempt(Expression, Expression, Expression)

        var text: String {
            switch self {
            case .number(let n): "\(n)"
            case .local(let name): name
            case .vector(let all): "[\(all.map(\.text).joined(separator: " "))]"
            case .arithmetic(let op, let a, let b), .compare(let op, let a, let b): "(\(op) \(a.text) \(b.text))"
            case .not(let a): "(not \(a.text))"
            case .both(let a, let b): "(and \(a.text) \(b.text))"
            case .either(let a, let b): "(or \(a.text) \(b.text))"
            case .branch(let t, let a, let b): "(if \(t.text) \(a.text) \(b.text))"
            case .bind(let name, let value, let body): "(let [\(name) \(value.text)] \(body.text))"
            case .repeated(let i, let a, let n, let start, let step):
                "(loop [\(i) 0 \(a) \(start.text)] (if (< \(i) \(n)) (recur (inc \(i)) \(step.text)) \(a)))"
            case .call(let name, let body, let argument): "((fn [\(name)] \(body.text)) \(argument.text))"
            case .element(let vector, let index): "(nth \(vector.text) \(index.text))"
            case .note(let a): "(note! \(a.text))"
            case .raise: "(throw (ex-info \"x\" {}))"
            case .attempt(let body, let handler, let last):
                "(try \(body.text) (catch Exception e \(handler.text)) (finally \(last.text)))"
            }
        }
    }

    struct Thrown: Error {}

    /// Numbers only; comparisons are 1 and 0 here and stand in test position alone.
    final class Reference {
        var notes: [Int64] = []
        var steps = 0

        func number(_ e: Expression, _ env: [String: Int64]) throws -> Int64 {
            steps += 1
            switch e {
            case .number(let n): return n
            case .local(let name): return env[name]!
            case .arithmetic(let op, let a, let b):
                let (x, y) = (try number(a, env), try number(b, env))
                let (r, overflow) =
                    op == "+"
                    ? x.addingReportingOverflow(y)
                    : op == "-" ? x.subtractingReportingOverflow(y) : x.multipliedReportingOverflow(by: y)
                if overflow { throw Thrown() }
                return r
            case .compare(let op, let a, let b):
                let (x, y) = (try number(a, env), try number(b, env))
                return (op == "<" ? x < y : op == ">=" ? x >= y : x == y) ? 1 : 0
            case .not(let a): return 1 - (try number(a, env))
            case .both(let a, let b): return try number(a, env) == 1 ? try number(b, env) : 0
            case .either(let a, let b): return try number(a, env) == 1 ? 1 : try number(b, env)
            case .branch(let t, let a, let b): return try number(t, env) == 1 ? try number(a, env) : try number(b, env)
            case .bind(let name, let value, let body), .call(let name, let body, let value):
                var inner = env
                inner[name] = try number(value, env)
                return try number(body, inner)
            case .repeated(let i, let a, let n, let start, let step):
                var inner = env
                inner[a] = try number(start, env)
                for index in 0..<n {
                    inner[i] = index
                    inner[a] = try number(step, inner)
                }
                return inner[a]!
            case .element(let vector, let index):
                guard case .vector(let parts) = vector else { throw Thrown() }
                let values = try parts.map { try number($0, env) }
                let at = try number(index, env)
                guard at >= 0, at < values.count else { throw Thrown() }
                return values[Int(at)]
            case .note(let a):
                let value = try number(a, env)
                notes.append(value)
                return value
            case .raise, .vector: throw Thrown()
            case .attempt(let body, let handler, let last):
                let result: Result<Int64, any Error>
                do { result = .success(try number(body, env)) } catch { result = Result { try number(handler, env) } }
                _ = try number(last, env)
                return try result.get()
            }
        }
    }

    struct Generator {
        var random: SplitMix
        var names = 0

        mutating func pick(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        mutating func name() -> String {
            names += 1
            return pick(4) == 0 ? "x" : "v\(names)"
        }

        mutating func test(_ depth: Int, _ scope: [String]) -> Expression {
            switch depth <= 0 ? 0 : pick(6) {
            case 0, 1, 2: .compare(["<", ">=", "="][pick(3)], number(depth - 1, scope), number(depth - 1, scope))
            case 3: .not(test(depth - 1, scope))
            case 4: .both(test(depth - 1, scope), test(depth - 1, scope))
            default: .either(test(depth - 1, scope), test(depth - 1, scope))
            }
        }

        mutating func number(_ depth: Int, _ scope: [String]) -> Expression {
            guard depth > 0 else {
                return scope.isEmpty || pick(3) == 0 ? .number(Int64(pick(9)) - 3) : .local(scope[pick(scope.count)])
            }
            switch pick(12) {
            case 0: return .number(Int64(pick(100)))
            case 1, 2: return .arithmetic(["+", "-", "*"][pick(3)], number(depth - 1, scope), number(depth - 1, scope))
            case 3, 4: return .branch(test(depth - 1, scope), number(depth - 1, scope), number(depth - 1, scope))
            case 5:
                let name = name()
                return .bind(name, number(depth - 1, scope), number(depth - 1, scope + [name]))
            case 6:
                let (i, a) = ("i\(names)", name())
                return .repeated(i, a, Int64(pick(4)), number(depth - 1, scope), number(depth - 2, scope + [i, a]))
            case 7:
                let name = name()
                return .call(name, number(depth - 1, scope + [name]), number(depth - 1, scope))
            case 8:
                var parts: [Expression] = []
                for _ in 0..<pick(4) { parts.append(number(depth - 2, scope)) }
                return .element(.vector(parts), number(depth - 2, scope))
            case 9: return .note(number(depth - 1, scope))
            case 10: return pick(3) == 0 ? .raise : number(depth - 1, scope)
            default: return .attempt(number(depth - 1, scope), number(depth - 1, scope), number(depth - 2, scope))
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func agreeWithTheReference(_ seed: UInt64) {
        let world = World()
        var generator = Generator(random: SplitMix(seed: seed))
        for _ in 0..<500 {
            let program = generator.number(6, [])
            let reference = Reference()
            let expected = (try? reference.number(program, [:])).map { "\($0)" } ?? "thrown"
            world.notes.values = []
            var found = world.print(program.text)
            if found.contains(": ") { found = "thrown" }
            guard found == expected, world.notes.values == reference.notes else {
                Issue.record(
                    "\(program.text)\n gave \(found) \(world.notes.values), expected \(expected) \(reference.notes)")
                return
            }
        }
    }
}
