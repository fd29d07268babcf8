import Reader
import Values

/// What EDN or JSON decodes to encodes again, to a text that decodes to an equal value with an equal hash.
enum CodecTarget {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        names.begin(bytes.count)
        if let value = edn(bytes) { checkEDN(value, bytes) }
        for keywords in [false, true] {
            guard let value = json(bytes, keywords: keywords) else { continue }
            checkJSON(value, keywords: keywords, isJSON: true, bytes)
            // As keywords, keys need not be readable: `{"a b": 1}`.
            if !keywords { checkEDN(value, bytes) }
        }
    }

    private static let names = NameTable()

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func edn(_ bytes: [UInt8]) -> Value? {
        do throws(SyntaxError) {
            return try EDN.read(bytes, names: names.same, options: EDNOptions(unknownTag: .keep))
        } catch {
            if error.diagnostic.rendered().isEmpty { broken("an error can be shown", text(bytes)) }
            return nil
        }
    }

    private static func json(_ bytes: [UInt8], keywords: Bool) -> Value? {
        do throws(SyntaxError) {
            return try JSON.read(
                Source(name: "j", bytes: bytes), keys: keywords ? .keywords(names.same) : .strings)
        } catch {
            if error.diagnostic.rendered().isEmpty { broken("an error can be shown", text(bytes)) }
            return nil
        }
    }

    /// Both are nil where the value has keys nested too deep to compare.
    private static func isEqual(_ a: Value, _ b: Value) -> Bool? {
        do throws(Fault) {
            guard try a.equals(b) else { return false }
            return try a.hashCode() == b.hashCode()
        } catch { return nil }
    }

    private static func reads(_ value: Value, _ printed: String) -> Bool {
        do throws(Fault) { return try Printer.readable(value) == printed } catch { return false }
    }

    private static func holdsInfinity(_ value: Value) -> Bool {
        do throws(Fault) {
            let printed = try Printer.readable(value)
            return printed.contains("##Inf") || printed.contains("##-Inf")
        } catch { return false }
    }

    private static func checkEDN(_ value: Value, _ bytes: [UInt8]) {
        let printed: String
        // What nests too deep to print is refused, not printed wrongly.
        do throws(Fault) { printed = try Printer.readable(value) } catch { return }
        let again: Value?
        do throws(SyntaxError) {
            // Behind a blank: at the very start, a symbol that begins with U+FEFF would be a byte order mark.
            again = try EDN.read(
                Array((" " + printed).utf8), names: names.same, options: EDNOptions(unknownTag: .keep))
        } catch { broken("what prints can be read", text(bytes), printed, error.diagnostic.title) }
        guard let again, reads(again, printed) else {
            broken("what prints reads as what prints the same", text(bytes), printed)
        }
        // NaN is not equal to itself.
        if !printed.contains("##NaN"), isEqual(value, again) == false {
            broken("what prints reads as an equal value", text(bytes), printed)
        }
        checkJSON(value, keywords: false, isJSON: false, bytes)
    }

    private static func checkJSON(_ value: Value, keywords: Bool, isJSON: Bool, _ bytes: [UInt8]) {
        _ = JSON.shown(value)
        for choice in 0..<4 {
            var style = JSON.Style()
            style.pretty = choice & 1 > 0
            style.escapesUnicode = choice & 2 > 0
            style.escapesSlash = choice & 2 > 0
            style.qualifiedNames = true
            let written: [UInt8]
            do throws(Fault) { written = try JSON.write(value, style: style) } catch {
                // JSON has no form for the infinity that a number too large for a double is read as, as in other languages.
                if isJSON, !holdsInfinity(value) { broken("what JSON decodes it encodes", text(bytes)) }
                return
            }
            guard let again = json(written, keywords: keywords) else {
                broken("written JSON is JSON", text(bytes), text(written))
            }
            if isJSON, isEqual(value, again) != true {
                broken("written JSON decodes to an equal value", text(bytes), text(written))
            }
        }
    }
}

/// Names, made anew now and then between two inputs: a long run must not collect for ever, but within one keywords are equal
/// only when they are of the same table.
private final class NameTable: @unchecked Sendable {
    // Sendable: libFuzzer runs one input at a time.
    private(set) var same = Names()
    private var bytes = 0

    /// Before an input of this many bytes.
    func begin(_ count: Int) {
        bytes += count
        if bytes > 1 << 20 {
            same = Names()
            bytes = 0
        }
    }
}
