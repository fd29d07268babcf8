import Machine
import Testing
import Values

/// N6: what a program allocated is free again when it has ended, however it ended.
@Suite struct LeakTests {
    @Test(arguments: [
        "(let [v [1 2 3] m {:a v}] (conj (:a m) m))", "(loop [i 0 v []] (if (< i 100) (recur (inc i) (conj v [i])) v))",
        "(try (vector [1] (throw (ex-info \"x\" {:a [1]})) [2]) (catch Exception e [e]))",
        "(vector [1] [2] (throw (ex-info \"x\" {:a [1]})))", "((fn [a] a) [1] [2])", "(conj [1] [2] ((fn [])  [3]))",
        "(let [s (map (fn [x] [x]) (range 50))] (count s) (first s))", "(apply vector (map (fn [x] [x]) (range 100)))",
        "(apply (fn [a & r] [a r]) [1] (map vector (range 40)))", "(apply (fn [a] a) [[1] [2]])",
        "(apply (fn [& r] (throw (ex-info \"x\" {}))) (range 100))",
        "(let [a [1] f (fn [] a)] (try (f 1 2) (catch Exception e (f))))",
        "(letfn [(f [n] (if (zero? n) [] (g n))) (g [n] (conj (f (dec n)) [n]))] (f 10))",
        "(let [x [1]] (try (nth x 9) (finally (conj x 2))))",
        "(let [x [1]] (and x (or nil (next x)) x))", "(let [x [1] y [2]] (if (= x y) x (if (nil? x) y (conj y x))))",
        "(loop [x [1] n 0] (if (< n 5) (recur (try (if (= n 3) (throw (ex-info \"\" {:x x})) (conj x n)) (catch Exception e x)) (inc n)) x))",
        "(let [s (lazy-seq (throw (ex-info \"x\" {})))] (try (count s) (catch Exception e [s])))",
        "(= (map vector (range 20)) (map vector (range 20)))", "{(map inc [1 2]) #{(map inc [3])}}",
        "((fn f [n acc] (if (zero? n) acc (f (dec n) (cons [n] acc)))) 50 nil)", "((fn f [n] (f (conj n n))) [1])",
        "(eval '(let [x [1 2]] (fn [] x)))", "(when-let [x [1]] (conj x 2))", "(assoc {:a [1]} (inc nil) [2])",
        "(-> {:a [1]} (assoc :b [2]) :b)",
        "(try (loop [i 0 v [1]] (if (< i 9) (recur (inc i) (conj v (nth v i))) (v 99))) (catch Exception e e))",
        "(let [{:keys [a b] :or {b [1]}} {:a [2]}] [a b])", "(let [[a & b :as c] (map vector (range 5))] [a b c])",
    ]) func everythingIsFreed(_ text: String) {
        let world = World(limits: Limits(depth: 1_000))
        // The first rounds make vars, names and what the library defines.
        for _ in 0..<2 { _ = world.print(text) }
        let before = world.instance.account.memoryUsed
        for _ in 0..<5 { _ = world.print(text) }
        #expect(world.instance.account.memoryUsed == before, "\(text)")
    }
}
