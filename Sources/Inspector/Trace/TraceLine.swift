import Engine
import Reader
import Values

/// The form of a trace: lines of EDN, first `{:sluice/trace 1}`, then one event a line as `{:seq :ts :type :identity :payload}`.
/// `{:type "events.lost" :count n}` stands where events are missing because whoever wrote the trace was too slow for them.
package enum TraceLine {
    /// Grows when readers of this version would misread what is written; keys that are added change nothing.
    package static let version: Int64 = 1
    package static let header = Array("{:sluice/trace \(version)}\n".utf8)

    private static let marker = "sluice/trace"
    private static let lostType = "events.lost"
    /// Bytes of a line, in a trace as in what `--json` writes. What makes it longer is told of in a few words: it may have no end, as
    /// `(range)`.
    package static let longest = 1 << 20
    /// Data nested deeper is told of in a few words, because names in it cannot be looked at without a stack of its own.
    private static let deepest = 200

    // MARK: Writing

    package static func line(_ event: Event) -> [UInt8] {
        guard case .map(var map) = event.value else { return [] }
        if let payload = (try? map.find(.kw(.payload))) ?? nil {
            // Each value takes a byte at least, and one to stand apart.
            var left = longest / 2
            set(&map, .kw(.payload), readable(payload, depth: 0, &left))
        }
        return printed(.map(map)) ?? printed(Value.map(map).cut(within: longest) { printed($0, $1) != nil }) ?? []
    }

    package static func lost(_ count: Int) -> [UInt8] {
        printed(.record((.type, .string(lostType)), (.count, .int(Int64(count))))) ?? []
    }

    /// A line, or nil when it has no end. What is unrealised stays so: a trace runs no code of the script.
    private static func printed(_ value: Value, _ limit: Int = longest) -> [UInt8]? {
        var printer = Printer(readably: true)
        printer.forces = false
        printer.byteLimit = limit
        guard (try? printer.write(value)) != nil else { return nil }
        var line: [UInt8] = []
        line.reserveCapacity(printer.bytes.count + 1)
        for byte in printer.bytes {
            // They stand in strings alone, and would break the line, or be refused by who reads it.
            if byte < 0x20 || byte == 0x7f {
                line += "\\u\(String(byte, radix: 16, width: 4))".utf8
            } else {
                line.append(byte)
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// The value with names that no reader takes as texts: `(keyword "Content Type")` prints as two things.
    ///
    /// - Parameter left: values that may still be looked at; what shares its parts may be larger than anybody could look at.
    private static func readable(_ value: Value, depth: Int, _ left: inout Int) -> Value {
        left -= 1
        guard depth < deepest, left >= 0 else { return .string(value.briefly) }
        switch value {
        case .keyword(let name), .symbol(let name): return isReadable(name) ? value : .string(name.description)
        case .function, .native: return .string(value.briefly)
        case .vector(let vector): return .vector(vector.elements.map { readable($0, depth: depth + 1, &left) })
        case .list(let list):
            guard let elements = list.elements else { return value }
            return .list(elements.map { readable($0, depth: depth + 1, &left) })
        case .map(let map):
            var made = HashMap()
            map.forEach { (key, item) in
                set(&made, readable(key, depth: depth + 1, &left), readable(item, depth: depth + 1, &left))
                return true
            }
            return .map(made)
        case .set(let elements):
            var made = HashSet()
            for element in elements.elementVector().elements {
                try? HashSet.insert(&made, readable(element, depth: depth + 1, &left))
            }
            return .set(made)
        case .object(let object):
            switch object.kind {
            case .instant, .uuid, .bigInteger, .ratio, .decimal, .sortedMap, .sortedSet, .float: return value
            default: return .string(value.readable(within: longest) ?? value.briefly)
            }
        default: return value
        }
    }

    private static func isReadable(_ name: Name) -> Bool {
        let text = name.description
        return !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && !separators.contains($0) }
            && !text.hasPrefix(":") && !text.hasSuffix(":") && !text.hasSuffix("/")
    }

    private static let separators = Array("()[]{}\",;@^`~\\".utf8)

    private static func set(_ map: inout HashMap, _ key: Value, _ value: Value) { try? HashMap.set(&map, key, value) }

    // MARK: Reading

    package enum Content: Sendable {
        /// The version of the form.
        case header(Int64)
        case event(TraceRecord)
        case lost(Int)
        /// Of a type that this version does not know.
        case unknown(type: String)
    }

    /// Reads a line without its break; nil when it is none of a trace.
    package static func read(_ line: [UInt8], names: Names) -> Content? {
        guard let value = try? EDN.read(line, names: names, options: EDNOptions(unknownTag: .keep)),
            case .map(let map) = value
        else { return nil }
        let fields = Fields(map)
        if let version = (try? map.find(.keyword(names.intern(marker))))??.intValue { return .header(version) }
        guard let type = fields[.type]?.stringValue else { return nil }
        if type == lostType { return .lost(Int(fields[.count]?.intValue ?? 0)) }
        guard let sequence = fields[.sequenceNumber]?.intValue, let ts = fields[.ts]?.intValue,
            let identity = fields[.identity]?.stringValue
        else { return nil }
        guard let known = EventType(rawValue: type) else { return .unknown(type: type) }
        return .event(
            TraceRecord(
                sequence: sequence, ts: ts, type: known, identity: identity, payload: fields[.payload] ?? .nil))
    }
}

/// One event, as a trace tells it.
package struct TraceRecord: Sendable {
    package let sequence: Int64
    /// Milliseconds since the epoch, by the clock of the run.
    package let ts: Int64
    package let type: EventType
    /// The path of whom it is about.
    package let identity: String
    package let payload: Value

    package init(sequence: Int64, ts: Int64, type: EventType, identity: String, payload: Value) {
        self.sequence = sequence
        self.ts = ts
        self.type = type
        self.identity = identity
        self.payload = payload
    }

    var fields: Fields { Fields(payload) }
}

/// A map that is read by names, or whatever stands in its place: then nothing is in it.
struct Fields {
    private let map: HashMap

    init(_ map: HashMap) { self.map = map }
    init(_ value: Value?) { if case .map(let map)? = value { self.map = map } else { map = HashMap() } }

    /// Nil for what is absent and for nil itself.
    subscript(key: KnownName) -> Value? {
        // Looking up a keyword compares words: it cannot fail.
        guard let found = (try? map.find(.kw(key))) ?? nil, !found.isNil else { return nil }
        return found
    }
}
