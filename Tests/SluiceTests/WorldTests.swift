import Engine
import Reader
import Sluice
import Synchronization
import Testing
import Values

/// The world loop as scripts see it (P3–P28), under virtual time: what a run prints, and what it tells of failures.
@Suite struct WorldTests {
    /// What a script printed by the time nothing could happen any more, and the titles of what went wrong.
    private func run(_ text: String, seed: UInt64? = 1) throws -> (lines: [String], faults: [String]) {
        let output = Mutex<[UInt8]>([])
        let faults = Mutex<[String]>([])
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        options.output = { bytes in output.withLock { $0 += bytes } }
        options.errorOutput = { bytes in output.withLock { $0 += bytes } }
        options.uncaught = { fault, identity in
            faults.withLock { $0.append("\(identity.name ?? "?"): \(Report.diagnostic(fault).title)") }
        }
        let session = Session(options)
        defer { session.shutDown() }
        if case .failure(let fault) = session.evaluate(text) { return ([], [Report.diagnostic(fault).title]) }
        try Run(session, once: false).run()
        return (
            // The start line is a test of its own.
            output.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map(String.init).filter {
                !$0.hasPrefix("[INFO] the world ticks")
            },
            faults.withLock { $0 }
        )
    }

    // P4–P7, P13: systems in the order of declaration; a result is seen at the tick after it came; the loop ends when a tick
    // changes nothing and nothing is under way.
    @Test func ticksAreInOrderAndWaitForNothing() throws {
        let script = """
            (configure {:tick-ms 100})
            (defsystem :first [world dt]
              (println dt (mapv :event/type (:events/in world)))
              (if (:asked world)
                world
                (-> world (assoc :asked true) (update :effects conj (effect :time/sleep {:effect/id :nap :ms 250})))))
            (defsystem :second [world dt]
              (if (seq (:events/in world)) (update world :seen (fnil + 0) (count (:events/in world))) world))
            (defsystem :third [world dt]
              (when (:seen world) (println "seen" (:seen world) (:status (get (:effects/pending world) :nap))))
              world)
            """
        // 0: asks. 100: nothing new, so it rests. 250: the sleep ends, and that is the next tick. 350: quiet again.
        #expect(
            try run(script).lines == [
                "0 []", "100 []", "150 [:time/sleep.result]", "seen 1 :done", "100 []", "seen 1 :done",
            ])
    }

    // P8–P12
    @Test func anEndIsAnEvent() throws {
        let script = """
            (configure {:tick-ms 10})
            (defeffect :twice {:params {:n :int}} [{:keys [n]}] (* 2 n))
            (defeffect :broken [_] (throw (ex-info "no" {:code "refused"})))
            (defsystem :all [world dt]
              (doseq [event (:events/in world)]
                (println (:event/type event) (uuid? (:event/id event)) (:event/ts event)
                         (= (:event/source event) {:kind :effects :effect-id (:effect-id (:event/payload event))})
                         (dissoc (:event/payload event) :effect)
                         (= (:effect-id (:event/payload event)) (:effect/id (:effect (:event/payload event))))))
              (if (:asked world)
                world
                (-> world
                    (assoc :asked true)
                    (update :effects conj (effect :twice {:effect/id 1 :n 21} {:mode :parallel})
                            (effect :broken {:effect/id 2} {:mode :parallel})
                            (effect :twice {:effect/id 3 :n "x"} {:mode :parallel})))))
            """
        #expect(
            try run(script).lines.sorted() == [
                ":effect/broken.error true 0 true {:effect-id 2, :error {:code refused, :message no, :data {:code refused}}} true",
                ":effect/twice.error true 0 true {:effect-id 3, :error {:code invalid_effect, :message the parameter :n of :twice must be an integer, but it is \"x\"}} true",
                ":effect/twice.result true 0 true {:effect-id 1, :result 42} true",
            ])
    }

    // P15, P16: the first of equal ids wins; one that is retained is not run again.
    @Test func anIdRunsOnce() throws {
        let script = """
            (configure {:tick-ms 10})
            (def ran (atom []))
            (defeffect :note {:params {:n :int}} [{:keys [n]}] (swap! ran conj n) n)
            (defsystem :all [world dt]
              (doseq [event (:events/in world)] (println (:event/type event) (:result (:event/payload event))))
              (if (< (:tick world 0) 3)
                (-> world
                    (update :tick (fnil inc 0))
                    (update :effects conj (effect :note {:effect/id :same :n (:tick world 0)})
                                          (effect :note {:effect/id :same :n 99})))
                (do (println @ran (select-keys (:effects/stats world) [:submitted :deduped :started :done])) world)))
            """
        let lines = try run(script).lines
        #expect(lines.first == ":effect/note.result 0")
        #expect(lines.last == "[0] {:submitted 6, :deduped 5, :started 1, :done 1}")
        #expect(lines.filter { $0.hasPrefix(":effect") }.count == 1)
    }

    // 5: the system that throws is named, its changes are lost, the others and later ticks go on.
    @Test func aSystemThatThrowsIsAlone() throws {
        let (lines, faults) = try run(
            """
            (configure {:tick-ms 10})
            (defsystem :counts [world dt] (if (< (:n world 0) 4) (update world :n (fnil inc 0)) world))
            (defsystem :breaks [world dt] (if (< (:n world) 3) (/ 1 0) (assoc world :whole true)))
            (defsystem :nothing [world dt] (if (= 1 (:n world)) 5 world))
            (defsystem :shows [world dt] (println (:n world) (:whole world)) world)
            """)
        #expect(lines == ["1 nil", "2 nil", "3 true", "4 true", "4 true"])
        #expect(
            faults == [
                "breaks: divide by zero",
                "nothing: a system returns the world, a map, but this one returned the number 5",
            ])
    }

    // P7: a system that would wait is refused; effects are left in the world.
    @Test func aSystemCannotWait() throws {
        let (_, faults) = try run(
            """
            (defsystem :waits [world dt] (time/sleep 10) world)
            """)
        #expect(
            faults == [
                "waits: cannot wait here: inside a macro, a comparator, a system or a callback; start a go block, or use offer! or poll!"
            ])
    }

    /// A batch that is refused as a whole ends each of its effects, so that nothing waits for ever.
    @Test func aRefusedBatchIsTold() throws {
        let script = """
            (configure {:tick-ms 10})
            (defeffect :noop [_] nil)
            (defsystem :all [world dt]
              (doseq [event (:events/in world)]
                (println (:event/type event) (:effect-id (:event/payload event)) (:code (:error (:event/payload event)))))
              (if (:asked world)
                world
                (-> world (assoc :asked true)
                    (update :effects conj
                            (effect :noop {:effect/id 1} {:group :a :depends-on [:b]})
                            (effect :noop {:effect/id 2} {:group :b :depends-on [:a]})
                            5))))
            """
        let (lines, faults) = try run(script)
        #expect(lines == [":effect/noop.error 1 dependency_cycle", ":effect/noop.error 2 dependency_cycle"])
        #expect(
            faults == [
                "all: an effect must be a map with :effect/type, but this is 5",
                "all: nothing that system :all left in this tick is taken: groups depend on each other in a circle: :a → :b → :a",
            ])
    }

    // J16, J19: what one system leaves and is refused takes no other's effects along; it is told once, though it goes on.
    @Test(arguments: [
        (
            "(run inc 1 {:depends-on [:nope]})", "unknown_group",
            ":depends-on names the group :nope, which neither this batch nor an earlier one that is still retained has"
        ),
        (
            "(run inc 1 {:group :g, :depends-on [:h]}) (run inc 1 {:group :h, :depends-on [:g]})", "dependency_cycle",
            "groups depend on each other in a circle: :g → :h → :g"
        ),
    ]) func aRefusedSystemIsAlone(_ effects: String, _ code: String, _ message: String) throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :before [world dt]
              (if (:asked world) world (update world :effects conj (assoc (run inc 41 {:group :b}) :effect/id :before))))
            (defsystem :wrong [world dt]
              (if (< (:n world 0) 3)
                (-> world (update :n (fnil inc 0)) (update :effects into [\(effects)]) (update :effects conj (run inc 2)))
                world))
            (defsystem :after [world dt]
              (doseq [event (:events/in world)]
                (println (get-in event [:event/payload :error :code]) (get-in event [:event/payload :result])))
              (if (:asked world)
                world
                (-> world (assoc :asked true)
                    (update :effects conj (assoc (run inc 1 {:depends-on [:b]}) :effect/id :after)))))
            """
        let (lines, faults) = try run(script)
        #expect(lines.filter { !$0.hasPrefix(code) }.sorted() == ["nil 2", "nil 42"])
        // Three ticks, each time all that the system left.
        #expect(lines.filter { $0 == "\(code) nil" }.count == 3 * (code == "unknown_group" ? 2 : 3))
        // The first tick had groups that may have been meant, and says so.
        let told = code == "unknown_group" ? 2 : 1
        #expect(
            faults
                == Array(
                    repeating: "wrong: nothing that system :wrong left in this tick is taken: \(message)", count: told))
    }

    // N4: what a system returned or left has no call to blame, but a declaration.
    @Test(arguments: [
        "5", "(assoc world :effects [7])", "(assoc world :effects [(run inc 1 {:priority 200})])",
        "(assoc world :effects [(run inc 1 {:depends-on [:nope]})])",
    ]) func whatASystemLeavesIsToldWithItsPlace(_ body: String) throws {
        let places = Mutex<[String]>([])
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        options.uncaught = { fault, identity in
            let label = Report.diagnostic(fault).primary
            let line = label.map { $0.source.position(of: Int($0.span.start)).line }
            places.withLock { $0.append("\(identity.path) \(line ?? 0)") }
        }
        let session = Session(options)
        defer { session.shutDown() }
        let script = "(def n (atom 0))\n\n(defsystem :wrong [world dt] (if (< 1 (swap! n inc)) world \(body)))\n"
        _ = try session.evaluate(script).get()
        try Run(session, once: false).run()
        #expect(Set(places.withLock { $0 }) == ["run/system:wrong#0 3"])
    }

    // P14: as `:event/ts` and the rows of processes.
    @Test func timesAreOfTheWall() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :all [world dt]
              (when-let [event (first (:events/in world))]
                (let [{:keys [enqueued-ts started-ts done-ts]} (get (:effects/pending world) :nap)]
                  (println (- started-ts enqueued-ts) (- done-ts started-ts) (- (:event/ts event) done-ts)
                           (<= enqueued-ts (System/currentTimeMillis) (+ enqueued-ts 50)))))
              (if (:asked world)
                world
                (-> world (assoc :asked true) (update :effects conj (effect :time/sleep {:effect/id :nap :ms 25})))))
            """
        #expect(try run(script).lines == ["0 25 0 true"])
    }

    /// The numbers are those of the moment, though no tick has come since.
    @Test func countsAreCurrent() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :idle [world dt] world)
            (future
              (time/sleep 100)
              (perform-all [(run inc 1) (run inc 2)])
              (println (select-keys (:effects/stats (world)) [:submitted :done :running])))
            """
        // The sleep, and two.
        #expect(try run(script).lines == ["{:submitted 3, :done 3, :running 0}"])
    }

    @Test(arguments: [":effects/pending", ":effects/stats", ":events/in"]) func aWorldWithoutAViewComesToRest(
        _ key: String
    )
        throws
    {
        let script = """
            (configure {:tick-ms 10})
            (def ticks (atom 0))
            (defsystem :clean [world dt]
              (when (< 10 (swap! ticks inc)) (throw (ex-info "it ticks for ever" {})))
              (dissoc world \(key)))
            (event/publish! :go 1)
            """
        let (_, faults) = try run(script)
        #expect(faults.isEmpty)
    }

    // P28: whatever others say, only the end of the effect itself settles who awaits it; nil is nobody's id.
    @Test func nobodyElseSettles() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :ask [world dt]
              (if (:a world)
                world
                (-> world
                    (assoc :a {:idle {:name "idle"}})
                    (event/perform-for [:a :one] (assoc (effect :time/sleep {:ms 300}) :effect/id :a1)))))
            (defsystem :listen [world dt] (event/settle world [:a] (fn [e o] (println "settled" (:name e) o) e)))
            (future
              (time/sleep 60)
              (event/publish! :note {:effect-id :a1})
              (event/publish! :effect/run.result {:effect-id :a1, :result :forged})
              (event/publish! :effect/run.error {:effect-id nil, :error {:code "forged"}})
              (perform (emit :effect/run.result {:effect-id :a1, :result :forged})))
            """
        #expect(try run(script).lines == ["settled nil [:ok nil]"])
    }

    // J, P8–P12: what a system leaves and is wrong has failed, like any other that fails; what it left beside that goes on.
    @Test func anEffectWithWrongMetaIsAnEvent() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :s [world dt]
              (doseq [event (:events/in world)]
                (println (:event/type event) (get-in event [:event/payload :effect-id]) (get-in event [:event/payload :error :code])))
              (if (:sent world)
                world
                (-> world (assoc :sent true)
                    (update :effects conj (run identity 1 {:priority 1000}) {:effect/id 7 :effect/type :run :action identity})
                    (update :effects conj {:effect/id 6 :effect/type :run :action identity :meta {:priority 1000}}))))
            """
        let (lines, faults) = try run(script)
        #expect(lines.contains(":effect/run.error 6 invalid_effect") && lines.contains(":effect/run.result 7 nil"))
        #expect(lines.count == 2, "nobody waits for the first, which has no id: \(lines)")
        #expect(!faults.isEmpty && faults.allSatisfy { $0.contains(":priority must be a whole number from 0 to 100") })
    }

    // J13: what `emit` says is an event, and what `set-state` sets is seen by the next tick.
    @Test func effectsActOnTheWorld() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :all [world dt]
              (doseq [event (:events/in world) :when (string? (:event/type event))]
                (println (:event/type event) (:event/payload event) (:kind (:event/source event)) (:orders world)))
              (if (:asked world)
                world
                (-> world (assoc :asked true)
                    (update :effects conj (set-state [:orders 7 :status] :paid) (emit "order.paid" {:id 7})))))
            """
        #expect(try run(script).lines == ["order.paid {:id 7} :emit {7 {:status :paid}}"])
    }

    // P28: an entity takes only the result of the effect that it awaits.
    @Test func anEntityTakesItsOwnResult() throws {
        let script = """
            (configure {:tick-ms 10})
            (defeffect :twice {:params {:n :int}} [{:keys [n]}] (* 2 n))
            (defsystem :start [world dt]
              (if (:notes world)
                world
                (-> world
                    (assoc :notes {:a {} :b {} :c {}})
                    (event/perform-for [:notes :a] (effect :twice {:n 1} {:mode :parallel}))
                    (event/perform-for [:notes :b] (effect :twice {:n 2} {:mode :parallel}))
                    (update :effects conj (effect :twice {:n 50} {:mode :parallel})))))
            (defsystem :take [world dt] (event/settle world [:notes] (fn [note [_ n]] (assoc note :n n))))
            (defsystem :show [world dt] (when (:n (:a (:notes world))) (println (:notes world))) world)
            """
        #expect(try run(script).lines.first == "{:a {:n 2}, :b {:n 4}, :c {}}")
    }

    /// Systems that are declared again while the loop runs: the next tick calls the new one (G3, part 5).
    @Test func aSystemIsRedefined() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :counts [world dt]
              (println "old" (:n world 0))
              (when (= 1 (:n world 0))
                (eval '(defsystem :counts [world dt]
                         (println "new" (:n world))
                         (if (< (:n world) 3) (update world :n inc) world))))
              (update world :n (fnil inc 0)))
            """
        let (lines, _) = try run(script)
        #expect(lines.filter { !$0.hasPrefix("[INFO]") } == ["old 0", "old 1", "new 2", "new 3"])
    }

    /// The same on threads and real time: an idle world ends the run, without another tick.
    @Test func anIdleWorldRests() throws {
        let (lines, faults) = try run(
            #"(configure {:tick-ms 60000}) (defsystem :idle [world dt] (println "tick") world)"#, seed: nil)
        #expect(lines == ["tick"])
        #expect(faults == [])
    }
}
