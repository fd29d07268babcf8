import Engine
import Machine
import Sluice
import Synchronization
import Testing
import Values

/// Definitions of the library are made when they are first named, whoever names them, and on however many threads at once.
@Suite struct LibraryRaceTests {
    private final class Race: Sendable {
        let gate = Atomic<Int>(0)
        let ended = Atomic<Int>(0)
        let unbound = Atomic<Int>(0)
    }

    /// Nobody finds a var that has no value yet.
    @Test(arguments: ["sluice.runtime", "sluice.machine", "clojure.set", "clojure.core.async"])
    func aNameIsFoundWithItsValueOrNotAtAll(_ space: String) {
        for _ in 0..<8 {
            var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
            options.sourcePaths = []
            let session = Session(options)
            defer { session.shutDown() }
            guard case .success = session.evaluate("(require 'clojure.set 'clojure.core.async)") else {
                Issue.record("the library cannot be required")
                return
            }
            let names = session.instance.names
            let namespace = session.instance.namespace(names.intern(nil, space))
            let all = namespace.allNames
            #expect(all.count > 5)
            let race = Race()
            let threads = 4
            for thread in 0..<threads {
                let started = startThread {
                    race.gate.add(1, ordering: .sequentiallyConsistent)
                    while race.gate.load(ordering: .sequentiallyConsistent) < threads {}
                    // Each from another place, so that they meet at some and pass at others.
                    for index in all.indices {
                        let name = all[(index + thread * all.count / threads) % all.count]
                        if let found = namespace.find(names.intern(nil, name)), !found.isBound {
                            race.unbound.add(1, ordering: .relaxed)
                        }
                    }
                    race.ended.add(1, ordering: .sequentiallyConsistent)
                }
                #expect(started)
            }
            while race.ended.load(ordering: .sequentiallyConsistent) < threads {}
            #expect(race.unbound.load(ordering: .relaxed) == 0)
        }
    }
}
