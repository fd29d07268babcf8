import Machine
import Values

/// What a system of workers consists of, checked and with its functions resolved: what the graph hands to the runtime.
package struct SystemSpec: Sendable {
    package var channels: [ChannelSpec]
    package var workers: [WorkerSpec]
    /// Reports `:go` workers that hold their thread longer than `guardMs` (D16).
    package var isGuarded: Bool
    package var guardMs: Int64

    package init(channels: [ChannelSpec], workers: [WorkerSpec], isGuarded: Bool = false, guardMs: Int64 = 50) {
        self.channels = channels
        self.workers = workers
        self.isGuarded = isGuarded
        self.guardMs = guardMs
    }
}

/// A declared channel (D1–D4).
package struct ChannelSpec: Sendable {
    /// How `command!` puts on it (D3).
    package enum PutMode: Sendable {
        case async, block, drop
    }

    package var name: Name
    package var buffering: Buffering
    package var putMode: PutMode

    package init(_ name: Name, _ buffering: Buffering = .fixed(0), putMode: PutMode = .async) {
        self.name = name
        self.buffering = buffering
        self.putMode = putMode
    }
}

/// A declared worker (D5–D10).
package struct WorkerSpec: Sendable {
    package enum Kind: Sendable {
        /// Takes messages from this channel.
        case command(input: Name)
        /// Is called with 0, 1, 2 …
        case ticker(Timing)
    }

    /// When a ticker ticks.
    package enum Timing: Sendable {
        /// At once, and every so many milliseconds from then on; ticks that were missed are left out.
        case every(ms: Int64)
        /// When the wall clock, in milliseconds since 1970, shows what this gives for the time now; nil ends the ticker.
        case schedule(@Sendable (Int64) -> Int64?)

        var beginsAtOnce: Bool { if case .every = self { true } else { false } }
    }

    /// How often a worker may fail before it is given up, and how long it pauses after a failure.
    package struct Restart: Sendable {
        package var max: Int
        package var perMs: Int64
        package var backoffMs: Int64

        package init(max: Int, perMs: Int64, backoffMs: Int64 = 0) {
            self.max = max
            self.perMs = perMs
            self.backoffMs = backoffMs
        }

        /// No pause is longer, however often a worker failed, unless the first one is.
        private static let longestMs: Int64 = 30_000

        /// Milliseconds before a worker goes on that has failed so many times within `perMs`, at least once.
        func pauseMs(after failures: Int) -> Int64 {
            let doublings = min(failures - 1, 20)
            return Swift.max(backoffMs, min(backoffMs << doublings, Restart.longestMs))
        }
    }

    package var name: Name
    package var kind: Kind
    /// Called with context and message; a var is looked up at each call, so that redefinition takes effect. Nil for a ticker
    /// that only counts.
    package var function: Value
    package var output: Name?
    package var failures: Name?
    package var isExposed: Bool
    package var dispatch: Dispatch
    /// Messages handled at a time, at least 1.
    package var parallel: Int
    /// Nil: a worker that throws goes on for ever (D13).
    package var restart: Restart?
    /// As declared; shown in `:worker` of the context.
    package var meta: Value
    package var isDurable: Bool

    package init(
        _ name: Name, _ kind: Kind, function: Value, output: Name? = nil, failures: Name? = nil,
        isExposed: Bool = false,
        dispatch: Dispatch = .go, parallel: Int = 1, restart: Restart? = nil, meta: Value = .nil,
        isDurable: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.function = function
        self.output = output
        self.failures = failures
        self.isExposed = isExposed
        self.dispatch = dispatch
        self.parallel = max(1, parallel)
        self.restart = restart
        self.meta = meta
        self.isDurable = isDurable
    }

    /// Whether fibers that serve the one can serve the other: they differ in what is done with a message, not in who takes it.
    func isServed(like other: WorkerSpec) -> Bool {
        guard dispatch == other.dispatch, parallel == other.parallel else { return false }
        switch (kind, other.kind) {
        case (.command(let input), .command(let old)): return input == old
        case (.ticker(.every(let ms)), .ticker(.every(let old))): return ms == old
        default: return false
        }
    }

    var kindName: KnownName {
        if case .command = kind { .command } else { .ticker }
    }
}
