import Foundation
import Reader
import Values

/// The repository's root, found from this file.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// One table for all tests, because a name must not outlive its table.
let testNames = Names()

/// All forms of `text`.
func read(_ text: String, _ names: Names, _ dialect: Dialect) throws -> [Value] {
    var reader = Reader(Source(name: "test", bytes: Array(text.utf8)), names: names, dialect: dialect)
    var values: [Value] = []
    while let form = try reader.next() { values.append(form.value) }
    return values
}

/// The first form of `text` as data, or nil when there is none.
func readData(_ text: String, _ names: Names, _ options: EDNOptions = EDNOptions()) throws -> Value? {
    var reader = Reader(Source(name: "test", bytes: Array(text.utf8)), names: names, dialect: .edn(options))
    return try reader.next()?.value
}

/// A context for code in namespace `user`, where `str` and `set` are aliases and `map`, `inc`, `+` are in clojure.core.
func testContext(_ names: Names) -> CodeContext {
    let counter = Counter()
    let aliases = ["str": "clojure.string", "set": "clojure.set"]
    let core: Set<String> = ["map", "inc", "+", "let", "if-not", "println", "list"]
    let special: Set<String> = ["if", "&", "quote"]
    var context = CodeContext(
        resolve: { name in
            if special.contains(name.name) { return name }
            if let namespace = name.namespace { return names.intern(aliases[namespace] ?? namespace, name.name) }
            return names.intern(core.contains(name.name) ? "clojure.core" : "user", name.name)
        },
        namespace: { "user" }, alias: { aliases[$0] }, nextID: { counter.next() },
        regex: { text throws(Fault) in
            guard !text.string.hasPrefix("(") else { throw .illegalArgument("unclosed group") }
            return .object(TaggedLiteral(tag: names.intern("regex"), form: .text(text)))
        })
    context.aliases = { Array(aliases.keys) }
    return context
}

final class Counter {
    private var count = 0
    func next() -> Int {
        count += 1
        return count
    }
}

func readCode(_ text: String, _ names: Names) throws -> [Value] { try read(text, names, .code(testContext(names))) }
