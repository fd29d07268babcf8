import Compiler
import Machine
import Reader
import Values

/// An instance with the machine's primitives and a few definitions in the language: enough to test the compiler and the
/// machine without the library that is built on them.
final class World {
    let instance: Instance
    let evaluator: Evaluator
    let notes = Notes()
    var namespace: Namespace

    init(limits: Limits = Limits(), files: [String: String] = [:]) {
        instance = Instance(limits: limits)
        evaluator = Evaluator(instance, libraries: TestLibrary(files: files, notes: notes))
        namespace = evaluator.scriptNamespace("user")
    }

    func evaluate(_ text: String, file: String = "test.slu", firstLine: Int = 1) throws(Fault) -> Value {
        let source = Source(name: file, bytes: Array(text.utf8), firstLine: firstLine)
        let result = try evaluator.evaluate(source, in: namespace)
        namespace = result.namespace
        return result.value
    }

    /// The printed value, or the class and message of the error.
    func print(_ text: String) -> String {
        do throws(Fault) {
            let printer = Primitives.find(namespace: "clojure.core", name: "pr-str")!
            let printed = try evaluator.call(.native(printer), [try evaluate(text)], in: namespace)
            return try Printer.plain(printed)
        } catch {
            return World.describe(error)
        }
    }

    static func describe(_ fault: Fault) -> String {
        switch fault {
        case .thrown(let exception): "\(exception.type.rawValue): \(exception.message)"
        case .exhausted(let budget): "exhausted: \(budget.rawValue)"
        case .force: "force"
        case .cancelled: "cancelled"
        }
    }

    func fault(_ text: String) -> Fault? {
        do throws(Fault) { _ = try evaluate(text) } catch { return error }
        return nil
    }

    func exception(_ text: String) -> Exception? {
        if case .thrown(let exception)? = fault(text) { exception } else { nil }
    }
}

/// What `(note! x)` was called with.
final class Notes: @unchecked Sendable {
    // Sendable: a test's instance runs on the test's thread alone.
    var values: [Int64] = []
}

struct TestLibrary: LibrarySource {
    let files: [String: String]
    let notes: Notes
    let aliases: [(String, String)] = []
    var namespaces: [String] { Primitives.all.namespaces }
    func has(_ namespace: String) -> Bool { namespaces.contains(namespace) }
    func names(in namespace: String) -> [String] {
        Primitives.all.names(in: namespace)
            + (namespace == "clojure.core" ? Array(TestLibrary.definitions.keys) + ["note!"] : [])
    }
    func primitive(_ namespace: Name, _ name: Name) -> Value? {
        if name.name == "note!" {
            let notes = notes
            return .native(
                Native("note!", 1) { (a, _) throws(Fault) in
                    notes.values.append(a[0].intValue ?? -1)
                    return a[0]
                })
        }
        return Primitives.find(namespace: namespace, name: name).map { .native($0) }
            ?? Primitives.constant(namespace: namespace.description, name: name.name)
    }
    func definition(_ namespace: String, _ name: String) -> Source? {
        guard namespace == "clojure.core", let text = TestLibrary.definitions[name] else { return nil }
        return Source(name: "core/\(name)", bytes: Array(text.utf8))
    }
    func file(of namespace: String) throws(Fault) -> Source? {
        files[namespace].map { Source(name: "\(namespace).slu", bytes: Array($0.utf8)) }
    }

    static let definitions: [String: String] = [
        "concat": """
        (defn concat
          ([] ())
          ([x] (lazy-seq x))
          ([x y] (lazy-seq (let [s (seq x)] (if s (cons (first s) (concat (rest s) y)) y))))
          ([x y & more] (apply concat (concat x y) more)))
        """,
        "map": """
        (defn map
          ([f s] (lazy-seq (let [s (seq s)] (when s (cons (f (first s)) (map f (rest s)))))))
          ([f a b] (lazy-seq (let [a (seq a) b (seq b)]
            (when (and a b) (cons (f (first a) (first b)) (map f (rest a) (rest b))))))))
        """,
        "take":
            "(defn take [n s] (lazy-seq (when (pos? n) (let [s (seq s)] (when s (cons (first s) (take (dec n) (rest s))))))))",
        "filter": """
        (defn filter [f s]
          (lazy-seq (let [s (seq s)]
            (when s (if (f (first s)) (cons (first s) (filter f (rest s))) (filter f (rest s)))))))
        """,
        "iterate": "(defn iterate [f x] (lazy-seq (cons x (iterate f (f x)))))",
        "range": "(defn range [n] (take n (iterate inc 0)))",
        "atom": "(defn atom [x] (sluice.machine/atom x))",
        "repeat": "(defn repeat [x] (lazy-seq (cons x (repeat x))))",
        "reduce": "(defn reduce [f a s] (loop [a a s (seq s)] (if s (recur (f a (first s)) (next s)) a)))",
        "into": "(defn into [a s] (reduce conj a s))",
        "swap!": """
        (defn swap! [a f & args]
          (loop [] (let [old (deref a) new (apply f old args)] (if (compare-and-set! a old new) new (recur)))))
        """,
        "binding": """
        (defmacro binding [pairs & body]
          (let [vars (loop [p (seq pairs) out []]
                       (if p (recur (next (next p)) (conj (conj out (list 'var (first p))) (first (next p)))) out))]
            `(let [] (sluice.machine/push-bindings! ~@vars) (try ~@body (finally (sluice.machine/pop-bindings!))))))
        """,
        "unless": "(defmacro unless [test & body] `(if ~test nil (do ~@body)))",
        "when-let":
            "(defmacro when-let [[name value] & body] `(let [found# ~value] (when found# (let [~name found#] ~@body))))",
        "assert": "(defmacro assert [test] `(when-not ~test (throw (ex-info \"assertion failed\" {}))))",
        "eval": "(defn eval [form] ((sluice.compiler/eval form)))",
        "require": "(defn require [& specs] (apply sluice.compiler/require specs))",
    ]
}
