import Values

/// Knows the secrets of an instance and masks them in whatever leaves it: events, logs, errors, pages.
package final class Redactor: @unchecked Sendable {
    // Sendable: `lock` guards `secrets`.
    private let lock = Lock()
    /// Longest first, so that a secret that contains another is masked whole.
    private var secrets: [[UInt8]] = []

    /// What stands where a secret stood.
    package static let mask = "[secret]"
    /// Shorter strings are no secrets: masking them would blot out ordinary text.
    package static let shortest = 4
    /// Data nested deeper than this is masked whole, because its secrets cannot be looked for without a stack of its own.
    private static let deepest = 200

    package init() {}

    /// Remembers a secret; one that is too short to mask is ignored.
    package func add(_ secret: String) {
        let bytes = Array(secret.utf8)
        guard bytes.count >= Redactor.shortest else { return }
        lock.withLock {
            guard !secrets.contains(bytes) else { return }
            secrets.append(bytes)
            secrets.sort { $0.count > $1.count }
        }
    }

    package var isIdle: Bool { lock.withLock { secrets.isEmpty } }

    package func masked(_ text: String) -> String {
        let known = lock.withLock { secrets }
        guard !known.isEmpty else { return text }
        return Redactor.replace(Array(text.utf8), known).map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// The value with every string in it masked; the same value when there is nothing to mask.
    package func masked(_ value: Value) -> Value {
        let known = lock.withLock { secrets }
        return Redactor.masked(value, known, depth: 0)
    }

    package func masked(_ error: EffectError) -> EffectError {
        var error = error
        error.message = masked(error.message)
        error.data = masked(error.data)
        return error
    }

    private static func masked(_ value: Value, _ known: [[UInt8]], depth: Int) -> Value {
        if case .object(let object) = value, object.kind == .secret { return .string(mask) }
        // Secret objects print as a mask by themselves, so without known strings nothing has to be copied.
        guard !known.isEmpty else { return value }
        guard depth < deepest else { return .string(mask) }
        switch value {
        case .text(let text):
            return replace(Array(text.utf8), known).map { .text(Text(repairing: $0)) } ?? value
        case .vector(let vector): return .vector(vector.elements.map { masked($0, known, depth: depth + 1) })
        case .list(let list):
            guard let elements = list.elements else { return value }
            return .list(elements.map { masked($0, known, depth: depth + 1) })
        case .map(let map):
            var made = HashMap()
            map.forEach { (key, item) in
                let item = masked(item, known, depth: depth + 1)
                // A key that cannot be hashed was never in a map; two keys masked alike become one.
                try? HashMap.set(&made, masked(key, known, depth: depth + 1), item)
                return true
            }
            return .map(made)
        case .set(let set):
            var made = HashSet()
            for element in set.elementVector().elements {
                try? HashSet.insert(&made, masked(element, known, depth: depth + 1))
            }
            return .set(made)
        default: return value
        }
    }

    /// Nil when none of the secrets occurs.
    private static func replace(_ bytes: [UInt8], _ known: [[UInt8]]) -> [UInt8]? {
        var made: [UInt8] = []
        var copied = 0
        var at = 0
        let starts = Set(known.map { $0[0] })
        while at < bytes.count {
            guard starts.contains(bytes[at]), let secret = known.first(where: { bytes[at...].starts(with: $0) }) else {
                at += 1
                continue
            }
            made += bytes[copied..<at]
            made += Array(mask.utf8)
            at += secret.count
            copied = at
        }
        guard copied > 0 else { return nil }
        return made + bytes[copied...]
    }
}
