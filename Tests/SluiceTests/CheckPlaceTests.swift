import Engine
import Graph
import Machine
import Reader
import Sluice
import Testing
import Values

/// What `check` makes of declarations wherever they stand in a script (G2): what is at the top level is checked as it will
/// run, and of what only a run reaches nothing is called an error that may turn out right.
@Suite struct CheckPlaceTests {
    private static let worker = "(defworker :w {:in :a :expose? true} [c m] m)"

    /// Each finding as `severity: title @ text`.
    static func findings(_ text: String) throws -> [String] {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let session = Session(options)
        defer { session.shutDown() }
        let checked = session.checkDefinitions(of: Source(name: "app.slu", bytes: Array(text.utf8)))
        #expect(checked.faults.isEmpty, "\(checked.faults.map { Report.diagnostic($0).rendered() })")
        return session.builder.graph.check(session.checkContext(of: checked)).map { finding in
            let place = finding.place.map {
                String(decoding: $0.source.bytes[Int($0.span.start)..<Int($0.span.end)], as: UTF8.self)
            }
            return "\(finding.severity): \(finding.title) @ \(place ?? "nowhere")"
        }
    }

    // `do` and what macros come to are the top level, as in Clojure: these run, so nothing is said.
    @Test(arguments: [
        "(do (defchannel :a {:buffer 1}))",
        "(do (do (def size 1)) (defchannel :a {:buffer size}))",
        "(defmacro channel [n o] `(defchannel ~n ~o)) (channel :a {:buffer 2})",
        "(defmacro channels [& ns] `(do ~@(map (fn [n] `(defchannel ~n)) ns))) (channels :a)",
        "(do (defmacro channel [n] `(defchannel ~n)) (channel :a))",
    ]) func topLevelIsSeen(_ declaring: String) throws {
        #expect(try Self.findings("\(declaring) \(Self.worker)") == [])
    }

