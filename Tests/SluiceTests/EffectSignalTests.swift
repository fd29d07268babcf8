import Testing

/// The signals of effects as scripts hear them: by name, by nobody else (J25–J27).
@Suite struct EffectSignalTests {
    private func heard(_ types: String, _ program: String) throws -> String {
        try EffectScript(seed: 1).printed(
            """
            (def channels (mapv event/subscribe [\(types)]))
            (defn f [x] (if (= x 2) (throw (ex-info "two" {})) x))
            \(program)
            (for [channel channels]
              (for [event (take-while some? (repeatedly (fn [] (clojure.core.async/poll! channel))))]
                [(:event/type event) (dissoc (:event/payload event) :effect :error)]))
            """)
    }
    private static let group = """
        (require '[clojure.core.async])
        (perform-all [(effect :run {:effect/id :a :action f :params 1} {:group :g})
                      (effect :run {:effect/id :b :action f :params 2} {:group :g})])
        """

    @Test func effectsAndGroupsThatComplete() throws {  // J25, J26
        #expect(
            try heard(":effect-completed :group-completed", Self.group) == """
                (([:effect-completed {:effect-id :a, :status :done, :duration-ms 0, :result 1, :group :g}] \
                [:effect-completed {:effect-id :b, :status :failed, :duration-ms 0, :group :g}]) \
                ([:group-completed {:group :g, :results {:a [:ok 1], \
                :b [:error {:code "handler_failed", :message "two", :data {}}]}}]))
                """)
    }

    @Test func cancellationsSayWhyAndByWhom() throws {  // J27
        #expect(
            try heard(
                ":effect-cancelled :effect-completed",
                """
                (require '[clojure.core.async])
                (submit! (effect :time/sleep {:effect/id :s :ms 1000} {:group :h}))
                (cancel! {:id :s})
                (submit! (effect :time/sleep {:effect/id :t :ms 1000} {:group :h}))
                (submit! (effect :time/sleep {:effect/id :u :ms 1000 :meta {:cancels [:h]}}))
                """) == """
                    (([:effect-cancelled {:effect-id :s, :status :cancelled, :duration-ms 0, :group :h, :reason :requested}] \
                    [:effect-cancelled {:effect-id :t, :status :cancelled, :duration-ms 0, :group :h, :reason :superseded, \
                    :cancelled-by :u}]) ())
                    """)
    }

    /// Who wants events of every type, or looks at the world, is not told of each effect.
    @Test func nobodyElseHearsThem() throws {
        #expect(try heard("nil :effect-completed", Self.group).hasPrefix("(() (["))
        let world = """
            (def completed (event/subscribe :effect-completed))
            (perform (run inc 1))
            [(:event/type (clojure.core.async/<!! completed)) (:events/in (world)) (:events/out (world))]
            """
        #expect(try EffectScript(seed: 1).printed(world) == "[:effect-completed [] []]")
    }
}
