import Engine
import Machine
import Sluice
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// N6: what is interned, cached or retired goes with the instance that caused it.
@Suite struct InstanceEndTests {
    /// What must be gone when its instance is.
    private struct Remains {
        weak var session: Session?
        weak var instance: Instance?
        weak var evaluator: AnyObject?
        weak var runtime: AnyObject?
        weak var variable: Var?
        weak var library: Var?

        var isSomethingLeft: Bool {
            session != nil || instance != nil || evaluator != nil || runtime != nil || variable != nil || library != nil
        }
    }

    private func remains(of text: String, seed: UInt64?) throws -> Remains {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        options.sourcePaths = []
        let session = Session(options)
        guard case .success = session.evaluate(text) else {
            Issue.record("\(text) fails")
            return Remains()
        }
        let names = session.instance.names
        let found = Remains(
            session: session, instance: session.instance, evaluator: session.evaluator, runtime: session.runtime,
            variable: session.instance.namespace(names.intern(nil, "user")).find(names.intern(nil, "f")),
            library: session.instance.namespace(names.intern(nil, "clojure.core")).find(names.intern(nil, "map")))
        #expect(found.variable != nil && found.library != nil)
        session.shutDown()
        return found
    }

    @Test(
        arguments: [
            "(defn f [n] (if (zero? n) 0 (f (dec n)))) (f 3)",
            "(declare g) (defn f [n] (g n)) (defn g [n] (if (zero? n) n (f (dec n)))) (f 3)",
            "(def f (atom [])) (add-watch #'f :k (fn [k r o n] f)) (swap! f conj (map inc [1 2]))",
            "(defmulti f identity) (defmethod f 1 [x] (f 2)) (defmethod f 2 [x] x) (f 1)",
            "(defmacro f [x] `(inc ~x)) (f 1)",
            "(defprotocol P (m [x])) (defrecord R [a] P (m [x] (m a))) (def f (->R 1))",
            "(require '[clojure.core.async :as a]) (def f (a/chan)) (a/go (a/>! f 1)) (a/<!! f)",
            "(def f (future (inc 1))) @f", "(def f (delay f)) @f",
            "(def f 1) (def f 2) (alter-var-root #'f (fn [x] (fn [] f)))",
        ], [nil, 1] as [UInt64?])
    func nothingStays(_ text: String, _ seed: UInt64?) throws {
        let found = try remains(of: text, seed: seed)
        // A thread of the pool lets go of its last fiber, and of the runtime, only after it has said that it ends.
        let deadline = ContinuousClock.now + .seconds(10)
        while found.isSomethingLeft, ContinuousClock.now < deadline { sched_yield() }
        #expect(found.session == nil && found.instance == nil && found.evaluator == nil && found.runtime == nil)
        #expect(found.variable == nil && found.library == nil)
    }
}
