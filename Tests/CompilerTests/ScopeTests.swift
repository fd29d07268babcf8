import Machine
import Testing
import Values

/// Laziness, vars, macros and namespaces.
@Suite struct ScopeTests {
    func check(_ cases: [Case], files: [String: String] = [:], _ location: SourceLocation = #_sourceLocation) {
        for one in cases {
            let found = World(files: files).print(one.text)
            #expect(found == one.expected, "\(one.text)", sourceLocation: location)
        }
    }

    /// What the program noted, in order.
    func notes(_ text: String) -> [Int64] {
        let world = World()
        if let fault = world.fault(text) { Issue.record("\(World.describe(fault))") }
        return world.notes.values
    }

    @Test func sequencesAreRealisedOnceAndNoFurtherThanAsked() {
        let noting = "(def s (map note! (iterate inc 0)))"
        #expect(notes("\(noting)") == [])
        #expect(notes("\(noting)(first s)(first s)") == [0])
        #expect(notes("\(noting)(rest s)") == [0])
        #expect(notes("\(noting)(next s)") == [0, 1])
        #expect(notes("\(noting)(let [[a b] s] a)") == [0, 1])
        #expect(notes("\(noting)(nth s 5)") == [0, 1, 2, 3, 4, 5])
        #expect(notes("\(noting)(loop [s s n 0] (when (< n 4) (first s) (recur (rest s) (inc n))))") == [0, 1, 2, 3])
        #expect(notes("\(noting)(loop [s (seq s) n 0] (when (< n 3) (recur (next s) (inc n))))") == [0, 1, 2, 3])
        #expect(notes("(def s (map note! (range 5)))(count s)(count s)") == [0, 1, 2, 3, 4])
        #expect(notes("(def s (lazy-seq (note! 1) nil))(seq s)(seq s)(empty? s)".replacingEmpty) == [1])
    }

    @Test func failuresAheadOfWhatIsAskedAreNotSeen() {
        check([
            Case("(def s (map (fn [x] (if (= x 3) (throw (ex-info \"three\" {})) x)) (iterate inc 0)))(nth s 2)", "2"),
            Case(
                "(def s (map (fn [x] (if (= x 3) (throw (ex-info \"three\" {})) x)) (iterate inc 0)))(= [9 1] s)",
                "false"),
            Case(
                "(def s (map (fn [x] (if (= x 3) (throw (ex-info \"three\" {})) x)) (iterate inc 0)))(try (nth s 7) (catch Exception e (ex-message e)))",
                "\"three\""),
            Case(
                "(def a (lazy-seq (cons 1 (lazy-seq (next a)))))(try (count a) (catch IllegalStateException e :circular))",
                ":circular"),
        ])
    }

