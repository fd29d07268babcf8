import Testing

/// Handlers that start fibers which perform effects (P19): whoever waits holds no slot, through whichever fiber it does.
@Suite struct HandlerFiberTests {
    /// The printed value of a program whose handlers are called under a limit of one, in virtual time.
    private func underOne(_ program: String) throws -> String {
        try EffectScript(seed: 3).printed(
            "(require '[clojure.core.async]) (configure {:effects {:max-inflight 1}}) \(program)")
    }

    @Test(arguments: [
        "@(future (perform (run inc 1)))",
        "(clojure.core.async/<!! (clojure.core.async/go (perform (run inc 1))))",
        "(reduce + (pmap (fn [n] (perform (run inc n))) [0 0]))",
        "@(future @(future (perform (run inc 1))))",
        "(first @(future (perform-all [(run inc 1)])))",
    ])
    func whatAHandlerWaitsForThroughItsFibersHasItsSlot(_ body: String) throws {  // P19
        #expect(
            try underOne("(defn f [_] \(body)) (perform-all (for [i (range 3)] (run f i {:mode :parallel})))")
                == "[2 2 2]")
    }

    /// With the slot lent, another effect runs; to go on, the handler waits for it.
    @Test func itGoesOnWhenItHasTheSlotAgain() throws {  // P19
        #expect(
            try underOne(
                """
                (defn outer [_] (note :begun) @(future (perform (run (fn [_] (note :inner)) 0))) (note :went-on))
                (defn other [_] (note :other) (loop [n 0] (when (< n 300000) (recur (inc n)))) (note :other-done))
                (perform-all [(run outer 0 {:mode :parallel}) (run other 0 {:mode :parallel})])
                @log
                """) == "[:begun :other :other-done :inner :went-on]")
    }

    /// A fiber that outlives its handler is nobody's any more.
    @Test func fibersThatOutliveTheirHandlerPerformOnTheirOwn() throws {
        #expect(
            try underOne(
                """
                (def late (promise))
                (defn outer [_] (future (time/sleep 50) (deliver late (perform (run inc 41)))) :over)
                [(perform (run outer 0)) @late]
                """) == "[:over 42]")
    }

    /// Effects that each submit the next go on for as long as they like, in the memory and time of one after the other.
    @Test func aChainOfSubmissionsDoesNotGrow() throws {
        let script = try EffectScript(seed: 3, memory: 40_000_000)
        #expect(
            script.printed(
                """
                (def done (promise))
                (defn next-one [n] (if (zero? n) (deliver done :end) (submit! (run next-one (dec n)))) nil)
                (submit! (run next-one 5000))
                @done
                """) == ":end")
    }
}
