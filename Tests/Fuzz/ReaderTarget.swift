import Reader
import Values

/// Reading code and data ends in forms with places inside the text, or in a diagnostic that can be shown; formatted text reads
/// as the same forms, and formatting it again changes nothing.
enum ReaderTarget {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        // The first byte chooses the width that is formatted for.
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        let width = first < 128 ? SourceFormatter.width : 8 + Int(first) % 64
        for isData in [false, true] {
            guard let forms = forms(bytes, isData: isData) else { continue }
            let once = formatted(bytes, isData: isData, width: width)
            guard let again = self.forms(once, isData: isData), again == forms else {
                broken("formatted text reads as the same forms", text(bytes), text(once))
            }
            let twice = formatted(once, isData: isData, width: width)
            if twice != once { broken("formatting is idempotent", text(bytes), text(once), text(twice)) }
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func formatted(_ bytes: [UInt8], isData: Bool, width: Int) -> [UInt8] {
        do throws(SyntaxError) {
            return try SourceFormatter.format(Source(name: "f", bytes: bytes), isData: isData, width: width)
        } catch { broken("what can be read can be formatted", text(bytes), error.diagnostic.title) }
    }

    /// The forms as they print, or nil when the text is refused.
    private static func forms(_ bytes: [UInt8], isData: Bool) -> [String]? {
        let names = Names()
        let dialect = isData ? Dialect.edn(EDNOptions(unknownTag: .keep)) : .code(context(names))
        let source = Source(name: "f", bytes: bytes)
        var reader = Reader(source, names: names, dialect: dialect)
        var forms: [String] = []
        do throws(SyntaxError) {
            while let form = try reader.next() {
                if form.span.start < 0 || form.span.end < form.span.start || form.span.end > bytes.count {
                    broken("a form stands inside its text", text(bytes))
                }
                forms.append(printed(form.value))
            }
        } catch {
            let shown = error.diagnostic.rendered()
            if shown.isEmpty || error.diagnostic.json().isEmpty { broken("an error can be shown", text(bytes)) }
            return nil
        }
        return forms
    }

    private static func printed(_ value: Value) -> String {
        var printer = Printer()
        printer.metadata = true
        // What nests too deep to print tells nothing about the reader.
        do throws(Fault) { try printer.write(value) } catch { return "?" }
        return printer.string
    }

    private static func context(_ names: Names) -> CodeContext {
        var serial = 0
        var context = CodeContext(
            resolve: { $0.namespace == nil ? names.intern("user", $0.name) : $0 }, namespace: { "user" },
            alias: { $0 == "a" ? "alias" : nil },
            nextID: {
                serial += 1
                return serial
            },
            regex: { (pattern) throws(Fault) in .object(try Regex(pattern)) })
        context.aliases = { ["a"] }
        context.tags = { ["t"] }
        context.tagged = { (tag, form) throws(Fault) in
            tag.description == "t" ? .object(TaggedLiteral(tag: tag, form: form)) : nil
        }
        return context
    }
}