    @Test func longChainsOfSequencesAreWalkedInLinearTime() {
        let world = World(limits: Limits(instructions: 30_000_000))
        #expect(world.print("(count (map inc (map inc (filter odd? (range 40000)))))") == "20000")
        #expect(
            world.print("(hash (map inc (map inc (range 20000))))")
                == world.print("(hash (map inc (map inc (range 20000))))"))
    }

    @Test func vars() {
        check([
            Case("(def ^:dynamic *d* 1)(defn f [] *d*)[(f) (binding [*d* 2] (f)) (f)]", "[1 2 1]"),
            Case("(def ^:dynamic *d* 1)(binding [*d* 2] (set! *d* 3) *d*)", "3"),
            Case("(def ^:dynamic *d* 1)(try (binding [*d* 2] (throw (ex-info \"\" {}))) (catch Exception e *d*))", "1"),
            Case("(def ^:dynamic *d* 1)(try (set! *d* 3) (catch IllegalStateException e :unbound))", ":unbound"),
            Case("(def x \"doc\" 1)(:doc (meta (var x)))", "\"doc\""),
            Case("(def ^{:k 5} x 1)(:k (meta (var x)))", "5"),
            Case(
                "(defn f \"doc\" [a b] a)(let [m (meta (var f))] [(:doc m) (:arglists m) (:line m)])",
                "[\"doc\" ([a b]) 1]"),
            Case("(def x 1)(defn f [] x)(def x 2)(f)", "2"),
            Case("(defn f [] (g))(defn g [] 3)(f)", "CompilerException: cannot resolve g"),
            Case("(def x)(x)", "IllegalStateException: user/x is declared but has no value yet"),
            Case("(def ^String s \"a\")s", "\"a\""),
            Case("(defn ^long f [^long x] (inc x))(f 1)", "2"),
            Case("(meta ^{:a 1} [1])", "{:a 1}"),
            Case("(let [x 1] (set! x 2))", "CompilerException: x is a local: locals do not change"),
        ])
    }

    @Test func macros() {
        check([
            Case("(defmacro m [x] (list 'quote &form))(m 1)", "(m 1)"),
            Case("(defmacro m [] (list 'quote (set (keys &env))))(= '#{a b} (let [a 1 b 2] (m)))", "true"),
            Case("(defmacro twice [x] `(do ~x ~x))(def a (atom 0))(twice (swap! a inc))(deref a)", "2"),
            Case("(defmacro my-or [a b] `(let [x# ~a] (if x# x# ~b)))(let [x 5] (my-or nil x))", "5"),
            Case("(defmacro m [& xs] `[~@xs ~(count xs)])(m 1 2)", "[1 2 2]"),
            Case("(defmacro m [] `(map inc [1]))(let [map 1 inc 2] (m))", "(2)"),
            Case("(defmacro defs [] `(do (def p 1) (def q (inc p))))(defs)[p q]", "[1 2]"),
            Case("(do (defmacro m [x] `(inc ~x)) (m 4))", "5"),
            Case("`(a ~(+ 1 2) ~@[4 5] if x/y)", "(user/a 3 4 5 if x/y)"),
            Case("`[~@(map inc [1 2])]", "[2 3]"),
            Case("(when-let [x (next [1 2])] (first x))", "2"),
            Case("(defmacro m [x] x)(macro-value m)", "CompilerException: cannot resolve macro-value"),
            Case("(defmacro m [x] x)m", "CompilerException: m is a macro and has no value"),
            Case("(eval '(+ 1 2))", "3"),
        ])
        // A macro runs once for each call of it.
        let world = World()
        _ = world.print("(defmacro m [] (note! 1) 5)")
        #expect(world.print("[(m)]") == "[5]")
        #expect(world.print("(m)") == "5")
        #expect(world.notes.values == [1, 1])
    }

    @Test func namespaces() {
        let files = [
            "lib.one": "(ns lib.one) (defn f [x] (* 2 x)) (def ^:private hidden 1) (defmacro m [x] `(f ~x))",
            "lib.two": "(ns lib.two (:require [lib.one :as one])) (defn g [x] (one/f x))",
            "lib.bad": "(ns lib.bad)\n(foo)",
            "lib.none": "(def x 1)",
        ]
        check(
            [
                Case("(ns a (:require [lib.one :as o]))(o/f 2)", "4"),
                Case("(ns a (:require [lib.one :refer [f]]))(f 3)", "6"),
                Case("(ns a (:require [lib.one :as o]))(o/m 4)", "8"),
                Case("(ns a (:require [lib.two :as t] lib.one))[(t/g 1) (lib.one/f 1)]", "[2 2]"),
                Case("(ns a (:use lib.one))(f 3)", "6"),
                Case("(ns a (:refer-clojure :exclude [map]))(defn map [] :mine)(map)", ":mine"),
                Case("(require '[lib.one :as o])(o/f 1)", "2"),
                Case("(ns a)(def x 1)(ns b)(def x 2)(ns a)[x b/x]", "[1 2]"),
                Case("(ns a (:require [lib.on]))", "FileNotFoundException: cannot find the namespace lib.on"),
                Case("(ns a (:require [lib.one :refer [nope]]))", "IllegalArgumentException: lib.one has no nope"),
                Case("(ns a (:require lib.bad))", "CompilerException: cannot resolve foo"),
                Case(
                    "(ns a (:require lib.none))",
                    "RuntimeException: lib.none.slu does not define the namespace lib.none"),
                Case("(ns a (:require [lib.one :as o]))(o/nope 1)", "CompilerException: o has no nope"),
                Case("(zzz/f 1)", "CompilerException: there is no namespace or alias zzz here"),
            ], files: files)
    }
}

extension String {
    /// `empty?` is not a primitive.
    fileprivate var replacingEmpty: String { hasSuffix("(empty? s)") ? String(dropLast(10)) : self }
}
