import Values

/// A value as the key of a Swift dictionary: an effect's id, a group, a tag, an idempotency key.
///
/// Its hash is taken once, when it is made, because hashing a value can fail (an unrealised lazy sequence has none).
package struct ValueKey: Hashable, Sendable {
    package let value: Value
    let code: UInt32

    /// Throws what hashing the value throws.
    package init(_ value: Value) throws(Fault) {
        self.value = value
        code = try value.hashCode()
    }

    /// The key of what cannot fail: an integer, a keyword or a text. Nil for anything else.
    @inline(__always) package init?(plain value: Value) {
        switch value {
        case .int, .keyword, .shortText: code = value.quickHash
        case .longText: code = (try? value.hashCode()) ?? 0
        default: return nil
        }
        self.value = value
    }

    /// The key of a string: it cannot fail.
    package init(text: String) {
        value = .string(text)
        code = (try? value.hashCode()) ?? 0
    }

    /// The key of a keyword: it cannot fail.
    package init(keyword: Name) {
        value = .keyword(keyword)
        code = value.quickHash
    }

    package static func == (left: ValueKey, right: ValueKey) -> Bool {
        // Values whose hash could be taken are realised, so comparing them cannot ask for more.
        left.code == right.code && ((try? left.value.equals(right.value)) ?? false)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    /// What dictionaries ask for: their own hash of a hash that is spread already was a tenth of what an effect cost.
    package func _rawHashValue(seed: Int) -> Int { Hashing.inDictionary(UInt64(code), seed) }

    /// The value as a message shows it: readable, without control characters, not longer than a line.
    package var shown: String { ValueKey.shown(value) }

    package static func shown(_ value: Value) -> String {
        switch value {
        case .keyword(let name): return ":\(name.description)"
        case .symbol(let name): return name.description
        case .shortText, .longText: return cut("\"\(value.stringValue ?? "")\"")
        case .vector(let vector) where vector.count <= 4:
            return "[" + vector.elements.map { shown($0) }.joined(separator: " ") + "]"
        default:
            var printer = Printer(readably: true)
            // Characters are cut below; it may have no end.
            printer.byteLimit = 8 * shownLength
            do throws(Fault) { try printer.write(value) } catch {
                guard printer.bytes.count > shownLength else { return value.briefly }
            }
            return cut(printer.string)
        }
    }

    private static let shownLength = 80

    private static func cut(_ text: String) -> String {
        text.unicodeScalars.count <= shownLength ? text : "\(String(text.unicodeScalars.prefix(shownLength)))…"
    }
}
