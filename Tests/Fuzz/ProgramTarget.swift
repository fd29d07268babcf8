import Engine
import Machine
import Reader
import Sluice
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whatever the text, evaluating it under budgets ends in a value or an error that can be shown, soon; and when the instance
/// is gone, so is what it used.
enum ProgramTarget {
    /// Seconds of wall time that one text may take; libFuzzer's own `-timeout` is longer, so it tells of what outruns this.
    private static let seconds = 1

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        // The first byte: how many threads of control there are to choose from, and how tight the budgets are.
        guard let first = input.first else { return }
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/nonexistent"))
        options.limits = Limits(
            instructions: first & 1 > 0 ? 20_000 : 200_000, memory: first & 2 > 0 ? 4 << 20 : 32 << 20,
            depth: first & 4 > 0 ? 200 : 5_000)
        options.seed = UInt64(first >> 3)
        options.sourcePaths = []
        let session = Session(options)
        defer { session.shutDown() }
        // One after the other in one instance, as a conversation evaluates them.
        for text in input.dropFirst().split(separator: 0, maxSplits: 3) {
            let text = String(decoding: text, as: UTF8.self)
            session.instance.account.renew()
            Watch.shared.begin(session, seconds: seconds)
            check(session, session.evaluate(text, name: "fuzz"))
            Watch.shared.end()
        }
    }

    private static func check(_ session: Session, _ result: Result<Value, Fault>) {
        let fault: Fault
        switch result {
        case .success(let value):
            guard case .failure(let found) = session.printed(value) else { return }
            fault = found
        case .failure(let found): fault = found
        }
        let diagnostic = Report.diagnostic(fault)
        if diagnostic.code == "internal" || diagnostic.rendered().isEmpty {
            broken("an error can be shown", diagnostic.title)
        }
    }
}

/// Ends an evaluation that takes too long, from a thread of its own.
private final class Watch: @unchecked Sendable {
    // Sendable: `lock` guards what is watched.
    static let shared = Watch()
    private let lock = Lock()
    private var session: Session?
    private var deadline = Int.max

    private init() {
        var thread = pthread_t()
        pthread_create(&thread, nil, { (_) in Watch.shared.loop() }, nil)
    }

    func begin(_ session: Session, seconds: Int) {
        lock.withLock {
            self.session = session
            deadline = time(nil) + seconds
        }
    }

    func end() { lock.withLock { session = nil } }

    private func loop() -> Never {
        while true {
            usleep(100_000)
            // Within the lock, so that the last reference is never this thread's.
            lock.withLock { if let session, time(nil) > deadline { session.expire() } }
        }
    }
}
