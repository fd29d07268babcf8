import Testing

/// An expression and what it prints.
struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let expected: String
    init(_ text: String, _ expected: String) { (self.text, self.expected) = (text, expected) }
    var testDescription: String { text }
}

@Suite struct LanguageTests {
    func check(_ cases: [Case], _ location: SourceLocation = #_sourceLocation) {
        let world = World()
        for one in cases {
            let found = world.print(one.text)
            #expect(found == one.expected, "\(one.text)", sourceLocation: location)
        }
    }

    // L1
    @Test func destructuring() {
        check([
            Case("(let [[a b] [1 2]] [b a])", "[2 1]"),
            Case("(let [[a b c] [1 2]] [a b c])", "[1 2 nil]"),
            Case("(let [[a & r] [1 2 3]] [a r])", "[1 (2 3)]"),
            Case("(let [[a & r] [1]] [a r])", "[1 nil]"),
            Case("(let [[a [b & c] :as all] [1 [2 3 4]]] [a b c all])", "[1 2 (3 4) [1 [2 3 4]]]"),
            Case("(let [[a b] nil] [a b])", "[nil nil]"),
            Case("(let [[a b] \"xy\"] [a b])", "[\\x \\y]"),
            Case("(let [[_ _ c] '(1 2 3)] c)", "3"),
            Case("(let [{a :a b :b} {:a 1}] [a b])", "[1 nil]"),
            Case("(let [{:keys [a b] :or {b 7} :as m} {:a 1}] [a b m])", "[1 7 {:a 1}]"),
            Case("(let [{:strs [a] :syms [b]} {\"a\" 1 'b 2}] [a b])", "[1 2]"),
            Case("(let [{:keys [x/a] :y/keys [b]} {:x/a 1 :y/b 2}] [a b])", "[1 2]"),
            Case("(let [{[a b] :p {:keys [c]} :q} {:p [1 2] :q {:c 3}}] [a b c])", "[1 2 3]"),
            Case("(let [{a :a :or {a (inc 1)}} {:a nil}] a)", "nil"),
            Case("((fn [[a b] {:keys [c]}] [a b c]) [1 2] {:c 3})", "[1 2 3]"),
            Case("((fn [a & [b c]] [a b c]) 1 2)", "[1 2 nil]"),
            Case("((fn [a & {:keys [b c]}] [a b c]) 1 :b 2 :c 3)", "[1 2 3]"),
            Case("(loop [[a & r] [1 2 3] sum 0] (if a (recur r (+ sum a)) sum))", "6"),
            Case("(loop [{:keys [n]} {:n 3} acc []] (if (pos? n) (recur {:n (dec n)} (conj acc n)) acc))", "[3 2 1]"),
            Case("(let [a 1 a (inc a) a (inc a)] a)", "3"),
        ])
    }

    @Test func loops() {
        check([
            Case("(loop [i 0 acc 0] (if (< i 10) (recur (inc i) (+ acc i)) acc))", "45"),
            Case(
                "(loop [i 0 acc []] (if (< i 3) (recur (inc i) (conj acc (loop [j 0 b 0] (if (< j i) (recur (inc j) (+ b 10)) b)))) acc))",
                "[0 10 20]"),
            Case("(loop [a 1 b 2 n 0] (if (< n 3) (recur b a (inc n)) [a b]))", "[2 1]"),
            Case("(loop [a 1 b 2 c 3 n 0] (if (< n 4) (recur b c a (inc n)) [a b c]))", "[2 3 1]"),
            Case("(loop [a [] b [:x] n 0] (if (< n 3) (recur b (conj a n) (inc n)) [a b]))", "[[:x 1] [0 2]]"),
            Case("(loop [i 10 acc ()] (if (> i 7) (recur (dec i) (cons i acc)) acc))", "(8 9 10)"),
            Case("(mapv-calls 1)", "CompilerException: cannot resolve mapv-calls"),
            Case(
                "(map (fn [f] (f)) (loop [i 0 fs []] (if (< i 3) (recur (inc i) (conj fs (fn [] i))) fs)))", "(0 1 2)"),
            Case("((fn [n acc] (if (zero? n) acc (recur (dec n) (* acc n)))) 5 1)", "120"),
            Case("((fn [a & r] (if r (recur (+ a (first r)) (next r)) a)) 1 2 3 4)", "10"),
            Case("(loop [n 3 t nil] (when (pos? n) (recur (dec n) n)))", "nil"),
            Case("(loop [n 3] (or (zero? n) (recur (dec n))))", "true"),
            Case("(loop [n 3] (and (pos? n) (recur (dec n))))", "false"),
            Case("(loop [n 0] (cond (= n 2) :two (= n 5) :five :else (recur (inc n))))", ":two"),
            Case(
                "(loop [n 9223372036854775806] (if (< n 9223372036854775807) (recur (inc n)) n))", "9223372036854775807"
            ),
            Case("(loop [i 0.5 n 0] (if (< i 3.0) (recur (inc i) (inc n)) [i n]))", "[3.5 3]"),
            Case(
                "(loop [i 0] (try (recur 1) (catch Exception e 2)))",
                "CompilerException: recur is not in tail position of a loop or function"),
            Case("(loop [x [1] i 0] (let [y x] (if (< i 2) (recur (conj y i) (inc i)) [x y])))", "[[1 0 1] [1 0 1]]"),
            Case("(let [v [1]] (loop [i 0] (if (< i 3) (do (conj v i) (recur (inc i))) v)))", "[1]"),
        ])
    }

