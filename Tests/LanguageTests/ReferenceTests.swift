import Engine
import Machine
import Testing

@testable import Sluice

/// Refs and agents where many fibers use them: under threads, and under schedules that a seed draws.
@Suite struct ReferenceTests {
    private func evaluate(_ text: String, seed: UInt64?) throws -> String {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        options.limits.instructions = 300_000_000
        let session = Session(options)
        defer { session.shutDown() }
        switch session.evaluate(text) {
        case .success(let value): return try session.printed(value).get()
        case .failure(let fault): return Expectation.text(fault)
        }
    }

    private static let seeds: [UInt64?] = [nil, nil, 1, 2, 3, 4]

    /// What moves between refs is never seen missing or twice.
    @Test(arguments: seeds) func aTransactionSeesOneMoment(_ seed: UInt64?) throws {
        let text = """
            (let [accounts (mapv ref (repeat 4 100))
                  total (fn [] (dosync (reduce + (map deref accounts))))
                  move (fn [n] (dosync (alter (nth accounts (mod n 4)) dec)
                                       (sluice.runtime/yield)
                                       (alter (nth accounts (mod (* 3 (inc n)) 4)) inc)))
                  movers (doall (for [i (range 6)] (future (dotimes [n 20] (move (+ i n))))))
                  readers (doall (for [_ (range 3)] (future (set (repeatedly 30 total)))))]
              (run! deref movers)
              [(total) (reduce into #{} (map deref readers))])
            """
        #expect(try evaluate(text, seed: seed) == "[400 #{400}]")
    }

    /// What many fibers put into one atom with primitives is all there, once, in every fiber's own order.
    @Test(arguments: seeds) func swapsWithPrimitivesLoseNothing(_ seed: UInt64?) throws {
        let text = """
            (let [total (atom 0) order (atom []) places (atom {})
                  fibers (doall (for [f (range 6)]
                                  (future (dotimes [i 300]
                                            (swap! total + 1)
                                            (swap! order conj [f i])
                                            (swap! places assoc [f i] (inc i))
                                            (swap! total + 1 1)))))]
              (run! deref fibers)
              [@total (count @order) (= (set @order) (set (keys @places)))
               (every? (fn [[f own]] (= (map second own) (range 300))) (group-by first @order))
               (reduce + (vals @places))])
            """
        // 6 · 300 · 3, 6 · 300, and 6 · (1 + … + 300).
        #expect(try evaluate(text, seed: seed) == "[5400 1800 true true 270900]")
    }

