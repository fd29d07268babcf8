import Values

/// The clocks that `System/currentTimeMillis` and `System/nanoTime` read.
public struct HostClock: Sendable {
    /// Milliseconds since 1970.
    public var milliseconds: @Sendable () -> Int64
    /// Nanoseconds of a clock that never goes back.
    public var nanoseconds: @Sendable () -> Int64

    public init(milliseconds: @escaping @Sendable () -> Int64, nanoseconds: @escaping @Sendable () -> Int64) {
        self.milliseconds = milliseconds
        self.nanoseconds = nanoseconds
    }

    public static let system = HostClock(
        milliseconds: { WallClock.nowMs }, nanoseconds: { MonotonicClock.now })
}

/// A function from a key to what a higher target makes for it.
package final class Provider<Key, Provided>: @unchecked Sendable {
    // Sendable: guarded by `lock`, which is not held while the function runs.
    private let lock = Lock()
    private var function: (@Sendable (Key) -> Provided?)?

    package func set(_ function: @escaping @Sendable (Key) -> Provided?) { lock.withLock { self.function = function } }
    func provide(_ key: Key) -> Provided? { lock.withLock { function }?(key) }
}

/// A function that a higher target provides, once.
public final class Hook<Argument>: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var function: (@Sendable (Argument) throws(Fault) -> Void)?

    public func set(_ function: @escaping @Sendable (Argument) throws(Fault) -> Void) {
        lock.withLock { self.function = function }
    }

    /// False when nobody provided it.
    func call(_ argument: Argument) throws(Fault) -> Bool {
        guard let function = lock.withLock({ function }) else { return false }
        try function(argument)
        return true
    }
}