    @Test func functions() {
        check([
            Case(
                "(letfn [(ev [n] (if (zero? n) true (od (dec n)))) (od [n] (if (zero? n) false (ev (dec n))))] [(ev 10) (od 7) (ev 3)])",
                "[true true false]"),
            Case("(let [k 5] (letfn [(f [n] (+ k (g n))) (g [n] (* n k))] (map f [1 2])))", "(10 15)"),
            Case("(letfn [(f [n] (map (fn [x] (g (+ x n))) [1 2])) (g [x] (* 2 x))] (f 10))", "(22 24)"),
            Case("((fn ([] 0) ([a] 1) ([a b & c] [a b c])) 1 2 3 4)", "[1 2 (3 4)]"),
            Case("[((fn ([] 0) ([a] 1))) ((fn ([] 0) ([a] 1)) 9)]", "[0 1]"),
            Case("((fn fact [n] (if (zero? n) 1 (* n (fact (dec n))))) 20)", "2432902008176640000"),
            Case("((fn f ([n] (f n [])) ([n acc] (if (zero? n) acc (f (dec n) (conj acc n))))) 3)", "[3 2 1]"),
            Case("(defn g ([x] (g x 1)) ([x y] (+ x y)))(g 4)", "5"),
            Case("(defn h [] 1)(h 1 2)", "ArityException: h takes no arguments, but was called with 2"),
            Case("((fn [x]))", "ArityException: a function takes 1 argument, but was called with none"),
            Case("(apply + 1 2 [3 4])", "10"),
            Case("(apply max (range 100000))", "99999"),
            Case("(apply (fn [a & r] [a (first r)]) (iterate inc 0))", "[0 1]"),
            Case("(apply (fn [& r] (reduce + 0 r)) (map inc (range 30000)))", "450015000"),
            Case(
                "(apply (fn ([a] :one) ([a b c & d] [a b c d])) 1 [2])",
                "ArityException: a function takes 1 or 3 or more arguments, but was called with 2"),
            Case(
                "(fn ([a b c] :three) ([a & r] [a r]))",
                "CompilerException: an arity with more parameters than the one with & could never be chosen"),
            Case("(apply {:a 1} [:a])", "1"),
            Case("(apply apply [+ [1 2]])", "3"),
            Case(
                "[(:a {:a 1}) (:b {:a 1} 2) ({:a 1} :a) ({:a 1} :b 3) ([4 5] 1) (#{1 2} 2) (#{1} 2) ('a {'a 6})]",
                "[1 2 1 3 5 2 nil 6]"),
            Case("(map :a [{:a 1} {:a 2}])", "(1 2)"),
            Case("([1 2] 5)", "IndexOutOfBoundsException: index 5 is out of bounds: there are 2 elements"),
            Case("(let [x 1] (x))", "ClassCastException: cannot call the number 1: it is not a function"),
            Case("(let [[a b] [1 2] f (fn [] (fn [] [a b]))] ((f)))", "[1 2]"),
            Case("((fn [x] {:pre [(pos? x)] :post [(> % 1)]} (inc x)) 1)", "2"),
            Case("((fn [x] {:pre [(pos? x)]} (inc x)) -1)", "ExceptionInfo: assertion failed"),
            Case("(+ 1 2 3 4 5 6 7 8)", "36"),
            Case("(- 10 1 2 3)", "4"),
            Case("(let [v [1 2]] [(conj v 3) v (assoc v 0 9) v])", "[[1 2 3] [1 2] [9 2] [1 2]]"),
            Case("(let [v [1]] (conj v v))", "[1 [1]]"),
        ])
    }

