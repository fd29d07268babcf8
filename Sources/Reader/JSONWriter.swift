import Values

/// Writes values as JSON, with the open arrays and objects on a stack of its own (N5).
struct JSONWriter {
    private let style: JSON.Style
    /// Whether what JSON has no form for becomes a string; otherwise it is a fault.
    private let isTotal: Bool
    /// Past this many bytes writing throws `.exhausted(.memory)`: a sequence may have no end.
    private let byteLimit: Int
    var bytes: [UInt8] = []
    private var frames: [Frame] = []
    private var growth = Attention.Growth()

    /// A container of which some elements are still to be written.
    private struct Frame {
        /// Elements; an object's are keys and values by turns.
        var items: [Value]
        var index = 0
        var isObject: Bool
    }

    init(style: JSON.Style, within byteLimit: Int) {
        self.style = style
        isTotal = false
        self.byteLimit = byteLimit
    }

    /// Writes anything, in at most so many bytes, and runs no code of the script.
    init(style: JSON.Style, total byteLimit: Int) {
        self.style = style
        isTotal = true
        self.byteLimit = byteLimit
    }

    mutating func write(_ value: Value) throws(Fault) {
        try begin(value)
        while let top = frames.indices.last {
            let index = frames[top].index
            guard index < frames[top].items.count else {
                close(frames.removeLast())
                continue
            }
            let item = frames[top].items[index]
            frames[top].index += 1
            if frames[top].isObject, index & 1 == 0 {
                separate(index > 0)
                try writeKey(item)
                bytes.append(0x3a)
                if style.pretty { bytes.append(0x20) }
            } else {
                if !frames[top].isObject { separate(index > 0) }
                try begin(item)
            }
            try checkSize(adding: 0)
        }
        try checkSize(adding: 0)
    }

    private func checkSize(adding count: Int) throws(Fault) {
        if bytes.count > byteLimit - count { throw .exhausted(.memory) }
    }

    /// How many elements there is still room for: each takes a byte, and one that separates it from the next.
    private var room: Int { (byteLimit - bytes.count) / 2 + 1 }

    /// The elements of a sequence, as far as they are of use: one more than there is room for is enough to know.
    private func elements(of sequence: Value) throws(Fault) -> [Value] {
        guard byteLimit < .max else { return try Sequences.array(sequence) }
        var (elements, cursor): ([Value], SeqCursor) = ([], SeqCursor(sequence))
        while elements.count <= room, let element = try cursor.next() { elements.append(element) }
        return elements
    }

    private mutating func separate(_ comma: Bool) {
        if comma { bytes.append(0x2c) }
        if style.pretty { breakLine(frames.count) }
    }

    private mutating func breakLine(_ depth: Int) {
        bytes.append(0x0a)
        bytes.append(contentsOf: repeatElement(0x20, count: depth * 2))
    }

    private mutating func close(_ frame: Frame) {
        if style.pretty, !frame.items.isEmpty { breakLine(frames.count) }
        bytes.append(frame.isObject ? 0x7d : 0x5d)
    }

    private mutating func open(_ items: [Value], isObject: Bool) throws(Fault) {
        if items.count / (isObject ? 2 : 1) > room { throw .exhausted(.memory) }
        guard isTotal || frames.count < JSON.nestingLimit else {
            throw .illegalArgument(
                "JSON is written at most \(JSON.nestingLimit) levels deep", hint: "store deep data flat")
        }
        bytes.append(isObject ? 0x7b : 0x5b)
        frames.append(Frame(items: items, isObject: isObject))
    }

    /// Writes a scalar, or opens a container.
    private mutating func begin(_ value: Value) throws(Fault) {
        try Attention.step()
        try growth.reached(bytes.count)
        switch value {
        case .nil: bytes.append(contentsOf: "null".utf8)
        case .bool(let bool): bytes.append(contentsOf: (bool ? "true" : "false").utf8)
        case .int(let int): bytes.append(contentsOf: String(int).utf8)
        case .double(let double): try write(double, value)
        case .char(let scalar): quote(String(Unicode.Scalar(scalar) ?? "\u{fffd}"))
        case .keyword(let name), .symbol(let name): writeName(name)
        case .shortText(let short): quote(short.text)
        case .longText(let text):
            try checkSize(adding: text.byteCount)
            quote(text)
        case .vector(let vector): try open(vector.elements, isObject: false)
        case .list, .seq, .lazy:
            let elements: [Value]
            do throws(Fault) { elements = try self.elements(of: value) } catch {
                guard isTotal else { throw error }
                return quote(value.briefly)
            }
            try open(elements, isObject: false)
        case .set(let set): try open(set.elementVector().elements, isObject: false)
        case .map(let map):
            var items: [Value] = []
            items.reserveCapacity(map.count * 2)
            map.forEach { (key, value) in
                items.append(key)
                items.append(value)
                return true
            }
            try open(items, isObject: true)
        case .object(let object): try begin(object)
        case .function, .native: try writeForeign(value, "a function")
        }
    }

