/// Writes values as text: readably (`pr`) or for people (`print`).
///
/// Collections are walked with a stack of our own, so data may nest as deep as it likes (N5); only an `Object` that writes
/// other values nests native calls, and those are counted against `nestingLimit`.
public struct Printer {
    /// UTF-8.
    public var bytes: [UInt8] = []
    /// Strings quoted, characters escaped.
    public var readably: Bool
    /// `*print-length*` and `*print-level*`.
    public var maxLength: Int?
    public var maxLevel: Int?
    /// `*print-meta*`: metadata before the values that have some; only when `readably` too.
    public var metadata = false
    /// Past this many bytes the printer throws `.exhausted(.memory)`: shared data can print exponentially larger than it is.
    public var byteLimit = Text.byteLimit
    /// Whether an unrealised sequence throws `.force`; otherwise it prints as `…`, for who may not run code.
    public var forces = true

    /// Objects that hold objects … that print may nest this deep.
    public static let nestingLimit = 100

    private var growth = Attention.Growth()
    private var nesting = 0
    private var frames: [Frame] = []

    public init(readably: Bool = true) { self.readably = readably }

    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// What was written, as a text.
    public var text: Text { bytes.withUnsafeBufferPointer { Text(validated: $0) } }

    public mutating func write(_ string: String) { bytes.append(contentsOf: string.utf8) }

    /// Writes a value, and whatever it holds.
    public mutating func write(_ value: Value) throws(Fault) {
        guard nesting < Printer.nestingLimit else {
            throw .of(
                .stackOverflow, "cannot print objects that hold one another more than \(Printer.nestingLimit) deep",
                hint: "an atom or another object may contain itself")
        }
        let base = frames.count
        nesting += 1
        defer {
            nesting -= 1
            frames.removeLast(frames.count - base)
        }
        try begin(value)
        while frames.count > base { try step() }
    }

    /// What `str` gives for one value: nothing for nil, texts and characters bare, numbers without suffix, and everything
    /// else as it prints readably.
    public mutating func writeText(of value: Value) throws(Fault) {
        switch value {
        case .nil: break
        case .shortText(let short): short.withUTF8 { bytes.append(contentsOf: $0) }
        case .longText(let text): try append(text)
        case .char(let scalar): append(scalar: scalar)
        case .double(let double): Numbers.appendText(double, to: &bytes)
        case .object(let object):
            let outer = readably
            readably = true
            defer { readably = outer }
            try object.writeText(to: &self)
        default:
            let outer = readably
            readably = true
            defer { readably = outer }
            try write(value)
        }
    }

    /// The readable form.
    public static func readable(_ value: Value) throws(Fault) -> String {
        var printer = Printer(readably: true)
        try printer.write(value)
        return printer.string
    }

    /// The form for people: strings without quotes.
    public static func plain(_ value: Value) throws(Fault) -> String {
        var printer = Printer(readably: false)
        try printer.write(value)
        return printer.string
    }
}

// For objects that print as a collection.
extension Printer {
    /// Writes elements between `open` and `close`, apart by spaces, as `*print-length*` and `*print-level*` say.
    public mutating func write(elements: SeqCursor, open: String, close: String) throws(Fault) {
        try writeFrame(Frame(items: .elements(elements), close: close), open: open)
    }

    /// Writes `{key value, …}`; `entries` alternates keys and values.
    public mutating func write(entries: [Value], open: String = "{", close: String = "}") throws(Fault) {
        try writeFrame(Frame(items: .entries(entries), close: close), open: open)
    }

    private mutating func writeFrame(_ frame: Frame, open: String) throws(Fault) {
        let base = frames.count
        push(frame, open: open)
        while frames.count > base { try step() }
    }
}

extension Printer {
    /// A collection of which some elements are still to be written.
    private struct Frame {
        enum Items {
            case elements(SeqCursor)
            /// Keys and values by turns.
            case entries([Value])
        }

        var items: Items
        let close: String
        /// How many elements, or keys and values, were written.
        var written = 0

