import Engine
import Values

/// One effect on its way to the world: what a handler of this target needs of the engine's request.
package struct EffectCall: Sendable {
    package var params: Params
    /// What relative paths are relative to; nil for the process's own directory.
    package var directory: String?
    /// Throws when the run was not granted what is needed.
    package var allow: @Sendable (Need) throws(AdapterError) -> Void
    /// Reports a part of an answer that is still coming.
    package var progress: @Sendable (Value) -> Void
    /// The run's own clock, real or virtual: what every time limit is measured on.
    package var clock: any Clock

    package init(
        params: Params, directory: String? = nil,
        allow: @escaping @Sendable (Need) throws(AdapterError) -> Void = { _ throws(AdapterError) in },
        progress: @escaping @Sendable (Value) -> Void = { _ in }, clock: any Clock
    ) {
        self.params = params
        self.directory = directory
        self.clock = clock
        self.allow = allow
        self.progress = progress
    }
}

extension EffectCall {
    /// The path as the system is to be given it.
    func place(_ path: String) -> String {
        guard let directory, !path.hasPrefix("/"), !path.isEmpty else { return path }
        return path == "." ? directory : directory == "/" ? "/" + path : directory + "/" + path
    }

    /// A pattern like `place`; the directory's own characters stand for themselves.
    func placed(_ pattern: String) -> String {
        guard let directory, !pattern.hasPrefix("/"), !pattern.isEmpty else { return pattern }
        var escaped = ""
        for character in directory {
            if "*?[]{},\\".contains(character) { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped == "/" ? "/" + pattern : escaped + "/" + pattern
    }

    /// A path that the system gave for a relative `path`, as the script knows it.
    func shown(_ placed: String, for path: String) -> String {
        guard let directory, !path.hasPrefix("/") else { return placed }
        let prefix = directory == "/" ? "/" : directory + "/"
        return placed.hasPrefix(prefix) ? String(placed.dropFirst(prefix.count)) : placed
    }

    func allowRead(_ placed: String) throws(AdapterError) { try allow(.read(path: FileSystem.canonical(placed))) }
    func allowWrite(_ placed: String) throws(AdapterError) { try allow(.write(path: FileSystem.canonical(placed))) }

    func allow(_ address: WebAddress) throws(AdapterError) { try allow(.net(host: address.host, port: address.port)) }
}

/// Called once, on any thread.
package typealias Answer = @Sendable (Result<Value, AdapterError>) -> Void

/// Starts an effect and answers later; returns what cancels it, or nil when it is over already.
package typealias StartEffect = @Sendable (EffectCall, @escaping Answer) -> (@Sendable () -> Void)?

/// An effect type of this target.
package struct AdapterEffect: Sendable {
    /// `fs/read`.
    package var type: String
    package var start: StartEffect
    /// It happens on the run's clock alone: virtual time goes on meanwhile, as it does not for what is outside.
    package var isVirtual = false

    /// For effects that are over when they are started.
    static func immediate(_ type: String, _ body: @escaping @Sendable (EffectCall) throws(AdapterError) -> Value)
        -> AdapterEffect
    {
        AdapterEffect(type: type) { call, answer in
            do throws(AdapterError) {
                answer(.success(try body(call)))
            } catch {
                answer(.failure(error))
            }
            return nil
        }
    }

    /// For effects that block: `prepare` checks what was asked on the caller's thread, and what it returns runs on `pool`.
    static func blocking(
        _ type: String, on pool: BlockingPool,
        _ prepare:
            @escaping @Sendable (EffectCall) throws(AdapterError) ->
            @Sendable (CancelFlag) throws(AdapterError) -> Value
    ) -> AdapterEffect {
        AdapterEffect(type: type) { call, answer in
            let work: @Sendable (CancelFlag) throws(AdapterError) -> Value
            do throws(AdapterError) {
                work = try prepare(call)
            } catch {
                answer(.failure(error))
                return nil
            }
            let cancel = CancelFlag()
            let ticket = pool.submit {
                do throws(AdapterError) {
                    try cancel.check()
                    answer(.success(try work(cancel)))
                } catch {
                    answer(.failure(error))
                }
            }
            return {
                cancel.raise()
                if ticket.withdraw() { answer(.failure(.cancelled)) }
            }
        }
    }
}

/// The parameters of an effect, read with errors that say what was expected.
package struct Params: Sendable {
    package let map: HashMap

    package init(_ map: HashMap) { self.map = map }

    /// The value of a key; nil when it is absent or nil.
    func value(_ key: KnownName) -> Value? {
        // Looking up a keyword compares words: it cannot fail.
        guard let found = try? map.find(.kw(key)), !found.isNil else { return nil }
        return found
    }

    func string(_ key: KnownName) throws(AdapterError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.stringValue else { throw wrong(key, "a string", value) }
        return text
    }

    func required(_ key: KnownName) throws(AdapterError) -> String {
        guard let text = try string(key) else {
            throw .parameter("the parameter :\(key.rawValue) is missing; give a string")
        }
        return text
    }

    /// A whole number within `range`.
    func int(_ key: KnownName, in range: ClosedRange<Int64>) throws(AdapterError) -> Int64? {
        guard let value = value(key) else { return nil }
        guard let number = value.intValue, range.contains(number) else {
            throw wrong(key, "a whole number from \(range.lowerBound) to \(range.upperBound)", value)
        }
        return number
    }

    /// A time in milliseconds: nil when absent, `.some(nil)` when nil or not positive, which means no limit.
    func milliseconds(_ key: KnownName, default usual: Int64?) throws(AdapterError) -> Int64? {
        guard let entry = try? map.find(.kw(key)) else { return usual }
        if entry.isNil { return nil }
        guard let number = entry.intValue else { throw wrong(key, "a number of milliseconds", entry) }
        return number <= 0 ? nil : min(number, Int64(Int32.max))
    }

    func maxBytes(default usual: Int) throws(AdapterError) -> Int {
        Int(try int(.maxBytes, in: 0...(1 << 32)) ?? Int64(usual))
    }

    func flag(_ key: KnownName) -> Bool { value(key)?.isTruthy ?? false }

    func keyword(_ key: KnownName, of allowed: [KnownName]) throws(AdapterError) -> KnownName? {
        guard let value = value(key) else { return nil }
        guard let known = value.knownKeyword, allowed.contains(known) else {
            throw wrong(key, allowed.map { ":\($0.rawValue)" }.joined(separator: " or "), value)
        }
        return known
    }

    func wrong(_ key: KnownName, _ expected: String, _ found: Value) -> AdapterError {
        .parameter("the parameter :\(key.rawValue) must be \(expected), but it is \(found.briefly)")
    }

    /// The bytes of a content: a string's UTF-8, or a sequence of numbers from 0 to 255.
    func content(_ key: KnownName) throws(AdapterError) -> [UInt8]? {
        guard let value = value(key) else { return nil }
        if let bytes = value.withUTF8({ Array($0) }) { return bytes }
        if let bytes = Bytes.from(value) { return bytes }
        throw wrong(key, "a string or a vector of bytes (0 to 255)", value)
    }
}

/// Bytes as the language has them: a vector of numbers from 0 to 255.
enum Bytes {
    static func value(_ bytes: some Sequence<UInt8>) -> Value { .vector(bytes.map { .int(Int64($0)) }) }

    static func from(_ value: Value) -> [UInt8]? {
        guard let elements = value.realizedElements else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(elements.count)
        for element in elements {
            guard let number = element.intValue, (0...255).contains(number) else { return nil }
            bytes.append(UInt8(number))
        }
        return bytes
    }
}

extension Value {
    /// The elements of a vector, a list or a realised sequence; nil for anything else.
    ///
    /// An unrealised sequence is none: realising it means running the script, which handlers cannot. Neither is one so long that it
    /// may have no end, as `(range)`: nobody's budget pays for its elements here.
    var realizedElements: [Value]? {
        switch self {
        case .vector(let vector): return vector.elements
        case .list, .lazy, .seq:
            var (elements, cursor): ([Value], SeqCursor) = ([], SeqCursor(self))
            do throws(Fault) {
                while let next = try cursor.next() {
                    guard elements.count < Value.mostElements else { return nil }
                    elements.append(next)
                }
            } catch { return nil }
            return elements
        default: return nil
        }
    }

    private static let mostElements = 1 << 24
}

/// Writes maps whose keys cannot fail to hash.
struct MapBuilder {
    private var map = HashMap()

    init() {}

    /// Leaves out what is nil.
    mutating func set(_ key: KnownName, _ value: Value?) {
        if let value { try? HashMap.set(&map, .kw(key), value) }
    }

    mutating func set(_ key: Value, _ value: Value) { try? HashMap.set(&map, key, value) }

    var value: Value { .map(map) }
    var hashMap: HashMap { map }
}

extension Value {
    /// Decoded JSON with other keys, to a depth beyond which it stays as it is.
    func withKeys(_ key: (Value) -> Value, _ depth: Int = 0) -> Value {
        guard depth < ChatWire.maxDepth else { return self }
        switch self {
        case .map(let map):
            var out = MapBuilder()
            map.forEach { name, value in
                out.set(key(name), value.withKeys(key, depth + 1))
                return true
            }
            return out.value
        case .vector(let vector): return .vector(vector.elements.map { $0.withKeys(key, depth + 1) })
        default: return self
        }
    }
}

/// JSON as the composition root gives it, because this target may not import the reader.
package struct JSONCodec: Sendable {
    package var encode: @Sendable (Value) throws(Fault) -> [UInt8]
    /// Object keys become keywords when the second argument is true, strings otherwise.
    package var decode: @Sendable ([UInt8], Bool) throws(Fault) -> Value

    package init(
        encode: @escaping @Sendable (Value) throws(Fault) -> [UInt8],
        decode: @escaping @Sendable ([UInt8], Bool) throws(Fault) -> Value
    ) {
        self.encode = encode
        self.decode = decode
    }

    func encoding(_ value: Value, _ what: String) throws(AdapterError) -> [UInt8] {
        do throws(Fault) {
            return try encode(value)
        } catch {
            throw .parameter("\(what) cannot be written as JSON: \(JSONCodec.words(error))")
        }
    }

    /// Tells text that was cut short from text that never was JSON: the first is worth another try.
    func decoding(_ bytes: [UInt8], keywords: Bool, _ what: String) throws(AdapterError) -> Value {
        do throws(Fault) {
            return try decode(bytes, keywords)
        } catch {
            let shown = String(decoding: bytes.prefix(200), as: UTF8.self)
            if JSONCodec.isCutShort(bytes) {
                throw AdapterError(
                    .truncatedJSON, "\(what) ends in the middle of its JSON: try again", retryable: true,
                    data: [.body(shown)])
            }
            throw AdapterError(.invalidJSON, "\(what) is not JSON: \(JSONCodec.words(error))", data: [.body(shown)])
        }
    }

    static func words(_ fault: Fault) -> String {
        switch fault {
        case .thrown(let exception): exception.message
        case .force: "it holds a lazy sequence; realise it with vec or doall"
        case .exhausted(let budget): "the budget for \(budget.rawValue) ran out"
        case .cancelled: "it was cancelled"
        }
    }

    /// Begins like JSON and ends within a string, an object or an array.
    static func isCutShort(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first(where: { $0 > 32 }) else { return true }
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"") else {
            return false
        }
        var (depth, inString, escaped) = (0, false, false)
        for byte in bytes {
            if escaped {
                escaped = false
            } else if inString {
                if byte == UInt8(ascii: "\\") { escaped = true }
                if byte == UInt8(ascii: "\"") { inString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): inString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
            }
        }
        return inString || depth > 0
    }
}