    // Nothing but what declares is run on the way.
    @Test func nothingElseIsRun() throws {
        let text =
            "(do (throw (ex-info \"ran\" {})) (defchannel :a)) (defmacro ch [n] `(do (defchannel ~n) (loop [] (recur)))) (ch :b)"
        #expect(
            try Self.findings(text) == [
                "warning: nobody reads or writes channel :a @ :a",
                "warning: nobody reads or writes channel :b @ (ch :b)",
            ])
    }

    @Test(arguments: [
        ("(do (defworker :w {:in :nope :expose? true} [c m] m))", ":nope"),
        ("(do 1 (do (defworker :w {:in :nope :expose? true} [c m] m)))", ":nope"),
        ("(defmacro wk [n o] `(defworker ~n ~o [c# m#] m#)) (wk :w {:in :nope :expose? true})", ":nope"),
        (
            "(defmacro wk [n] `(defworker ~n {:in :nope :expose? true} [c# m#] m#)) (wk :w)", "(wk :w)"
        ),
    ]) func topLevelIsChecked(_ text: String, _ place: String) throws {
        #expect(try Self.findings(text) == ["error: worker :w takes from `:nope`, which is not declared @ \(place)"])
    }

    @Test func macrosAreShownWhereTheyAreCalled() throws {
        let text =
            "(defchannel :a) (defmacro wk [n] `(defworker ~n {:in :a :expose? true :paralel 3} [c# m#] m#)) (wk :w)"
        #expect(try Self.findings(text) == ["error: a worker has no key `:paralel` @ (wk :w)"])
    }

    // What only a run reaches may declare the channel, so that it lacks is no error.
    @Test(arguments: [
        "(when (= 1 1) (defchannel :a))", "(def x true) (if x (defchannel :a) (defchannel :b))",
        "(defn mk [] (defchannel :a)) (mk)", "(let [n 1] (defchannel :a {:buffer n}))",
        "(defmacro ch [n] `(defchannel ~n)) (when true (ch :a))",
        "(doseq [n [:a]] (eval (list 'defchannel n)))", "(load-string \"(defchannel :a)\")",
        "(defn mk [text] (load-string text)) (run! mk [\"(defchannel :a)\"])", "(when true (require 'some.other))",
        "(-> :a defchannel)", "(perform (effect :code/eval {:code \"(defchannel :a)\"}))",
    ]) func unseenIsAWarning(_ declaring: String) throws {
        #expect(
            try Self.findings("\(declaring) \(Self.worker)") == [
                "warning: worker :w takes from `:a`, which is not declared @ :a"
            ])
    }

    // Where no such place could declare it, it stays an error.
    @Test(arguments: [
        "(println 1)", "(when true (defchannel :b))", "(let [f inc] (mapv f [1]))", "(defn other [] (eval 1))",
        "(comment (defchannel :a))", "'(defchannel :a)",
    ]) func otherwiseItIsAnError(_ other: String) throws {
        #expect(
            try Self.findings("\(other) \(Self.worker)") == [
                "error: worker :w takes from `:a`, which is not declared @ :a"
            ])
    }

    // Options that are written down are checked wherever they stand; what is computed is not known.
    @Test(arguments: [
        (
            "(when true (defchannel :a {:bufer 1 :buffer (inc 1)}))", ["error: a channel has no key `:bufer` @ :bufer"]
        ),
        (
            "(let [n 1] (defworker :w {:in :nope :parallel 0 :kind n} [c m] m))",
            [
                "warning: worker :w takes from `:nope`, which is not declared @ :nope",
                "error: `:parallel` must be a whole number from 1 to 10000, but it is the number 0 @ 0",
            ]
        ),
        ("(when true (defworker :w {:worker-fn inc :in (keyword \"x\")}))", []),
    ]) func unseenOptionsAreChecked(_ text: String, _ expected: [String]) throws {
        #expect(try Self.findings(text) == expected)
    }

    // A named function is called as one written out is (D20, P3, P26).
    @Test(arguments: [
        ("(defn f [m] m)", ":worker-fn f", "the function of worker :w must take 2 arguments @ f"),
        ("(defn f ([] 1) ([a b c] 2))", ":worker-fn f", "the function of worker :w must take 2 arguments @ f"),
        (
            "(declare f)", ":worker-fn f})\n(defn f [m] m) (defmeta :m {",
            "the function of worker :w must take 2 arguments @ f"
        ),
        ("(defn f [m] m)", ":worker-fn (var f)", "the function of worker :w must take 2 arguments @ (var f)"),
        ("(def f 3)", ":worker-fn f", "the function of worker :w must be a function, but f is the number 3 @ f"),
        (
            "(def f \"x\")", ":worker-fn f",
            "the function of worker :w must be a function, but f is the string \"x\" @ f"
        ),
    ]) func namedWorkerFunctions(_ defining: String, _ option: String, _ expected: String) throws {
        let text = "\(defining) (defchannel :a) (defworker :w {:in :a :expose? true \(option)})"
        #expect(try Self.findings(text) == ["error: \(expected)"])
    }

    @Test func namedTickerFunctions() throws {
        let text =
            "(defn f [] 1) (defchannel :a) (println :a) (defworker :w {:kind :ticker :output-chan :a :worker-fn f})"
        #expect(try Self.findings(text) == ["error: the function of worker :w must take 2 arguments @ f"])
    }

    @Test(arguments: [
        "(defn f [c m] m)", "(defn f [c & more] c)", "(defn f ([m] m) ([c m] m))", "(def f (partial vector 1))",
        "(declare f)", "(def f nil)", "(defmulti f (fn [c m] m))", "(def f :key)", "(def f {})",
        "(def f (comp inc dec))",
    ]) func functionsThatFit(_ defining: String) throws {
        let text = "\(defining) (defchannel :a) (defworker :w {:in :a :expose? true :worker-fn f})"
        #expect(try Self.findings(text) == [])
    }

    // A plan's forms point at the phase, key or value, as its data does.
    @Test(arguments: [
        (
            "[:a (emit :x 1)] [:a (emit :x 2)]",
            "error: two phases of plan :p are called :a, so that it waits for itself @ :a"
        ),
        (
            "[:a {:depends-on [:b]} (emit :x 1)] [:b (emit :x 2)]",
            "error: the phases of plan :p wait for one another: :a → :b → :a @ [:b]"
        ),
        (
            "[:a (emit :x 1)] [:b {:depends-on [:a :c]} (emit :x 2)]",
            "error: plan :p depends on the group `:c`, which no plan and no meta declares @ :c"
        ),
        ("[:a {:mod :parallel} (emit :x 1)]", "error: a phase has no key `:mod` @ :mod"),
        ("[{:mod :parallel} (emit :x 1)]", "error: a phase has no key `:mod` @ :mod"),
        (
            "[:a {:on-dep-failure :ignore} (emit :x 1)]",
            "error: `:on-dep-failure` must be :error, :skip or :continue, but it is the keyword :ignore @ :ignore"
        ),
    ]) func plansPointAtTheirPhases(_ phases: String, _ expected: String) throws {
        #expect(
            try Self.findings("(defphases :p \"Doc.\" [] \(phases))").filter { !$0.hasPrefix("lint") } == [expected])
    }

    // Two phases of one name are no circle when the second waits for nothing.
    @Test func aGroupInTwoPhases() throws {
        let text = "(defphases :p [] [:a (emit :x 1)] [:a {:depends-on []} (emit :x 2)])"
        #expect(try Self.findings(text).filter { !$0.hasPrefix("lint") } == [])
    }

    // Plans and metas that code names by a keyword are declared somewhere.
    @Test(arguments: [
        ("(defphases :pay [] [:a (emit :x 1)]) (perform-phases :pya)", ["error: there is no plan :pya @ :pya"]),
        ("(defphases :pay [] [:a (emit :x 1)]) (defn f [] (perform-phases :pay))", []),
        (
            "(when true (defphases :pay [] [:a (emit :x 1)])) (perform-phases :pay)",
            ["warning: there is no plan :pay @ :pay"]
        ),
        ("(let [plan :pay] (defn f [] (perform-phases plan)))", []),
        (
            "(try (perform-phases :pay) (catch Exception e 1)) '(perform-phases :pay) (comment (perform-phases :pay))",
            []
        ),
        (
            "(defmeta :mod {:priority 1}) (effect :fs/read {:path \"a\"} :modd)",
            ["error: the script names the meta `:modd`, which is not declared @ :modd"]
        ),
        ("(defmeta :mod {:priority 1}) (effect :fs/read {:path \"a\"} [:mod {:priority 2}])", []),
        ("(defn effect [a b c] c) (effect 1 2 :three)", []),
    ]) func namesInCode(_ text: String, _ expected: [String]) throws {
        #expect(try Self.findings(text).filter { !$0.hasPrefix("lint") } == expected)
    }

    // Which of two phases of one name is to blame: the later one.
    @Test func theLaterPhaseIsShown() throws {
        let text = "(defphases :p [] [:a (emit :x 1)] [:b (emit :x 2)] [:a (emit :x 3)])"
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        let checked = session.checkDefinitions(of: Source(name: "a.slu", bytes: Array(text.utf8)))
        let found = session.builder.graph.check(session.checkContext(of: checked)).first { $0.severity == .error }
        #expect(found?.place?.span.start == UInt32(text.distance(of: ":a", last: true)))
        #expect(found?.related.first?.span.start == UInt32(text.distance(of: ":a", last: false)))
    }
}

extension String {
    /// How many characters stand before the first or last occurrence of `part`.
    fileprivate func distance(of part: String, last: Bool) -> Int {
        var found = 0
        for index in indices where self[index...].hasPrefix(part) {
            found = distance(from: startIndex, to: index)
            if !last { break }
        }
        return found
    }
}
