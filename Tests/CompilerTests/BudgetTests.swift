import Machine
import Testing
import Values

/// N6: nothing in a script can escape a budget, hang or crash the host.
@Suite(.serialized) struct BudgetTests {
    @Test(arguments: [
        "(loop [] (recur))", "(loop [i 0] (if (< i 1) (recur i) i))",
        "(defn f [] (f) 1)(loop [] (try (f) (catch Error e 1)) (recur))",
        "(try (loop [] (recur)) (catch Throwable e 1))", "(try (loop [] (recur)) (catch :default e 1))",
        "(try (loop [] (recur)) (finally (loop [] (recur))))",
        "(try (try (loop [] (recur)) (finally (throw (ex-info \"escape\" {})))) (catch Throwable e :escaped))",
        "(defn f [] (try (loop [] (recur)) (finally (f))))(f)", "(count (iterate inc 0))", "(hash (repeat 1))",
        "(pr-str (iterate inc 0))", "(apply + (repeat 1))", "(= (repeat 1) (repeat 1))", "(reduce + 0 (repeat 1))",
        "(defmacro m [] (loop [] (recur)))(m)",
        "(first (filter neg? (iterate inc 0)))",
    ]) func endlessProgramsEnd(_ text: String) {
        let world = World(limits: Limits(instructions: 400_000, memory: 200 << 20, depth: 2_000))
        #expect(world.print(text) == "exhausted: instructions", "\(text)")
    }

    @Test(arguments: [
        "(loop [s \"aaaaaaaa\"] (recur (str s s)))", "(loop [v []] (recur (conj v v v)))",
        "(loop [v [1]] (recur (into v v)))", "(loop [v nil] (recur (cons 1 v)))", "(loop [n 2] (recur (* n n)))",
        "(loop [m {} i 0] (recur (assoc m i [i]) (inc i)))",
    ]) func growingProgramsEnd(_ text: String) {
        let world = World(limits: Limits(instructions: 20_000_000, memory: 16 << 20))
        let found = world.print(text)
        #expect(found.hasPrefix("exhausted") || found.hasPrefix("ArithmeticException"), "\(text): \(found)")
    }

    private static let arrays =
        [
            "boolean", "byte", "char", "short", "int", "long", "float", "double",
        ].flatMap { kind in
            let first = ["boolean": "true", "char": "\\a"][kind] ?? "1"
            return ["(\(kind)-array N)", "(\(kind)-array N \(first))", "(\(kind)-array N [\(first)])"]
        } + ["(object-array N)", "(make-array Object N)", "(make-array Object N 1)", "(make-array Object 1 1 N)"]

