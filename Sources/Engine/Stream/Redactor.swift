import Values

/// Knows the secrets of an instance and masks them in whatever leaves it: events, logs, errors, pages.
package final class Redactor: @unchecked Sendable {
    // Sendable: `lock` guards `secrets`.
    private let lock = Lock()
    private var known = SecretMask()
    private var isIdle = true

    /// What stands where a secret stood.
    package static let mask = SecretMask.mark
    /// Data nested deeper than this is masked whole, because its secrets cannot be looked for without a stack of its
    /// own.
    private static let deepest = 200

    package init() {}

    /// Remembers a secret; one that is too short to mask is ignored.
    package func add(_ secret: String) {
        lock.withLock {
            known.learn(Text(secret))
            isIdle = false
        }
    }

    /// What is known, or nil when there is nothing to mask. (Secret values print as a mask by themselves.)
    private var secrets: SecretMask? { lock.withLock { isIdle ? nil : known } }

    package func masked(_ text: String) -> String { secrets?.masking(text) ?? text }

    /// The value with every string in it masked; the same value when there is nothing to mask.
    package func masked(_ value: Value) -> Value {
        guard let secrets else { return value }
        return Redactor.masked(value, secrets, depth: 0)
    }

    package func masked(_ error: EffectError) -> EffectError {
        var error = error
        error.message = masked(error.message)
        error.data = masked(error.data)
        if let cause = error.cause, let secrets { error.cause = Redactor.masked(cause, secrets) }
        return error
    }

    /// An exception that tells a secret is another which does not; of a long chain of causes the outermost are kept.
    private static func masked(_ exception: Exception, _ known: SecretMask) -> Exception {
        var chain = [exception]
        while chain.count < deepest, case .object(let object) = chain[chain.count - 1].cause,
            let next = object as? Exception
        {
            chain.append(next)
        }
        var inner: Exception?
        for (index, link) in chain.enumerated().reversed() {
            let message = known.masking(link.message)
            let isCut = index == chain.count - 1 && chain.count == deepest
            let hasChanged = isCut || (index < chain.count - 1 && inner !== chain[index + 1])
            guard hasChanged || message != link.message || tells(link.data, known, depth: 0) else {
                inner = link
                continue
            }
            inner = Exception(
                link, message: message, data: masked(link.data, known, depth: 0),
                cause: isCut ? .nil : inner.map { .object($0) } ?? link.cause)
        }
        return inner ?? exception
    }

    /// Whether a secret is in the value.
    private static func tells(_ value: Value, _ known: SecretMask, depth: Int) -> Bool {
        guard depth < deepest else { return true }
        switch value {
        case .shortText, .longText: return value.stringValue.map { known.masking($0) != $0 } ?? false
        case .vector(let vector): return vector.elements.contains { tells($0, known, depth: depth + 1) }
        case .list(let list): return (list.elements ?? []).contains { tells($0, known, depth: depth + 1) }
        case .set(let set): return set.elementVector().elements.contains { tells($0, known, depth: depth + 1) }
        case .map(let map):
            return map.entries.contains {
                tells($0.0, known, depth: depth + 1) || tells($0.1, known, depth: depth + 1)
            }
        default: return false
        }
    }

    private static func masked(_ value: Value, _ known: SecretMask, depth: Int) -> Value {
        if case .object(let object) = value, object.kind == .secret { return .string(mask) }
        guard depth < deepest else { return .string(mask) }
        switch value {
        case .longText(let text): return .text(known.masking(text))
        case .shortText(let short): return .text(known.masking(short.text))
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
}