    /// `swap!` with a primitive is one instruction where nothing else is to be done; what it says otherwise is the library's.
    @Test(arguments: [
        ("(swap! (atom 1) inc)", "2"), ("(swap! (atom 1) + 2)", "3"), ("(swap! (atom 1) + 2 3)", "6"),
        ("(swap! (atom 1) + 2 3 4)", "10"), ("(swap! (atom 1) str)", #""1""#),
        // The atom, the function and the arguments are as they were, and the atom holds the result.
        ("(let [a (atom {:k 1}) x [2] f assoc] [(swap! a f :k x) @a x (f {} 1 2)])", "[{:k [2]} {:k [2]} [2] {1 2}]"),
        ("(let [a (atom [1]) before @a] (swap! a conj 2) [before @a])", "[[1] [1 2]]"),
        (
            "(let [a (atom 1) seen (atom [])] (add-watch a :w (fn [k _ o n] (swap! seen conj [k o n]))) (swap! a inc) @seen)",
            "[[:w 1 2]]"
        ),
        (
            "(let [a (atom 1 :validator pos?)] [(try (swap! a - 5) (catch IllegalStateException e (ex-message e))) @a])",
            #"["Invalid reference state" 1]"#
        ),
        (
            "(let [a (atom 1)] [(try (swap! a + :x) (catch ClassCastException e (ex-message e))) @a])",
            #"["+ expected a number, but found the keyword :x" 1]"#
        ),
        (
            "(try (swap! 5 inc) (catch ClassCastException e (ex-message e)))",
            #""swap! expected an atom, but found the number 5""#
        ),
        // A primitive that has to realise a sequence first.
        ("(swap! (atom (map inc [1 2])) count)", "2"),
    ]) func swaps(_ text: String, _ value: String) throws {
        #expect(try evaluate(text, seed: nil) == value)
    }

    /// A ref that changes between a transaction's beginning and its end makes the transaction run again, and only then.
    @Test(arguments: seeds) func whatWasOvertakenBeginsAgain(_ seed: UInt64?) throws {
        let text = """
            (let [attempt (fn [change]
                            (let [r (ref 0) attempts (atom 0) began (promise) changed (promise)
                                  slow (future (dosync (swap! attempts inc)
                                                       (deliver began 1)
                                                       (deref changed)
                                                       (change r)))]
                              (deref began)
                              (dosync (ref-set r 1))
                              (deliver changed 1)
                              [(deref slow) @r @attempts]))]
              [(attempt (fn [r] (alter r + 10)))
               (attempt (fn [r] (ref-set r 5)))
               (attempt (fn [r] (deref r)))
               (attempt (fn [r] (try (deref r) (catch Throwable _ :swallowed))))
               (attempt (fn [_] :untouched))])
            """
        #expect(try evaluate(text, seed: seed) == "[[11 11 2] [5 5 2] [1 1 2] [1 1 2] [:untouched 1 1]]")
    }

    /// A commute is computed again rather than the transaction: the others' changes are kept.
    @Test(arguments: seeds) func commutesAreComputedAnewAtTheCommit(_ seed: UInt64?) throws {
        let text = """
            (let [r (ref 1) attempts (atom 0) began (promise) changed (promise)
                  slow (future (dosync (swap! attempts inc)
                                       (let [seen (commute r * 10)]
                                         (deliver began 1)
                                         (deref changed)
                                         seen)))]
              (deref began)
              (dosync (alter r + 1))
              (deliver changed 1)
              [(deref slow) @r @attempts])
            """
        #expect(try evaluate(text, seed: seed) == "[10 20 1]")
    }

    /// Without `ensure`, two transactions that each read what the other changes would both commit.
    @Test(arguments: seeds) func anEnsuredRefIsUnchangedAtTheCommit(_ seed: UInt64?) throws {
        let text = """
            (let [run (fn [look]
                        (let [on-call (ref 2) mine (ref true) ready (promise) go (promise)
                              leave (future (dosync (let [n (look on-call)]
                                                      (deliver ready 1)
                                                      (deref go)
                                                      (when (> n 1) (ref-set mine false)))))]
                          (deref ready)
                          (dosync (alter on-call dec))
                          (deliver go 1)
                          (deref leave)
                          @mine))]
              [(run ensure) (run deref)])
            """
        #expect(try evaluate(text, seed: seed) == "[true false]")
    }

    @Test(arguments: seeds) func actionsOfManySendersRunOneAfterTheOther(_ seed: UInt64?) throws {
        let text = """
            (let [a (agent {:running 0 :most 0 :done []})
                  act (fn [state sender n]
                        (sluice.runtime/yield)
                        (-> state (update :done conj [sender n])))
                  senders (doall (for [s (range 5)] (future (dotimes [n 20] (send a act s n)))))]
              (run! deref senders)
              (await a)
              (let [done (:done @a)]
                [(count done)
                 (every? (fn [s] (= (range 20) (map second (filter (fn [[t _]] (= s t)) done)))) (range 5))]))
            """
        #expect(try evaluate(text, seed: seed) == "[100 true]")
    }

    /// A cancelled scope takes the fiber along that runs an agent's actions; what waited is done with the next action.
    @Test(arguments: seeds) func anAgentOutlivesTheFiberThatRanItsActions(_ seed: UInt64?) throws {
        let text = """
            (let [a (agent 0) started (promise) never (promise)
                  scope (sluice.runtime/scope-enter)]
              (send a (fn [_] (deliver started 1) (deref never)))
              (send a inc)
              (deref started)
              (sluice.runtime/scope-cancel scope)
              (sluice.runtime/scope-join scope)
              (sluice.runtime/scope-leave scope)
              (send a + 10)
              (await a)
              @a)
            """
        #expect(try evaluate(text, seed: seed) == "11")
    }

    /// A transaction that can never commit says so in the end.
    @Test func whoIsAlwaysOvertakenGivesUp() throws {
        let text = """
            (let [r (ref 0)]
              (dosync (deref (future (dosync (alter r inc)))) (alter r inc)))
            """
        #expect(try evaluate(text, seed: 1).contains("overtaken 10000 times"))
    }
}