    /// An array has to be within the budget before it is made: were it not, this would take 32 GB.
    @Test(arguments: arrays) func arraysAreCheckedBeforeTheyAreMade(_ text: String) {
        let world = World(limits: Limits(memory: 32 << 20))
        func made(_ size: String) -> String { world.print(text.replacing("N", with: size)) }
        #expect(made("2147483647") == "exhausted: memory", "\(text)")
        // As on the Java machine, whose sizes have 32 bits: no size wraps around.
        for size in ["2147483648", "10000000000", "1152921504606846977", "9223372036854775807"] {
            let found = made(size)
            #expect(
                found.hasPrefix("IllegalArgumentException") && found.contains("takes a size of at most 2147483647"),
                "\(text): \(found)")
        }
    }

    private static func times(_ count: Int, _ value: String) -> String {
        "(loop [v [] i 0] (if (< i \(count)) (recur (conj v \(value)) (inc i)) v))"
    }

    /// 32 MB are 2,097,152 elements.
    @Test(arguments: [
        "(make-array Object 3000 100000)", "(make-array Object 1000000 0)", "(make-array Object 200 200 200 200)",
        "(apply make-array Object \(BudgetTests.times(255, "2147483647")))", "(aclone (long-array 1500000))",
        "(vec (long-array 1500000))", "(into-array (vec (range 1500000)))",
        "(format (loop [s \"%1$9999999d\" i 0] (if (< i 6) (recur (str s s) (inc i)) s)) 1)",
    ]) func whatIsMadeAtOnceIsWithinTheBudget(_ text: String) {
        let world = World(limits: Limits(memory: 32 << 20))
        #expect(world.print(text) == "exhausted: memory", "\(text)")
    }

    @Test func arraysHaveFewDimensions() {
        let world = World(limits: Limits(memory: 32 << 20))
        #expect(world.print("(alength (apply make-array Object \(BudgetTests.times(255, "1"))))") == "1")
        let found = world.print("(apply make-array Object \(BudgetTests.times(256, "1")))")
        #expect(found.contains("make-array takes at most 255 sizes, but found 256"), "\(found)")
    }

    /// 15,635 digits.
    private static let large = "(loop [i 0 n 3N] (if (< i 15) (recur (inc i) (* n n)) n))"

    /// What is done with large numbers costs as many steps as it is work: so many rounds are possible at most, and far more
    /// would be if only the calls were counted.
    @Test(arguments: [
        ("(loop [i 1 sum 0] (note! i) (recur (inc i) (+ sum (/ 1 i))))", 15_000),
        ("(loop [i 1 r 1] (note! i) (recur (inc i) (/ 1 (+ i r))))", 5_000),
        ("(loop [i 1 p 1] (note! i) (recur (inc i) (*' p i)))", 40_000),
        ("(loop [i 1 d 1.1M] (note! i) (recur (inc i) (* d 1.1M)))", 40_000),
        ("(loop [] (note! 1) \(large) (recur))", 500),
        ("(let [n \(large)] (loop [] (note! 1) (+ n n) (recur)))", 40_000),
        ("(let [n \(large) m (quot n (* 3N 1000))] (loop [] (note! 1) (/ n m) (recur)))", 500),
        ("(let [n \(large)] (loop [] (note! 1) (quot (* n n) n) (recur)))", 500),
        ("(let [n \(large)] (loop [] (note! 1) (str n) (recur)))", 500),
        ("(let [n (str \(large))] (loop [] (note! 1) (bigint n) (recur)))", 2_000),
        ("(let [n (str \(large))] (loop [] (note! 1) (sluice.compiler/read-string n) (recur)))", 2_000),
    ]) func largeNumbersCostWhatTheyAreWorth(_ text: String, _ rounds: Int) {
        let world = World(limits: Limits(instructions: 1_000_000, memory: 64 << 20))
        #expect(world.print(text) == "exhausted: instructions", "\(text)")
        #expect(world.notes.values.count < rounds, "\(text)")
    }

    /// `n` levels of collections, each with the one below twice: quick to make, for ever to walk.
    static func shared(_ collection: String) -> String {
        "(loop [v [1] i 0] (if (< i 64) (recur \(collection) (inc i)) v))"
    }

    @Test(arguments: [
        "(= \(shared("[v v]")) \(shared("[v v]")))", "(= \(shared("(list v v)")) \(shared("(list v v)")))",
        "(= \(shared("{:a v :b v}")) \(shared("{:a v :b v}")))", "(= \(shared("#{[v] v}")) \(shared("#{[v] v}")))",
    ]) func sharedDataIsWalkedWithinTheBudget(_ text: String) {
        let world = World(limits: Limits(instructions: 150_000, memory: 64 << 20))
        #expect(world.print(text) == "exhausted: instructions", "\(text)")
    }

    /// 262,144 characters, the Thue–Morse sequence: no part of it is there three times in a row.
    static let long = "(loop [s \"a\" t \"b\" i 0] (if (< i 18) (recur (str s t) (str t s) (inc i)) s))"
    /// A pattern, 4,096 times over.
    static func repeated(_ pattern: String) -> String {
        "(re-pattern (loop [s \"\(pattern)\" i 0] (if (< i 12) (recur (str s s) (inc i)) s)))"
    }

    /// Linear in the text for one search still is long for a long text, a large pattern or many searches.
    @Test(arguments: [
        "(re-find #\"((a|b)*a(a|b){300})\" \(long))", "(re-matches #\"(?:a|b)*a(?:a|b){700}b*\" \(long))",
        "(re-find #\"(?:a|b)*a(?:a|b){700}c\" \(long))",
        "(sluice.machine/split-regex \(long) #\"(?:a|b)*c|a\" 0)",
        "(sluice.machine/replace-regex \(long) #\"(?:a|b)*c|a\" \"x\")",
        "(sluice.machine/re-chunk (re-matcher #\"(?:a|b)*c|(a)\" \(long)) 1000)",
        "(let [s \(long)] (loop [] (re-find #\"c\" s) (recur)))",
        "(let [s \(long)] (loop [] (re-find #\"a[ab]c\" s) (recur)))",
        repeated("(?iu)[\u{100}-\u{27ff}]"), repeated("\\\\p{IsAlphabetic}"), repeated("[\\\\p{L}&&\\\\p{Lu}]"),
    ]) func regularExpressionsCountAsWork(_ text: String) {
        let world = World(limits: Limits(instructions: 1_000_000, memory: 64 << 20))
        #expect(world.print(text) == "exhausted: instructions", "\(text)")
    }

    /// Patterns that are too large are errors, however large.
    @Test(arguments: [
        "(re-pattern \"(a{1000}){1000}\")", "(re-pattern \"((((a{100}){100}){100}){100}){100}\")",
        "(re-pattern \"(?:(?:(?:|){1000}){1000}){1000}\")", repeated("a|b|"), repeated("("), repeated("["),
        repeated("(a)"), repeated("a{3}"), "(re-pattern \"(a)\\\\1\")", "(re-pattern \"(?=a+)+\")",
    ]) func hostilePatternsAreErrors(_ text: String) {
        let world = World(limits: Limits(instructions: 1_000_000, memory: 64 << 20))
        #expect(world.print(text).hasPrefix("IllegalArgumentException: invalid regular expression"), "\(text)")
    }

    @Test(arguments: [
        "(sluice.machine/split-regex \(long) #\"\" 0)",
        "(re-pattern (str \(long) \(long) \(long) \(long) \(long) \(long) \(long)))",
        "(sluice.machine/replace-regex \(long) #\"a\" \(long))",
        "(sluice.machine/replace-regex \(long) #\"()\" \"$1$1\(String(repeating: "x", count: 100))\")",
    ]) func piecesOfTextAreWithinTheMemory(_ text: String) {
        let world = World(limits: Limits(instructions: 100_000_000, memory: 8 << 20))
        #expect(world.print(text) == "exhausted: memory", "\(text)")
    }

    // What goes over a large text counts by how much it goes over: 200 rounds over 8 MB are no 200 steps.
    @Test(arguments: [
        "(clojure.string/upper-case text)", "(clojure.string/reverse text)", "(clojure.string/includes? text \"zz\")",
        "(clojure.string/index-of text \"zz\")", "(sluice.machine/replace-text text \"zz\" \"y\")",
        "(clojure.string/split-lines text)",
    ]) func largeTexts(_ operation: String) {
        let world = World(limits: Limits(instructions: 10_000_000, memory: 64 << 20))
        let large = "(loop [s \"abcdefgh\" i 0] (if (< i 20) (recur (str s s) (inc i)) s))"
        let text = "(let [text \(large)] (loop [i 0] (if (< i 200) (do \(operation) (recur (inc i))) i)))"
        #expect(world.print(text) == "exhausted: instructions", "\(operation)")
    }

    // Who looks for one place after the other goes over the text once.
    @Test func findingEveryPlaceIsLinear() {
        let world = World(limits: Limits(instructions: 3_000_000, memory: 64 << 20))
        let text = """
            (let [text (loop [s "word," i 0] (if (< i 14) (recur (str s s) (inc i)) s))]
              (loop [from 0 found 0]
                (let [at (clojure.string/index-of text "," from)] (if at (recur (inc at) (inc found)) found))))
            """
        #expect(world.print(text) == "16384")
    }

    @Test func finallyRunsWithinTheGrace() {
        let world = World(limits: Limits(instructions: 100_000))
        #expect(world.print("(try (loop [] (recur)) (finally (note! 1)))") == "exhausted: instructions")
        #expect(world.notes.values == [1])
        let timed = World()
        timed.instance.account.expire()
        #expect(timed.print("(try (loop [] (recur)) (finally (note! 2)))") == "exhausted: wall time")
        #expect(timed.notes.values == [2])
    }

    @Test func depth() {
        let world = World(limits: Limits(depth: 100))
        #expect(world.print("(defn f [n] (if (zero? n) 0 (inc (f (dec n)))))(f 90)") == "90")
        #expect(world.print("(f 101)") == "StackOverflowError: the call stack is 100 calls deep")
        #expect(world.print("(try (f 1000) (catch StackOverflowError e :deep))") == ":deep")
        #expect(world.print("(f 90)") == "90")
        #expect(World().print("(defn f [n] (if (zero? n) 0 (inc (f (dec n)))))(f 90000)") == "90000")
    }

    @Test(arguments: [
        "(defmacro m [] '(m))(m)", "(defmacro m [] '(do (m)))(m)", "(defmacro m [] '(do (m) (m)))[(m)]",
        "(defmacro m [] '(inc (m)))(inc (m))", "(defmacro m [] '(let [x (m)] x))(defn f [] (m))",
    ]) func runawayMacrosAreErrorsWithAPlace(_ text: String) {
        let exception = World().exception(text)
        #expect(exception?.message.contains("levels") == true, "\(text): \(exception?.message ?? "none")")
        #expect(exception?.trace.first?.span != nil)
    }

    static func nested(_ open: String, _ inner: String, _ close: String, _ count: Int) -> String {
        String(repeating: open, count: count) + inner + String(repeating: close, count: count)
    }

    @Test(arguments: [
        nested("(inc ", "1", ")", 900), nested("[", "1", "]", 900), nested("(let [x ", "1", "] x)", 900),
        nested("(do ", "1", ")", 900), nested("(if 1 ", "1", ")", 900), nested("(fn [] ", "1", ")", 900),
        nested("(-> ", "1", " inc)", 900), nested("(try ", "1", " (finally 2))", 900),
        "(let [" + String(repeating: "a 1 ", count: 5_000) + "] a)",
        "(cond " + String(repeating: "nil 1 ", count: 5_000) + ")",
        "(-> 1" + String(repeating: " inc", count: 5_000) + ")",
        "(let [[" + String(repeating: "a ", count: 5_000) + "] nil] a)",
        "(eval (loop [i 0 f 1] (if (< i 100000) (recur (inc i) (list 'inc f)) f)))",
        "(eval (loop [i 0 f 1] (if (< i 100000) (recur (inc i) [f]) f)))",
        "(eval (list 'quote (loop [i 0 f 1] (if (< i 100000) (recur (inc i) [f]) f))))",
        "(defmacro m [] (loop [i 0 f 1] (if (< i 100000) (recur (inc i) (list 'inc f)) f)))(m)",
    ]) func deepFormsNeverTrap(_ text: String) {
        // A value or an error, but not the end of the process.
        let found = World().fault(text)
        if case .thrown(let exception)? = found { #expect(!exception.message.isEmpty) }
    }

    @Test func wideFormsCompile() {
        let world = World()
        #expect(world.print("(+ " + String(repeating: "1 ", count: 3_000) + ")") == "3000")
        #expect(world.print("(count [" + String(repeating: "1 (inc 1) ", count: 5_000) + "])") == "10000")
        #expect(
            world.print("(let [x 1] (if (< x 2) (do " + String(repeating: "(note! x) ", count: 20_000) + ") 5))")
                .contains("too large"))
    }
}
