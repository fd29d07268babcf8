import Values

/// Masks secrets in whatever leaves an instance: events, logs, errors, pages. What is a secret is known by its text, by the key
/// that it stands under (`SecretName`), or by its place in an address. The script itself gets everything as it is, but for what
/// the host alone knows.
///
/// Nothing is looked at before it leaves, so an event that nobody reads costs nothing.
package final class Redactor: @unchecked Sendable {
    // Sendable: `lock` guards what is known.
    private let lock = Lock()
    private var known = SecretMask()
    private var hidden = SecretMask()

    /// What stands where a secret stood.
    package static let mask = SecretMask.mark
    /// Data nested deeper than this is masked whole, because its secrets cannot be looked for without a stack of its
    /// own.
    fileprivate static let deepest = 200

    package init() {}

    /// Remembers a secret that the script is not to see either; one that is too short to mask is ignored.
    package func add(_ secret: String) {
        lock.withLock {
            known.learn(Text(secret))
            hidden.learn(Text(secret))
        }
    }

    /// Remembers a secret that the script has read itself.
    package func note(_ secret: String) { lock.withLock { known.learn(Text(secret)) } }

    private var masking: Masking { Masking(known: lock.withLock { known }) }

    package func masked(_ text: String) -> String {
        let masking = masking
        guard masking.knowsNothing else { return masking.masked(Text(text))?.string ?? text }
        // As most texts of most runs: nothing is made for it.
        var text = text
        return text.withUTF8 { AddressSecrets.masked($0) }.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// The value with every secret in it masked; the same value when there is nothing to mask. What is unrealised stays so.
    package func masked(_ value: Value) -> Value { masking.masked(value, depth: 0) ?? value }

    /// The error as the script gets it: without what the host alone knows, which an answer of its server may repeat.
    package func forScript(_ error: EffectError) -> EffectError {
        let masking = Masking(known: lock.withLock { hidden }, looksAtNames: false)
        guard !masking.knowsNothing else { return error }
        var error = error
        error.message = masking.masked(Text(error.message))?.string ?? error.message
        error.data = masking.masked(error.data, depth: 0) ?? error.data
        error.cause = error.cause.map { masking.masked($0) }
        return error
    }
}

/// One pass over a value. What has no secrets is nil in the answer, so that nothing is made anew without need.
private final class Masking {
    private let known: SecretMask
    /// Whether keys and addresses tell of secrets, too.
    private let looksAtNames: Bool
    /// Collections that are still looked into. What shares its parts is exponentially larger than it is stored; more than these
    /// nobody gets to see, and they are masked whole.
    private var looks = 1 << 18

    init(known: SecretMask, looksAtNames: Bool = true) {
        self.known = known
        self.looksAtNames = looksAtNames
    }

    var knowsNothing: Bool { known.isEmpty }

    private static let mask = Value.string(SecretMask.mark)
    /// Elements of a sequence that are looked at: it may have no end.
    private static let longest = 10_000

    func masked(_ text: Text) -> Text? {
        var masked = text
        if !known.isEmpty { masked = known.masking(text) }
        if looksAtNames, let bytes = masked.withUTF8({ AddressSecrets.masked($0) }) {
            return bytes.withUnsafeBufferPointer { Text(validated: $0) }
        }
        return masked == text ? nil : masked
    }

    /// An exception that tells a secret is another which does not; of a long chain of causes the outermost are kept.
    func masked(_ exception: Exception) -> Exception {
        var chain = [exception]
        while chain.count < Redactor.deepest, case .object(let object) = chain[chain.count - 1].cause,
            let next = object as? Exception
        {
            chain.append(next)
        }
        var inner: Exception?
        for (index, link) in chain.enumerated().reversed() {
            let (message, data) = (masked(Text(link.message))?.string, masked(link.data, depth: 0))
            let isCut = index == chain.count - 1 && chain.count == Redactor.deepest
            let hasChanged = isCut || (index < chain.count - 1 && inner !== chain[index + 1])
            guard hasChanged || message != nil || data != nil else {
                inner = link
                continue
            }
            inner = Exception(
                link, message: message ?? link.message, data: data ?? link.data,
                cause: isCut ? .nil : inner.map { .object($0) } ?? link.cause)
        }
        return inner ?? exception
    }

    func masked(_ value: Value, depth: Int) -> Value? {
        if case .object(let object) = value, object.kind == .secret { return Masking.mask }
        guard depth < Redactor.deepest else { return Masking.mask }
        switch value {
        case .longText(let text): return masked(text).map { .text($0) }
        // Too short for an address.
        case .shortText(let short): return known.isEmpty ? nil : masked(short.text).map { .text($0) }
        case .vector, .list, .lazy, .seq, .map, .set, .object: if !mayLook() { return Masking.mask }
        default: return nil
        }
        switch value {
        case .vector(let vector): return masked(vector.elements, depth).map { .vector($0) }
        case .list, .lazy, .seq: return masked(Masking.realised(value), depth).map { .list($0) }
        case .map(let map): return masked(map, depth)
        case .set(let set): return masked(set.elementVector().elements, depth).map { Masking.set($0) }
        case .object(let object): return masked(object, depth)
        default: return nil
        }
    }

    private func mayLook() -> Bool {
        looks -= 1
        return looks >= 0
    }

    private func masked(_ elements: some Collection<Value>, _ depth: Int) -> [Value]? {
        var made: [Value]?
        for (index, element) in elements.enumerated() {
            guard let masked = masked(element, depth: depth + 1) else {
                made?.append(element)
                continue
            }
            if made == nil { made = Array(elements.prefix(index)) }
            made?.append(masked)
        }
        return made
    }

    private func masked(_ map: HashMap, _ depth: Int) -> Value? {
        var changes: [(key: Value, newKey: Value?, item: Value)] = []
        map.forEach { (key, item) in
            let newKey = masked(key, depth: depth + 1)
            let newItem = isSecret(key, item) ? Masking.mask : masked(item, depth: depth + 1)
            if newKey != nil || newItem != nil { changes.append((key, newKey, newItem ?? item)) }
            return true
        }
        guard !changes.isEmpty else { return nil }
        var made = map
        for (key, newKey, item) in changes {
            // A key that cannot be hashed was never in a map; two keys masked alike become one.
            if newKey != nil { try? HashMap.remove(&made, key) }
            try? HashMap.set(&made, newKey ?? key, item)
        }
        return .map(made)
    }

    /// Whether the key says that its value must not be seen. Nothing, and a yes or no, tell nobody anything.
    private func isSecret(_ key: Value, _ item: Value) -> Bool {
        switch item {
        case .nil, .bool: false
        default: looksAtNames && SecretName.isSecret(key: key)
        }
    }

    /// Records and sorted collections, as the maps and lists that they show as.
    private func masked(_ object: Object, _ depth: Int) -> Value? {
        guard let entries = (try? object.seq()) ?? nil else { return nil }
        let elements = Masking.realised(entries)
        guard object.isLookup else { return masked(elements, depth).map { .list($0) } }
        var map = HashMap()
        for case .vector(let entry) in elements where entry.count == 2 {
            try? HashMap.set(&map, entry.elements[0], entry.elements[1])
        }
        return map.count == elements.count ? masked(map, depth) : masked(elements, depth).map { .list($0) }
    }

    /// What somebody has realised of a sequence.
    private static func realised(_ sequence: Value) -> [Value] {
        var elements: [Value] = []
        do throws(Fault) {
            try Sequences.forEach(sequence) { (element) throws(Fault) in
                guard elements.count < longest else { throw .illegalState("there is no end in sight") }
                elements.append(element)
            }
        } catch {
            // It ends where nobody has looked yet.
        }
        return elements
    }

    private static func set(_ elements: [Value]) -> Value {
        var made = HashSet()
        for element in elements { try? HashSet.insert(&made, element) }
        return .set(made)
    }
}