    private mutating func begin(_ object: Object) throws(Fault) {
        switch object.kind {
        case .symbol: writeName(Value.object(object).symbolName!)
        case .instant, .uuid, .bigInteger, .ratio, .decimal: try writeLeaf(object)
        case .float: try write(try Numbers.double(.object(object)), .object(object))
        case .sortedMap, .record:
            var items: [Value] = []
            try Sequences.forEach(.object(object)) { (entry) throws(Fault) in
                guard case .vector(let pair) = entry, pair.count == 2 else { return }
                items.append(pair[0])
                items.append(pair[1])
            }
            try open(items, isObject: true)
        case .sortedSet, .array: try open(try Sequences.array(.object(object)), isObject: false)
        default: try writeForeign(.object(object), "a \(object.kind.rawValue)")
        }
    }

    private mutating func writeLeaf(_ object: Object) throws(Fault) {
        switch object {
        case let instant as Instant: quote("\(instant.description.dropLast(6))Z")
        case let uuid as UUIDValue: quote(uuid.description)
        default:
            // Integers and decimals print as JSON numbers but for a suffix.
            if object.kind == .ratio { return try write(try Numbers.double(.object(object)), .object(object)) }
            var printer = Printer(readably: true)
            try object.write(to: &printer)
            if let last = printer.bytes.last, last == UInt8(ascii: "N") || last == UInt8(ascii: "M") {
                printer.bytes.removeLast()
            }
            bytes.append(contentsOf: printer.bytes)
        }
    }

    private mutating func writeKey(_ key: Value) throws(Fault) {
        switch key {
        case .shortText(let short): quote(short.text)
        case .longText(let text): quote(text)
        case .keyword(let name), .symbol(let name): writeName(name)
        case .nil: try writeForeign(key, "a nil key")
        default: quote(isTotal ? printed(key) : try Printer.plain(key))
        }
    }

    private mutating func writeName(_ name: Name) {
        quote(Array(style.qualifiedNames ? Array(name.description.utf8) : Array(name.nameBytes)))
    }

    private mutating func write(_ double: Double, _ value: Value) throws(Fault) {
        guard double.isFinite else {
            return try writeForeign(value, "the number \(double)", hint: "JSON has neither NaN nor infinities")
        }
        bytes.append(contentsOf: double.description.utf8)
    }

    /// Writes the text that prints the value, or refuses it.
    private mutating func writeForeign(_ value: Value, _ what: String, hint: String? = nil) throws(Fault) {
        guard isTotal else { throw refusal(what, hint: hint) }
        quote(printed(value))
    }

    /// Bytes of a text that prints what JSON has no form for; it may hold anything.
    private static let longestPrinted = 1 << 16

    private func printed(_ value: Value) -> String {
        value.readable(within: min(JSONWriter.longestPrinted, byteLimit - bytes.count)) ?? value.briefly
    }

    private func refusal(_ what: String, hint: String? = nil) -> Fault {
        var path = ""
        for frame in frames {
            let at = frame.index - 1
            if frame.isObject {
                path += " \((try? Printer.readable(frame.items[at & ~1])) ?? "?")"
            } else {
                path += " \(at)"
            }
        }
        return .illegalArgument("cannot write \(what) as JSON" + (path.isEmpty ? "" : ", at\(path)"), hint: hint)
    }

    private mutating func quote(_ text: Text) {
        if style.escapesUnicode || style.escapesSlash { return quote(Array(text.utf8)) }
        JSONWriter.quote(text.utf8, into: &bytes)
        withExtendedLifetime(text) {}
    }

    private mutating func quote(_ text: String) { quote(Array(text.utf8)) }

    private mutating func quote(_ text: [UInt8]) {
        guard style.escapesUnicode || style.escapesSlash else { return JSONWriter.quote(text, into: &bytes) }
        bytes.append(0x22)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            if scalar == "/", style.escapesSlash {
                bytes.append(contentsOf: "\\/".utf8)
            } else if scalar.value >= 0x80, style.escapesUnicode {
                for unit in UTF16.encode(scalar)! { JSONWriter.escape(UInt32(unit), into: &bytes) }
            } else {
                JSONWriter.append(Array(UTF8.encode(scalar)!)[...], into: &bytes)
            }
        }
        bytes.append(0x22)
    }

    /// `text` in quotes, with what must be escaped escaped.
    private static func quote(_ text: some Collection<UInt8>, into bytes: inout [UInt8]) {
        bytes.append(0x22)
        append(text, into: &bytes)
        bytes.append(0x22)
    }

    private static func append(_ text: some Collection<UInt8>, into bytes: inout [UInt8]) {
        for byte in text {
            switch byte {
            case 0x22: bytes.append(contentsOf: [0x5c, 0x22])
            case 0x5c: bytes.append(contentsOf: [0x5c, 0x5c])
            case 0x0a: bytes.append(contentsOf: [0x5c, 0x6e])
            case 0x0d: bytes.append(contentsOf: [0x5c, 0x72])
            case 0x09: bytes.append(contentsOf: [0x5c, 0x74])
            case 0x00..<0x20, 0x7f: escape(UInt32(byte), into: &bytes)
            default: bytes.append(byte)
            }
        }
    }

    private static func escape(_ unit: UInt32, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\\u\(String(unit, radix: 16, width: 4))".utf8)
    }
}