        mutating func next() throws(Fault) -> Value? {
            switch items {
            case .elements(var cursor):
                // Taken out while it moves, so that the cursor stays uniquely owned.
                items = .entries([])
                let found: Value?
                do { found = try cursor.next() } catch {
                    items = .elements(cursor)
                    throw error
                }
                items = .elements(cursor)
                return found
            case .entries(let entries): return written < entries.count ? entries[written] : nil
            }
        }

        var isEntries: Bool {
            if case .entries = items { true } else { false }
        }
    }

    /// Writes the next element of the innermost open collection, or closes it.
    private mutating func step() throws(Fault) {
        let top = frames.count - 1
        let written = frames[top].written
        let next: Value?
        do { next = try frames[top].next() } catch {
            guard case .force = error, !forces else { throw error }
            bytes.append(contentsOf: (written > 0 ? " …" : "…").utf8)
            return close()
        }
        guard let next else { return close() }
        let atKey = frames[top].isEntries && written % 2 == 0
        let inEntry = frames[top].isEntries && !atKey
        if written > 0 { bytes.append(contentsOf: (atKey ? ", " : " ").utf8) }
        if let maxLength, !inEntry, (frames[top].isEntries ? written / 2 : written) >= maxLength {
            bytes.append(contentsOf: "...".utf8)
            return close()
        }
        frames[top].written = written + 1
        try Attention.step()
        try begin(next)
        try checkSize(adding: 0)
        try growth.reached(bytes.count)
    }

    private mutating func close() {
        bytes.append(contentsOf: frames.removeLast().close.utf8)
    }

    private mutating func push(_ frame: Frame, open: String) {
        if let maxLevel, frames.count >= maxLevel { return bytes.append(UInt8(ascii: "#")) }
        bytes.append(contentsOf: open.utf8)
        frames.append(frame)
    }

    /// Writes an atom, or the opening of a collection.
    private mutating func begin(_ value: Value) throws(Fault) {
        if metadata, readably { try writeMetadata(of: value) }
        switch value {
        case .nil: bytes.append(contentsOf: "nil".utf8)
        case .bool(let bool): bytes.append(contentsOf: (bool ? "true" : "false").utf8)
        case .int(let int): Numbers.append(int, to: &bytes)
        case .double(let double): Numbers.append(double, to: &bytes)
        case .char(let scalar): readably ? writeEscaped(char: scalar) : append(scalar: scalar)
        case .keyword(let name):
            bytes.append(UInt8(ascii: ":"))
            append(name)
        case .symbol(let name): append(name)
        case .shortText(let short):
            if readably { short.withUTF8 { writeQuoted($0) } } else { short.withUTF8 { bytes.append(contentsOf: $0) } }
        case .longText(let text): readably ? try writeQuoted(text) : try append(text)
        case .vector(let vector): push(Frame(items: .elements(SeqCursor(.vector(vector))), close: "]"), open: "[")
        case .list, .lazy, .seq: push(Frame(items: .elements(SeqCursor(value)), close: ")"), open: "(")
        case .set(let set):
            push(Frame(items: .elements(SeqCursor(.vector(set.elementVector()))), close: "}"), open: "#{")
        case .map(let map): push(Frame(items: .entries(entries(of: map)), close: "}"), open: "{")
        case .function(let closure): writeFunction((closure.owner as? any FunctionPrototype)?.functionName)
        case .native(let callable): writeFunction(callable.name)
        case .object(let object): try writeObject(object)
        }
    }

    /// No more entries than will be written, and one to know that there are more.
    private func entries(of map: HashMap) -> [Value] {
        var flat: [Value] = []
        let limit = min(maxLength.map { max(0, $0) } ?? map.count, map.count - 1) * 2 + 2
        flat.reserveCapacity(limit)
        map.forEach { (key, value) in
            flat.append(key)
            flat.append(value)
            return flat.count < limit
        }
        return flat
    }

