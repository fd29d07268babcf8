import Values

/// A value as the key of a Swift dictionary: an effect's id, a group, a tag, an idempotency key.
///
/// Its hash is taken once, when it is made, because hashing a value can fail (an unrealised lazy sequence has none).
package struct ValueKey: Hashable, Sendable {
    package let value: Value
    let code: UInt32

    /// Throws what hashing the value throws, and where it would hash without end.
    package init(_ value: Value) throws(Fault) {
        if value.holdsLongRange {
            throw .illegalArgument(
                "\(ValueKey.shown(value)) goes on without end where data is needed; take what is needed of it")
        }
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
        default: return beginning(of: value).map(cut) ?? value.briefly
        }
    }

    /// How the value begins when it is printed, for it may have no end; nil when it cannot be had.
    private static func beginning(of value: Value) -> String? {
        var printer = Printer(readably: true)
        printer.byteLimit = printedLimit
        do throws(Fault) { try printer.write(value) } catch {
            guard case .exhausted = error else { return nil }
        }
        return printer.string
    }

    /// Bytes that are printed: more than are shown.
    private static let printedLimit = 1_000

    private static let shownLength = 80

    private static func cut(_ text: String) -> String {
        text.unicodeScalars.count <= shownLength ? text : "\(String(text.unicodeScalars.prefix(shownLength)))…"
    }
}

extension Value {
    /// Whether this is, or holds, a range of so many numbers as nobody writes out, such as `(range)`. What is large is not looked at
    /// as a whole: its hash is had in the time that it takes, and can be cancelled.
    fileprivate var holdsLongRange: Bool {
        switch self {
        case .seq, .vector, .map, .set, .list: break
        default: return false
        }
        var unseen = [self]
        var looks = 1_000
        while looks > 0, let value = unseen.popLast() {
            looks -= 1
            switch value {
            case .seq(let view): if view.knownCount ?? 0 > 1 << 32 { return true }
            case .vector(let vector) where vector.count <= looks: unseen += vector.elements
            case .map(let map) where map.count <= looks:
                for (key, item) in map.entries { unseen += [key, item] }
            case .set(let set) where set.count <= looks: unseen += set.elementVector().elements
            case .list(let list): unseen += list.elements?.prefix(looks) ?? []
            default: continue
            }
        }
        return false
    }
}
