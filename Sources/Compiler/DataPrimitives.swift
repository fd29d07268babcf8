import Machine
import Reader
import Values

/// EDN and JSON, on which the library's `clojure.edn` and `clojure.data.json` stand. They are here because the machine does
/// not know the reader.
enum DataPrimitives {
    static let family = PrimitiveFamily(
        "sluice.compiler",
        [
            Primitive("edn-read", 3, readEDN), Primitive("json-read", 2, readJSON),
            Primitive("json-write", .between(1, 2), writeJSON),
        ])

    /// `(edn-read text tags keep?)`: `[value tagged? rest discarded]`, or nil when the text holds no value.
    ///
    /// Tags in the set `tags` become tagged literals, for the caller to handle; with `keep?` unknown ones do too. `tagged?`
    /// is whether there are any, `rest` is the text behind the value and `discarded` the forms that `#_` left out.
    @Sendable private static func readEDN(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard let text = arguments[0].textValue else {
            throw .type("clojure.edn/read-string", expected: "a string", found: arguments[0])
        }
        try workOfReading(text)
        let names = fiber.instance.names
        let handled = arguments[1]
        let seen = TagsSeen()
        var options = EDNOptions(
            unknownTag: arguments[2].isTruthy
                ? .handle { (tag, value) throws(Fault) in seen.literal(tag, value) } : .refuse,
            tagged: { (tag, value) throws(Fault) in
                guard case .set(let set) = handled, try set.contains(.symbol(tag)) else { return nil }
                return seen.literal(tag, value)
            })
        options.discarded = { seen.discarded.append($0) }
        var reader = Reader(Source(name: "EDN", text: text), names: names, dialect: .edn(options))
        let form: Form?
        do throws(SyntaxError) { form = try reader.next() } catch { throw error.fault }
        guard let form else { return .nil }
        let rest = text.slice(min(reader.offset, text.byteCount)..<text.byteCount)
        return .vector([form.value, .bool(seen.any), .text(rest), .vector(seen.discarded)])
    }

    /// Counts what it costs to read a text, about, in steps (N6).
    static func workOfReading(_ text: Text) throws(Fault) { try Attention.work(text.byteCount / 4) }

    /// Whether the text had tags that the language handles, and what it left out.
    private final class TagsSeen {
        var any = false
        var discarded: [Value] = []

        func literal(_ tag: Name, _ value: Value) -> Value {
            any = true
            return .object(TaggedLiteral(tag: tag, form: value))
        }
    }

    /// `(json-read text keywords?)`: the one value that a JSON text holds.
    @Sendable private static func readJSON(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard let text = arguments[0].textValue else {
            throw .type("clojure.data.json/read-str", expected: "a string", found: arguments[0])
        }
        try workOfReading(text)
        let source = Source(name: "JSON", text: text)
        let keys = arguments[1].isTruthy ? JSON.Keys.keywords(fiber.instance.names) : .strings
        do { return try JSON.read(source, keys: keys) } catch { throw error.fault }
    }

    /// `(json-write value options)`: options are a set of `:indent`, `:escape-slash`, `:escape-unicode` and `:qualified`.
    @Sendable private static func writeJSON(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var style = JSON.Style()
        if case .set(let options) = arguments.optional(1) {
            for option in options.elementVector().elements {
                guard case .keyword(let name) = option else { continue }
                switch name.name {
                case "indent": style.pretty = true
                case "escape-slash": style.escapesSlash = true
                case "escape-unicode": style.escapesUnicode = true
                case "qualified": style.qualifiedNames = true
                default: throw .illegalArgument("JSON has no style :\(name.name)")
                }
            }
        }
        return .string(String(decoding: try JSON.write(arguments[0], style: style), as: UTF8.self))
    }
}