    private mutating func writeObject(_ object: Object) throws(Fault) {
        guard nesting < Printer.nestingLimit else {
            throw .of(
                .stackOverflow, "cannot print objects that hold one another more than \(Printer.nestingLimit) deep",
                hint: "an atom or another object may contain itself")
        }
        nesting += 1
        defer { nesting -= 1 }
        try object.write(to: &self)
    }

    private mutating func writeFunction(_ name: String?) { write(name.map { "#<fn \($0)>" } ?? "#<fn>") }

    /// `^{:doc "…"} `, or `^tag ` when a tag is all there is.
    private mutating func writeMetadata(of value: Value) throws(Fault) {
        guard let meta = value.metadata, !meta.isEmpty else { return }
        bytes.append(UInt8(ascii: "^"))
        if meta.count == 1, let tag = try meta.find(.kw(.tag)) {
            try write(tag)
        } else {
            try write(.map(meta))
        }
        bytes.append(UInt8(ascii: " "))
    }

    private func checkSize(adding count: Int) throws(Fault) {
        if bytes.count + count > byteLimit { throw .exhausted(.memory) }
    }
}

// Texts, names and characters.
extension Printer {
    private mutating func append(_ name: Name) {
        if let namespace = name.namespaceBytes {
            bytes.append(contentsOf: namespace)
            bytes.append(UInt8(ascii: "/"))
        }
        bytes.append(contentsOf: name.nameBytes)
    }

    private mutating func append(_ text: Text) throws(Fault) {
        try checkSize(adding: text.byteCount)
        bytes.append(contentsOf: text.buffer)
    }

    private mutating func append(scalar: UInt32) { Text.encode(scalar) { bytes.append($0) } }

    /// `"…"` with the escapes that Clojure writes.
    mutating func writeQuoted(_ text: Text) throws(Fault) {
        try checkSize(adding: text.byteCount + 2)
        writeQuoted(text.buffer)
    }

    private mutating func writeQuoted(_ utf8: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var runStart = 0
        for index in 0..<utf8.count {
            guard let escape = Printer.escape(utf8[index]) else { continue }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[runStart..<index]))
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(escape)
            runStart = index + 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[runStart...]))
        bytes.append(UInt8(ascii: "\""))
    }

    /// The letter after the backslash, for the bytes that are escaped.
    @inline(__always) private static func escape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x22, 0x5c: byte
        case 0x0a: UInt8(ascii: "n")
        case 0x09: UInt8(ascii: "t")
        case 0x0d: UInt8(ascii: "r")
        case 0x0c: UInt8(ascii: "f")
        case 0x08: UInt8(ascii: "b")
        default: nil
        }
    }

    /// The characters written by name; the reader knows the same names.
    public static let namedCharacters: [(name: String, scalar: UInt32)] = [
        ("newline", 0x0a), ("space", 0x20), ("tab", 0x09), ("return", 0x0d), ("backspace", 0x08), ("formfeed", 0x0c),
    ]

    private mutating func writeEscaped(char scalar: UInt32) {
        bytes.append(UInt8(ascii: "\\"))
        if let named = Printer.namedCharacters.first(where: { $0.scalar == scalar }) {
            write(named.name)
        } else if scalar < 0x20 || (0x7f...0x9f).contains(scalar) {
            // A control character would vanish on the screen.
            write("u" + String(scalar, radix: 16, width: 4))
        } else {
            append(scalar: scalar)
        }
    }
}

/// What knows the name of a function: the machine's prototype conforms.
public protocol FunctionPrototype: AnyObject {
    /// Nil for an anonymous function.
    var functionName: String? { get }
}

extension Value {
    /// The metadata of a value that carries some.
    public var metadata: HashMap? {
        switch self {
        case .vector(let vector): vector.meta
        case .map(let map): map.meta
        case .set(let set): set.meta
        case .list(let cell): cell.meta
        case .lazy(let lazy): lazy.meta
        case .seq(let view): view.meta
        case .function(let closure): closure.meta
        case .object(let object): object.metadata
        default: nil
        }
    }
}
