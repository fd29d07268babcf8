import Engine
import Foundation
import Machine
import Reader
import Sluice
import Values

/// A session whose forms perform effects, with what the tests of effects say all the time.
final class EffectScript {
    let session: Session
    /// A folder of its own, which is the script's working directory.
    let folder: URL
    private static let prelude = """
        (def log (atom []))
        (defn note [x] (swap! log conj x) x)
        (defmacro failure [form] (list 'try form '(catch Exception e (ex-message e))))
        (defn now [] (quot (sluice.runtime/nano-time) 1000000))
        """

    /// - Parameter seed: of virtual time; nil for threads and the real clock.
    init(seed: UInt64? = nil, grants: [String] = [], memory: Int64? = nil, _ define: (Session) -> Void = { _ in })
        throws
    {
        let made = FileManager.default.temporaryDirectory.appending(path: "sluice-effects-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        folder = made.resolvingSymlinksInPath()
        // Files of the folder are granted as those of any working directory.
        var capabilities = Capabilities.usual(workingDirectory: folder.path, scriptDirectory: nil)
        for grant in grants { try capabilities.allow(flag: grant) }
        var options = SessionOptions(grants: capabilities)
        options.seed = seed
        if let memory { options.limits.memory = memory }
        session = Session(options)
        define(session)
        _ = try session.evaluate(Self.prelude).get()
    }

    deinit {
        session.shutDown()
        try? FileManager.default.removeItem(at: folder)
    }

    /// The printed value of a program, or the title of what ended it.
    func printed(_ program: String) -> String {
        switch session.evaluate("(pr-str (do \(program)))") {
        case .success(let value): value.stringValue ?? ""
        case .failure(let fault): Report.diagnostic(fault).title
        }
    }

    func number(_ program: String) -> Int64? {
        switch session.evaluate(program) {
        case .success(let value): value.intValue
        case .failure: nil
        }
    }
}

/// What several threads tell a test, in the order in which they do.
final class Told<Item: Sendable>: @unchecked Sendable {
    // Sendable: `lock` guards `items`; the condition is made to be shared.
    private let lock = Lock()
    private let condition = Condition()
    private var items: [Item] = []

    var all: [Item] { lock.withLock { items } }

    func tell(_ item: Item) {
        lock.withLock {
            items.append(item)
            condition.broadcast()
        }
    }

    /// All that was told once there are `count`, or by the time that patience ends.
    func wait(count: Int = 1, ms: Int64 = 20_000) -> [Item] {
        let deadline = MonotonicClock.now + ms * 1_000_000
        return lock.withLock {
            while items.count < count, condition.wait(lock, until: deadline) {}
            return items
        }
    }
}
