import Values

/// The dynamic vars of `clojure.core` that Swift code reads.
public struct CoreVars: Sendable {
    public let out: Var
    public let err: Var
    public let ns: Var
    /// The file whose forms are being evaluated, as it was named; nil for forms of no file.
    public let file: Var
    public let printLength: Var
    public let printLevel: Var
    public let printMeta: Var
    public let printReadably: Var
    public let commandLineArguments: Var
    /// How decimals are rounded: a `MathContext`, or nil.
    public let mathContext: Var
    /// The transaction that the fiber is in, as long as it is its own; or nil.
    public let transaction: Var

    init(_ instance: Instance) {
        let core = instance.namespace(instance.names.intern(nil, "clojure.core"))
        func dynamic(_ name: String, _ value: Value, in space: Namespace? = nil) -> Var {
            let variable = (space ?? core).intern(instance.names.intern(nil, name))
            variable.setDynamic(true)
            variable.bind(value)
            return variable
        }
        out = dynamic("*out*", .object(Writer(instance.output)))
        err = dynamic("*err*", .object(Writer(instance.errorOutput)))
        ns = dynamic("*ns*", .object(instance.namespace(instance.names.intern(nil, "user"))))
        file = dynamic("*file*", .nil)
        printLength = dynamic("*print-length*", .nil)
        printLevel = dynamic("*print-level*", .nil)
        printMeta = dynamic("*print-meta*", .false)
        printReadably = dynamic("*print-readably*", .true)
        commandLineArguments = dynamic("*command-line-args*", .nil)
        mathContext = dynamic("*math-context*", .nil)
        transaction = dynamic(
            "*transaction*", .nil, in: instance.namespace(instance.names.intern(nil, "sluice.machine")))
        for (name, value) in CoreVars.others { _ = dynamic(name, value) }
    }

    /// What portable programs bind or read, and Swift does not.
    private static let others: [(String, Value)] = [
        ("*1", .nil), ("*2", .nil), ("*3", .nil), ("*e", .nil), ("*assert*", .true),
        ("*flush-on-newline*", .true),
        ("*warn-on-reflection*", .false), ("*unchecked-math*", .false), ("*in*", .nil), ("*agent*", .nil),
    ]
}

/// A source of random numbers for every fiber, seeded by the host when a run must be repeatable.
public final class RandomSource: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var numbers: SplitMix

    public init(seed: UInt64) { numbers = SplitMix(seed: seed) }

    /// Starts anew from a seed.
    public func seed(_ seed: UInt64) { lock.withLock { numbers = SplitMix(seed: seed) } }

    public func next() -> UInt64 { lock.withLock { numbers.next() } }

    /// Uniform in 0..<1.
    public func unit() -> Double { lock.withLock { numbers.unit() } }

    /// Uniform in 0..<bound, without bias; `bound` is above 0.
    public func below(_ bound: UInt64) -> UInt64 {
        while true {
            let (high, low) = next().multipliedFullWidth(by: bound)
            if low >= bound || low >= (0 &- bound) % bound { return high }
        }
    }
}