    @Test func exceptions() {
        check([
            Case("(try 1 (catch Exception e 2))", "1"),
            Case("(try (throw (ex-info \"a\" {:k 1})) (catch Exception e (ex-data e)))", "{:k 1}"),
            Case("(try (throw (ex-info \"a\" {})) (catch ArithmeticException e 1) (catch ExceptionInfo e 2))", "2"),
            Case(
                "(try (try (throw (ex-info \"a\" {})) (catch ArithmeticException e 1)) (catch Exception e (ex-message e)))",
                "\"a\""),
            Case("(let [l (atom [])] (try (swap! l conj 1) (finally (swap! l conj 2))) (deref l))", "[1 2]"),
            Case(
                "(let [l (atom [])] (try (try (throw (ex-info \"x\" {})) (finally (swap! l conj 1))) (catch Exception e (swap! l conj 2)) (finally (swap! l conj 3))) (deref l))",
                "[1 2 3]"),
            Case(
                "(let [l (atom [])] (try (try (throw (ex-info \"x\" {})) (catch Exception e (swap! l conj 1) (throw e)) (finally (swap! l conj 2))) (catch Exception e (swap! l conj 3))) (deref l))",
                "[1 2 3]"),
            Case(
                "(try (try (throw (ex-info \"x\" {})) (finally (throw (ex-info \"y\" {})))) (catch Exception e (ex-message e)))",
                "\"y\""),
            Case("(let [x [1]] (try (throw (ex-info \"a\" {})) (catch Exception e (conj x 2))))", "[1 2]"),
            Case("(let [x [1]] (try (conj x 2) (throw (ex-info \"a\" {})) (catch Exception e x)))", "[1]"),
            Case(
                "(loop [i 0 r []] (if (< i 3) (recur (inc i) (conj r (try (if (= i 1) (throw (ex-info \"\" {})) i) (catch Exception e :e)))) r))",
                "[0 :e 2]"),
            Case(
                "(let [s (lazy-seq (throw (ex-info \"lazy\" {})))] (try (first s) (catch Exception e (ex-message e))))",
                "\"lazy\""),
            Case(
                "(let [s (lazy-seq (throw (ex-info \"lazy\" {})))] [(try (first s) (catch Exception e 1)) (try (count s) (catch Exception e 2))])",
                "[1 2]"),
            Case(
                "(try ((fn [x])) (catch Exception e (ex-message e)))",
                "\"a function takes 1 argument, but was called with none\""),
            Case("(try (/ 1 0) (catch ArithmeticException e :zero))", ":zero"),
            Case(
                "(throw 1)",
                "IllegalArgumentException: throw expected an exception, but found the number 1"),
            Case("(+ 1 (try 2 (finally 3)) 4)", "7"),
            Case(
                "(defn f [n] (try (if (zero? n) (throw (ex-info \"deep\" {})) (f (dec n))) (finally nil))) (try (f 50) (catch Exception e (ex-message e)))",
                "\"deep\""),
            Case("(try (catch Exception e 1))", "nil"),
            Case("(try 1 (finally 2) 3)", "CompilerException: finally is the last clause of try"),
        ])
    }

    @Test func tests() {
        check([
            Case("[(and) (and 1) (and 1 2) (and nil 2) (and 1 false 3)]", "[true 1 2 nil false]"),
            Case("[(or) (or nil) (or nil 2) (or false nil) (or 1 2)]", "[nil nil 2 nil 1]"),
            Case(
                "(let [a [1] b nil] [(if (and a (or b (not a)) ) :y :n) (if (or b (and a (not b))) :y :n)])", "[:n :y]"),
            Case(
                "(let [f (fn [a b] (cond (and a b) :both (or a b) :one :else :none))] [(f 1 1) (f nil 1) (f nil nil)])",
                "[:both :one :none]"),
            Case("(let [x [1 2]] (if (and (seq x) (< (count x) 3)) (or (next x) x) x))", "(2)"),
            Case("[(when true 1 2) (when nil 1) (when-not nil 3) (if-not 1 2 3)]", "[2 nil 3 3]"),
            Case("(cond nil 1)", "nil"),
            Case(
                "(cond 1)",
                "CompilerException: cond takes pairs of test and value, but the last of 1 forms has no value"),
            Case("[(-> 5 inc (- 2)) (->> 5 inc (- 2))]", "[4 -4]"),
            Case("(let [x 1] (not (= x 2)))", "true"),
            Case("(if (not (and 1 nil)) :y :n)", ":y"),
            Case("(let [n nil] [(if (nil? n) 1 2) (if (some? n) 1 2) (if (not= n 1) 1 2)])", "[1 2 1]"),
        ])
    }

    // Every operation in every position: value, test, loop bottom.
    @Test func comparisonsAgree() {
        let world = World()
        let numbers = ["-1", "0", "1", "2", "1.0", "1.5", "9223372036854775807", "40000", "1/2"]
        for x in numbers {
            for y in numbers {
                for op in ["<", "<=", ">", ">=", "="] {
                    let value = world.print("(\(op) \(x) \(y))")
                    #expect(
                        world.print(
                            "(let [x \(x) y \(y)] [(\(op) x y) (if (\(op) x y) true false) (\(op) x \(y)) (if (\(op) x \(y)) true false) (apply \(op) [x y])])"
                        )
                            == "[\(value) \(value) \(value) \(value) \(value)]", "(\(op) \(x) \(y))")
                }
            }
        }
    }
}
